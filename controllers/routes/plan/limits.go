// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ostiary/ostiary/controllers/routes"
)

// limits notes what policies ask for and the proxies of their routes cannot do. Nobody is
// let in by it, so it is no finding.
func (p *planner) limits() {
	for _, w := range p.wants {
		if w.Rules == nil || w.Rules.CORS == nil || !w.Rules.CORS.ManageResponses {
			continue
		}
		proxy := "its Gateway"
		if w.Ingress != nil {
			proxy = string(w.Class.Proxy)
		}
		if proxy == "" || w.Class.Proxy == routes.IngressNGINX && w.Mode == routes.Static {
			continue // by its own annotations it replaces the application's
		}
		p.plan.Limits = append(p.plan.Limits, routes.Finding{Object: w.Ref, Policy: w.Policy, Reason: routes.ResponsesNotManaged,
			Message: fmt.Sprintf("Managed does nothing for %s: %s hands what Ostiary says on a yes to the application, and puts none of it on the application's answers, which keep their own CORS headers, or none. Have the application send them, and write App; "+
				"what can manage them is in docs/guides/proxies.md", w.Ref, proxy)})
	}
	slices.SortFunc(p.plan.Limits, func(a, b routes.Finding) int { return cmp.Compare(a.Object.String(), b.Object.String()) })
}
