// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Snapshot reads what a plan is made from, and what may go around a policy. Of
// the kinds that a cluster need not have it reads those that are served. What may
// not be read is named in notLooked, and is empty in the World: who makes anything
// of the World has to say so, too. Any other failure is an error.
func Snapshot(ctx context.Context, r client.Reader, served map[string]bool, s routes.Settings) (w routes.Snapshot, notLooked []string, err error) {
	l := worldLister{ctx: ctx, reader: r}
	w.Served = served
	var policies v1alpha1.AccessPolicyList
	if !l.list("AccessPolicies", &policies) && l.err == nil {
		l.notLooked = append(l.notLooked, "AccessPolicies: the CRD "+"accesspolicies."+v1alpha1.GroupVersion.Group+" is not installed")
	}
	for i := range policies.Items {
		w.Policies = append(w.Policies, PolicyOf(&policies.Items[i]))
	}
	var ingresses networkingv1.IngressList
	l.list("Ingresses", &ingresses)
	w.Ingresses = Pointers(ingresses.Items)
	var classes networkingv1.IngressClassList
	l.list("IngressClasses", &classes)
	w.Classes = Pointers(classes.Items)
	var services corev1.ServiceList
	l.list("Services", &services)
	w.Services = Pointers(services.Items)
	var render discoveryv1.EndpointSliceList
	l.list("EndpointSlices of the render Service", &render, client.InNamespace(s.Namespace),
		client.MatchingLabels{discoveryv1.LabelServiceName: s.ServicePrefix + "-render"})
	w.Render = Pointers(render.Items)
	l.extras(&w)
	l.configs(&w, s.ConfigNamespaces)
	return w, l.notLooked, l.err
}

// NginxLabels are on what belongs to ingress-nginx.
var NginxLabels = client.MatchingLabels{"app.kubernetes.io/name": "ingress-nginx"}

// configs reads the ConfigMaps of ingress-nginx controllers. Where nothing is served by
// one, it does not matter whether they can be read.
func (l *worldLister) configs(w *routes.Snapshot, namespaces []string) {
	before := len(l.notLooked)
	for _, namespace := range namespaces {
		var configs corev1.ConfigMapList
		what := "ConfigMaps of ingress-nginx controllers"
		if namespace != "" {
			what += " in namespace " + namespace
		}
		l.list(what, &configs, NginxLabels, client.InNamespace(namespace))
		w.Configs = append(w.Configs, Pointers(configs.Items)...)
	}
	switch unread := l.notLooked[before:]; {
	case !routes.ServesNGINX(w):
		l.notLooked = l.notLooked[:before]
	case len(namespaces) == 0:
		w.ConfigsUnread = "this installation does not read the ConfigMaps of ingress-nginx (proxyConfigMaps of the chart, --proxy-config-namespaces)"
	case len(unread) > 0:
		w.ConfigsUnread = "what its ConfigMap says could not be read (" + strings.Join(unread, "; ") + ")"
	}
}

// A worldLister lists one kind after the other, until one fails.
type worldLister struct {
	ctx       context.Context // it lives as long as one listing
	reader    client.Reader
	notLooked []string
	err       error
}

// list reads one kind, and reports whether the API server has it.
func (l *worldLister) list(what string, into client.ObjectList, opts ...client.ListOption) bool {
	if l.err != nil {
		return false
	}
	err := l.reader.List(l.ctx, into, opts...)
	switch {
	case err == nil:
	case apierrors.IsForbidden(err):
		l.notLooked = append(l.notLooked, what+": "+err.Error())
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err):
		return false
	default:
		l.err = fmt.Errorf("listing %s: %w", what, err)
	}
	return true
}

func (l *worldLister) extras(w *routes.Snapshot) {
	done := map[string]bool{}
	for _, k := range routes.Kinds {
		if k.Into == nil || !w.Served[k.Name()] || done[k.Name()] {
			continue
		}
		var list unstructured.UnstructuredList
		list.SetGroupVersionKind(k.GroupVersion().WithKind(k.Kind + "List"))
		done[k.Name()] = l.list(k.Kind+"s", &list)
		into := k.Into(w)
		*into = append(*into, Pointers(list.Items)...)
	}
}

// Pointers are those of the items of a list.
func Pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

// PolicyOf is what a plan has to know of an AccessPolicy.
func PolicyOf(o *v1alpha1.AccessPolicy) routes.Policy {
	p := translate.Policy(o)
	return routes.Policy{NamespacedName: types.NamespacedName{Namespace: p.Source.Namespace, Name: p.Source.Name}, Hosts: p.Hosts, Paths: p.Paths, CORS: p.CORS, DryRun: p.DryRun}
}
