// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// A mirrorSlice is what is copied of our render Service's EndpointSlices: those of one
// kind of address and one port are one, so that its name depends on no pod.
type mirrorSlice struct {
	suffix    string
	kind      discoveryv1.AddressType
	port      int32
	endpoints []any
}

// sliceMax is how many endpoints an EndpointSlice may have.
const sliceMax = 1000

// mirrored reads them. An endpoint that is not ready is left out: there, every refusal
// would be waited for.
func mirrored(in []*discoveryv1.EndpointSlice) []mirrorSlice {
	type key struct {
		kind discoveryv1.AddressType
		port int32
	}
	addresses := map[key]map[string]bool{}
	for _, s := range in {
		at := key{s.AddressType, slicePort(s)}
		if at.port == 0 || s.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		for i := range s.Endpoints {
			e := &s.Endpoints[i]
			if e.Conditions.Ready != nil && !*e.Conditions.Ready || len(e.Addresses) == 0 {
				continue
			}
			if addresses[at] == nil {
				addresses[at] = map[string]bool{}
			}
			addresses[at][e.Addresses[0]] = true // the others mean nothing
		}
	}
	keys := slices.SortedFunc(maps.Keys(addresses), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.port, b.port))
	})
	var out []mirrorSlice
	for _, k := range keys {
		m := mirrorSlice{suffix: "-" + strings.ToLower(string(k.kind)) + "-" + strconv.Itoa(int(k.port)), kind: k.kind, port: k.port}
		for _, a := range routes.SortedKeys(addresses[k]) {
			if len(m.endpoints) < sliceMax {
				m.endpoints = append(m.endpoints, map[string]any{"addresses": []any{a}, "conditions": map[string]any{"ready": true}})
			}
		}
		out = append(out, m)
	}
	return out
}

// slicePort is the only port of our render Service; 0: it has none.
func slicePort(s *discoveryv1.EndpointSlice) int32 {
	for i := range s.Ports {
		if s.Ports[i].Port != nil {
			return *s.Ports[i].Port
		}
	}
	return 0
}

// mirror gives a Service the endpoints of our render Service. ingress-nginx cannot be
// led there by name: of an ExternalName it makes an address that is none.
func (p *planner) mirror(w *family.Wants) {
	if at := p.Settings.Service("render"); len(p.mirrors) == 0 && p.Service(at) != nil {
		p.plan.Findings = append(p.plan.Findings, routes.Finding{Object: routes.Ref{Kind: "Service", NamespacedName: at}, Reason: routes.NoRenderEndpoints,
			Message: fmt.Sprintf("Service %s has no endpoints, so what Ostiary refuses is shown as ingress-nginx's own 404 where the mode is render. Look at the pods of Ostiary.", at)})
	}
	for _, m := range p.mirrors {
		o := family.Object(family.SliceVersion, "EndpointSlice", types.NamespacedName{Namespace: w.Mirror.Namespace, Name: w.Mirror.Name + m.suffix}, family.ForRoute(w.Ref), nil, map[string]any{
			"addressType": string(m.kind),
			"ports":       []any{map[string]any{"name": "render", "protocol": "TCP", "port": int64(m.port)}},
			"endpoints":   m.endpoints,
		})
		labels := o.GetLabels()
		labels[discoveryv1.LabelServiceName], labels[discoveryv1.LabelManagedBy] = w.Mirror.Name, routes.FieldManager
		o.SetLabels(labels)
		p.put(o)
		w.Needs = append(w.Needs, routes.Ref{Kind: o.GetKind(), NamespacedName: routes.NameOf(o)})
	}
}
