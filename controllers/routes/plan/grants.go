// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes/family"
)

// A grant is what a ReferenceGrant is from.
type grant struct{ kind, namespace string }

// granted notes that a family wants one.
func (p *planner) granted(g family.Grant) {
	at := grant{g.Kind, g.Namespace}
	if !slices.Contains(p.grants[at], g.Service) {
		p.grants[at] = append(p.grants[at], g.Service)
		slices.Sort(p.grants[at])
	}
}

// referenceGrants makes those that were asked for.
func (p *planner) referenceGrants() {
	version := family.GatewayGroup + "/v1beta1" // what has v1 serves it, too
	if p.Served[family.ReferenceGrantV1Kind] {
		version = family.GatewayVersion
	}
	for at, services := range p.grants {
		group := family.GatewayGroup
		if at.kind == "SecurityPolicy" {
			group = family.EnvoyGroup
		}
		var to []any
		for _, name := range services {
			to = append(to, map[string]any{"group": "", "kind": "Service", "name": name})
		}
		name := types.NamespacedName{Namespace: p.Settings.Namespace, Name: family.CentralName("grant", at.namespace, strings.ToLower(at.kind))}
		why := family.PurposeOf("each "+at.kind+" of namespace "+at.namespace+" that is opted in", "grant", at.kind, at.namespace)
		p.put(family.Object(version, "ReferenceGrant", name, why, nil, family.Spec(map[string]any{
			"from": []any{map[string]any{"group": group, "kind": at.kind, "namespace": at.namespace}}, "to": to,
		})))
	}
}
