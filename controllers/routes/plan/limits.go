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
	for _, b := range p.plan.Bindings {
		rules := p.policies[b.Policy]
		if rules == nil || rules.CORS == nil || !rules.CORS.ManageResponses {
			continue
		}
		proxy := "its Gateway"
		for _, g := range p.guards {
			if g.ref == b.Route {
				proxy = string(g.proxy)
				if g.proxy == routes.IngressNGINX && g.mode == routes.Static {
					proxy = "" // by its own annotations it replaces the application's
				}
			}
		}
		if proxy == "" {
			continue
		}
		p.plan.Limits = append(p.plan.Limits, routes.Finding{Object: b.Route, Policy: b.Policy, Reason: routes.ResponsesNotManaged,
			Message: fmt.Sprintf("Managed does nothing for %s: %s hands what Ostiary says on a yes to the application, and puts none of it on the application's answers, which keep their own CORS headers, or none. Have the application send them, and write App; "+
				"what can manage them is in docs/guides/proxies.md", b.Route, cmp.Or(proxy, "its proxy"))})
	}
	slices.SortFunc(p.plan.Limits, func(a, b routes.Finding) int { return cmp.Compare(a.Object.String(), b.Object.String()) })
}
