// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
)

// Reasons of Covered where it is neither a finding nor true.
const (
	reasonNotRouted   = "NotRouted"   // what names the policy may not ask
	reasonNotAccepted = "NotAccepted" // not all that it claims is in force
	reasonNotAskedYet = "NotAskedYet" // no question has arrived that would show that its proxy can ask
)

// A reported is what conditions of policies say of routes. Of a policy that is
// not in it they say nothing.
type reported struct {
	routed  map[types.NamespacedName]metav1.Condition
	covered func(types.NamespacedName) metav1.Condition
	limited map[types.NamespacedName][]routes.Finding
}

// limits are what the proxies of routes cannot do for their policies, as warnings.
func (r *reported) limits() map[types.NamespacedName][]policy.Issue {
	out := map[types.NamespacedName][]policy.Issue{}
	for of, findings := range r.limited {
		for _, f := range findings {
			out[of] = append(out[of], policy.Issue{Source: policy.Source{Namespace: of.Namespace, Name: of.Name, Field: "spec.cors.responses"}, Reason: policy.IssueReason(f.Reason), Message: f.Message})
		}
	}
	return out
}

// newReport words what was found, by policy: by the plan, by carrying it out, and
// around both. arrived says of a route, and of the policy that it names, whether anybody
// asked about it; of a policy alone, whether anybody did by no route.
func newReport(plan *plan.Plan, refused, around []routes.Finding, arrived func(route routes.Ref, policy types.NamespacedName) bool) *reported {
	r := &reported{routed: map[types.NamespacedName]metav1.Condition{}, limited: byPolicy(plan.Limits)}
	bindings := map[types.NamespacedName][]routes.Binding{}
	for _, b := range plan.Bindings {
		bindings[b.Policy] = append(bindings[b.Policy], b)
	}
	wrong, stuck, uncovered := byPolicy(slices.Concat(plan.Findings, refused)), byPolicy(refused), byPolicy(around)
	for policy, bound := range bindings {
		r.routed[policy] = routed(bound, wrong[policy])
	}
	r.covered = func(policy types.NamespacedName) metav1.Condition {
		c, named := covered(uncovered[policy]), bindings[policy]
		is := r.routed[policy]
		switch {
		case c.Status != metav1.ConditionTrue:
		case len(named) > 0 && is.Status != metav1.ConditionTrue:
			c = unrouted(c, is, len(stuck[policy]) > 0 || slices.ContainsFunc(named, func(b routes.Binding) bool { return !b.Guarded }))
		default:
			c = witnessed(c, policy, named, arrived)
		}
		return c
	}
	return r
}

// unrouted is Covered of a policy of which Routed is not True; open: something that names
// it may be served without asking.
func unrouted(c, routed metav1.Condition, open bool) metav1.Condition {
	c.Status, c.Reason, c.Message = metav1.ConditionUnknown, reasonNotRouted, "Not known while Routed is not True: "+routed.Reason
	if open && routed.Status == metav1.ConditionFalse {
		c.Status, c.Message = metav1.ConditionFalse, "Routes that reference this policy may be unprotected; see Routed: "+routed.Reason
	}
	if routed.Reason == routes.ProxyConfigUnread {
		c.Reason = routed.Reason
	}
	return c
}

// routed is the condition of a policy that routes name.
func routed(bound []routes.Binding, found []routes.Finding) metav1.Condition {
	var names, unseen []string
	var wrong, mild []routes.Finding
	for _, f := range found {
		if f.Mild {
			mild = append(mild, f)
		} else {
			wrong = append(wrong, f)
		}
	}
	for _, b := range bound {
		names = append(names, b.Route.String())
		if b.Unseen != "" && !slices.Contains(unseen, b.Unseen) {
			unseen = append(unseen, b.Unseen)
		}
		if !b.Guarded && !slices.ContainsFunc(wrong, func(f routes.Finding) bool { return f.Object == b.Route }) {
			wrong = append(wrong, routes.Finding{Object: b.Route, Reason: "NotGuarded", Message: b.Route.String() + " is not fully protected"})
		}
	}
	slices.Sort(names)
	who := cluster.Truncate(strings.Join(slices.Compact(names), ", "), 1024)
	c := metav1.Condition{Type: v1alpha1.ConditionRouted, Status: metav1.ConditionTrue, Reason: "Routed",
		Message: "All routes that reference this policy are protected: " + who}
	if len(mild) > 0 {
		c.Message = cluster.Truncate(c.Message+". "+worded(mild), 32<<10)
	}
	switch {
	case len(wrong) > 0:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, wrong[0].Reason, worded(append(wrong, mild...))
	case len(unseen) > 0:
		c.Status, c.Reason = metav1.ConditionUnknown, routes.ProxyConfigUnread
		c.Message = cluster.Truncate("All routes that reference this policy are configured: "+who+". Whether ingress-nginx asks Ostiary is not known, because "+strings.Join(unseen, "; "), 32<<10)
	}
	return c
}

