// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// A grant is what a ReferenceGrant is from.
type grant struct{ kind, namespace string }

// granted notes that a family wants one.
func (p *planner) granted(g Grant) {
	at := grant{g.Kind, g.Namespace}
	if !slices.Contains(p.grants[at], g.Service) {
		p.grants[at] = append(p.grants[at], g.Service)
		slices.Sort(p.grants[at])
	}
}

// referenceGrants makes those that were asked for.
func (p *planner) referenceGrants() {
	version := gatewayGroup + "/v1beta1" // what has v1 serves it, too
	if p.Served[referenceGrantV1Kind] {
		version = gatewayVersion
	}
	for at, services := range p.grants {
		group := gatewayGroup
		if at.kind == "SecurityPolicy" {
			group = envoyGroup
		}
		var to []any
		for _, name := range services {
			to = append(to, map[string]any{"group": "", "kind": "Service", "name": name})
		}
		name := types.NamespacedName{Namespace: p.Settings.Namespace, Name: centralName("grant", at.namespace, strings.ToLower(at.kind))}
		why := purpose{digest("grant", at.kind, at.namespace), "each " + at.kind + " of namespace " + at.namespace + " that is opted in"}
		p.put(object(version, "ReferenceGrant", name, why, nil, spec(map[string]any{
			"from": []any{map[string]any{"group": group, "kind": at.kind, "namespace": at.namespace}}, "to": to,
		})))
	}
}
