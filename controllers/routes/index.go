// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
)

// An Index is a Snapshot, read once by the settings of an installation: who asks us,
// and about what.
type Index struct {
	*Snapshot
	Settings Settings
	policies map[types.NamespacedName]*Policy
	routes   map[*networkingv1.Ingress]*Route
	services map[types.NamespacedName]*corev1.Service
	shared   *Sharing
	once     map[reflect.Type]any // what Once has read
}

// Read reads a Snapshot. Which of two defaults counts, and the like, depends on no order
// of its objects.
func Read(w Snapshot, s Settings) *Index {
	w.Ingresses = sorted(w.Ingresses)
	w.Classes = sorted(w.Classes)
	for _, list := range []*[]*unstructured.Unstructured{&w.HTTPRoutes, &w.Gateways, &w.GatewayClasses, &w.Middlewares, &w.SecurityPolicies} {
		*list = sorted(*list)
	}
	s.PathPrefix = strings.TrimSuffix(cmp.Or(s.PathPrefix, contract.DefaultPathPrefix), "/")
	s.ServicePrefix = cmp.Or(s.ServicePrefix, "ostiary")
	s.Mode = cmp.Or(s.Mode, Render)
	x := &Index{Snapshot: &w, Settings: s, policies: map[types.NamespacedName]*Policy{}, routes: map[*networkingv1.Ingress]*Route{}, once: map[reflect.Type]any{}}
	for i := range w.Policies {
		x.policies[w.Policies[i].NamespacedName] = &w.Policies[i]
	}
	return x
}

// PolicyOf returns the policy of a name; nil: it is not there.
func (x *Index) PolicyOf(name types.NamespacedName) *Policy { return x.policies[name] }

// Once reads something out of the whole of an Index, once: what a family of proxies has to
// know of all objects to judge one.
func Once[T any](x *Index, read func(*Index) T) T {
	key := reflect.TypeFor[T]()
	if known, ok := x.once[key]; ok {
		return known.(T)
	}
	out := read(x)
	x.once[key] = out
	return out
}