// witnessed: that everything is configured shows nothing about whether a proxy can ask:
// a NetworkPolicy may keep it out, or a data plane may do something else than it says.
func witnessed(c metav1.Condition, policy types.NamespacedName, bound []routes.Binding, arrived func(routes.Ref, types.NamespacedName) bool) metav1.Condition {
	var silent []string
	for _, b := range bound {
		if !arrived(b.Route, policy) {
			silent = append(silent, b.Route.String())
		}
	}
	if len(bound) == 0 && !arrived(routes.Ref{}, policy) {
		silent = []string{"its hosts"}
	}
	if len(silent) == 0 {
		return c
	}
	slices.Sort(silent)
	c.Status, c.Reason = metav1.ConditionUnknown, reasonNotAskedYet
	c.Message = cluster.Truncate(c.Message+"; but Ostiary has not received an auth request for "+strings.Join(slices.Compact(silent), ", ")+" yet. Send a request to it. If this does not change, the proxy sends no auth requests or cannot reach Ostiary: check networkPolicy.proxyNamespaces of the chart", 32<<10)
	return c
}

// covered is the condition that what goes around a policy leads to.
func covered(around []routes.Finding) metav1.Condition {
	if len(around) > 0 {
		return metav1.Condition{Type: v1alpha1.ConditionCovered, Status: metav1.ConditionFalse, Reason: around[0].Reason, Message: worded(around)}
	}
	return metav1.Condition{Type: v1alpha1.ConditionCovered, Status: metav1.ConditionTrue, Reason: "Covered",
		Message: "No unprotected route to these hosts was found"}
}

// conditionTypes are those that this controller answers for.
var conditionTypes = []string{v1alpha1.ConditionRouted, v1alpha1.ConditionCovered}

// NoConditions says nothing of any policy, and has what was said before removed.
func NoConditions() *feed.Conditions { return &feed.Conditions{Types: conditionTypes} }

// conditions are what is written on policies: what is true of the routes, as far as the
// policy decides there.
func (r *reported) conditions() *feed.Conditions {
	return &feed.Conditions{Types: conditionTypes, Issues: r.limits(), Of: func(of types.NamespacedName, is feed.Standing) map[string]metav1.Condition {
		out := map[string]metav1.Condition{v1alpha1.ConditionCovered: temper(acceptedToo(r.covered(of), is), is)}
		if c, ok := r.routed[of]; ok {
			out[v1alpha1.ConditionRouted] = temper(c, is)
		}
		return out
	}}
}

// temper takes from a condition that is not False what the table does not do.
func temper(c metav1.Condition, is feed.Standing) metav1.Condition {
	switch {
	case c.Status == metav1.ConditionFalse:
	case slices.Contains([]policy.IssueReason{policy.HostOwnedByOtherNamespace, policy.HostNotGranted, policy.HostReserved}, is.Reason):
		c.Status, c.Reason = metav1.ConditionFalse, string(is.Reason)
		c.Message = cluster.Truncate("This policy is not active for all hosts and paths that it claims: "+is.Problems, 1024)
	case is.Warning == policy.HostContended:
		c.Message += "; but another namespace also claims one of these hosts, so requests that do not name their route are denied there (see Degraded)"
	}
	return c
}

// acceptedToo: what a policy claims and does not have is guarded by nobody, or by the
// policies of others.
func acceptedToo(c metav1.Condition, is feed.Standing) metav1.Condition {
	if c.Status == metav1.ConditionTrue && is.Accepted != nil && is.Accepted.Status == metav1.ConditionFalse {
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, reasonNotAccepted, "Not all hosts and paths are active; see Accepted: "+is.Accepted.Reason
	}
	return c
}

// withWindow says of what is routed how long a new route is open: nothing guards an
// HTTPRoute in the write that opts in, and nothing an Ingress where that was chosen.
func (r *reported) withWindow(bindings []routes.Binding, admission bool) *reported {
	for policy, c := range r.routed {
		note := ""
		for _, b := range bindings {
			switch {
			case b.Policy != policy:
			case !admission:
				note = " (admission.guard is off: a new route is unprotected until Ostiary has configured it)"
			case b.Route.Kind == "HTTPRoute":
				note = " (a new HTTPRoute is unprotected until Ostiary has configured it)"
			}
		}
		if c.Status == metav1.ConditionTrue {
			c.Message = cluster.Truncate(c.Message, 32<<10-len(note)) + note
			r.routed[policy] = c
		}
	}
	return r
}
