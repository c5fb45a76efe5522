// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
)

// Every outcome of a plan over a small alphabet: two routes that name a policy, each
// guarded or not, seen or not, wrong by the plan, by carrying it out, or not; something
// around the policy or not; the policy in force or not. What is shown is true.
func TestConditionsTellWhatIs(t *testing.T) {
	web := types.NamespacedName{Namespace: "shop", Name: "web"}
	ref := func(name string) routes.Ref {
		return routes.Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Namespace: "shop", Name: name}}
	}
	for state := range 1 << 11 {
		bit := func(n int) bool { return state>>n&1 == 1 }
		var p plan.Plan
		var refused, around []routes.Finding
		guarded, seen := true, true
		for i, name := range []string{"a", "b"} {
			if i == 1 && !bit(9) {
				continue // there is one route
			}
			b := routes.Binding{Route: ref(name), Policy: web, Guarded: bit(4 * i)}
			if bit(4*i + 1) {
				b.Unseen = "its ConfigMap may not be read"
			}
			guarded, seen = guarded && b.Guarded, seen && b.Unseen == ""
			p.Bindings = append(p.Bindings, b)
			if bit(4*i + 2) {
				p.Findings = append(p.Findings, routes.Finding{Object: b.Route, Policy: web, Reason: routes.AppCanary, Message: "m"})
			}
			if bit(4*i + 3) {
				refused = append(refused, routes.Finding{Object: b.Route, Policy: web, Reason: reasonRejected, Message: "m"})
			}
		}
		if bit(8) {
			around = []routes.Finding{{Object: ref("other"), Policy: web, Reason: routes.NoAuthURL, Message: "m"}}
		}
		for _, accepted := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse} {
			report := newReport(&p, refused, around, func(routes.Ref, types.NamespacedName) bool { return bit(10) })
			said := report.conditions().Of(web, feed.Standing{Accepted: &metav1.Condition{Status: accepted, Reason: "R"}})
			routed, covered := said[v1alpha1.ConditionRouted], said[v1alpha1.ConditionCovered]
			about := fmt.Sprintf("state %010b, accepted %s: %+v, %+v", state, accepted, routed, covered)
			clean := len(p.Findings)+len(refused) == 0
			if want := guarded && clean && seen; (routed.Status == metav1.ConditionTrue) != want {
				t.Errorf("Routed is not what is: %s", about)
			}
			if want := guarded && clean && !seen; (routed.Status == metav1.ConditionUnknown) != want || want && (routed.Reason != routes.ProxyConfigUnread || !strings.Contains(routed.Message, "ConfigMap")) {
				t.Errorf("Routed does not say what could not be read: %s", about)
			}
			if covered.Status == metav1.ConditionTrue && (!bit(10) || routed.Status != metav1.ConditionTrue || accepted != metav1.ConditionTrue || len(around) > 0) {
				t.Errorf("Covered is True and nobody can know: %s", about)
			}
			if (len(around) > 0 || !guarded || len(refused) > 0) && covered.Status != metav1.ConditionFalse {
				t.Errorf("Covered is not False where something may be open: %s", about)
			}
			if covered.Reason == reasonNotAskedYet && (bit(10) || routed.Status != metav1.ConditionTrue || !strings.Contains(covered.Message, "Ingress shop/a")) {
				t.Errorf("Covered complains of silence: %s", about)
			}
			if routed.Reason == "" || covered.Reason == "" || covered.Message == "" || routed.Message == "" {
				t.Errorf("words are missing: %s", about)
			}
		}
	}
}

// What is only good to know is in the message, and changes no status.
func TestMildFindings(t *testing.T) {
	web := types.NamespacedName{Namespace: "shop", Name: "web"}
	route := routes.Ref{Kind: "HTTPRoute", NamespacedName: web}
	mild := routes.Finding{Object: route, Policy: web, Reason: routes.WildcardWidth, Message: "web is wide", Mild: true}
	is := routed([]routes.Binding{{Route: route, Policy: web, Guarded: true}}, []routes.Finding{mild})
	if is.Status != metav1.ConditionTrue || is.Reason != "Routed" || !strings.Contains(is.Message, "web is wide") {
		t.Errorf("%+v", is)
	}
	worse := routes.Finding{Object: route, Policy: web, Reason: routes.MissingFilter, Message: "web asks nobody"}
	is = routed([]routes.Binding{{Route: route, Policy: web}}, []routes.Finding{mild, worse})
	if is.Status != metav1.ConditionFalse || is.Reason != routes.MissingFilter || !strings.Contains(is.Message, "web is wide") {
		t.Errorf("%+v", is)
	}
}

// What is told of a route that was written contradicts nothing that is told of it at
// the same moment.
func TestEventsDoNotContradict(t *testing.T) {
	web := types.NamespacedName{Namespace: "shop", Name: "web"}
	app := routes.Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Namespace: "shop", Name: "app"}}
	config := routes.Ref{Kind: "ConfigMap", NamespacedName: types.NamespacedName{Namespace: "nginx", Name: "c"}}
	for name, tc := range map[string]struct {
		guarded  bool
		unseen   string
		findings []routes.Finding
		how      string
		want     string
	}{
		"guarded":        {guarded: true, how: "applied", want: "Routed"},
		"not guarded":    {how: "applied", want: "Annotated"},
		"a missing kind": {findings: []routes.Finding{{Object: app, Policy: web, Reason: routes.MissingKind}}, how: "applied", want: "Annotated"},
		"a ConfigMap":    {guarded: true, findings: []routes.Finding{{Object: config, Policy: web, Reason: routes.AnnotationsRefused}}, how: "applied", want: "Annotated"},
		"of another":     {guarded: true, findings: []routes.Finding{{Object: config, Policy: types.NamespacedName{Namespace: "shop", Name: "x"}}}, how: "applied", want: "Routed"},
		"unread":         {guarded: true, unseen: "it may not be read", how: "applied", want: "Annotated"},
		"released":       {how: "released", want: "Released"},
	} {
		plan := &plan.Plan{Bindings: []routes.Binding{{Route: app, Policy: web, Guarded: tc.guarded, Unseen: tc.unseen}}}
		if reason, note := wroteWords(plan, app, tc.how, tc.findings); reason != tc.want || !strings.Contains(note, tc.unseen) {
			t.Errorf("%s: %s %q, want %s", name, reason, note, tc.want)
		}
	}
}

// What routes and coverage say is not more than the table does.
func TestTempered(t *testing.T) {
	of := types.NamespacedName{Namespace: "n", Name: "p"}
	for name, tc := range map[string]struct {
		is     feed.Standing
		status metav1.ConditionStatus
		reason string
		says   string
	}{
		"in force":  {feed.Standing{}, metav1.ConditionTrue, "Covered", "No unprotected route"},
		"lost":      {feed.Standing{Reason: policy.HostOwnedByOtherNamespace, Problems: "spec.hosts[0]: app.example.com belongs to namespace other"}, metav1.ConditionFalse, "HostOwnedByOtherNamespace", "is not active for all hosts and paths that it claims: spec.hosts[0]: app.example.com belongs to namespace other"},
		"reserved":  {feed.Standing{Reason: policy.HostReserved}, metav1.ConditionFalse, "HostReserved", "is not active"},
		"conflict":  {feed.Standing{Reason: policy.Conflict}, metav1.ConditionTrue, "Covered", "No unprotected route"},
		"contended": {feed.Standing{Warning: policy.HostContended}, metav1.ConditionTrue, "Covered", "are denied there (see Degraded)"},
	} {
		r := newReport(&plan.Plan{}, nil, nil, func(routes.Ref, types.NamespacedName) bool { return true })
		r.routed[of] = metav1.Condition{Status: metav1.ConditionTrue, Reason: "Covered", Message: "No unprotected route"}
		said := r.conditions().Of(of, tc.is)
		for _, kind := range []string{v1alpha1.ConditionRouted, v1alpha1.ConditionCovered} {
			c, ok := said[kind]
			if !ok || c.Status != tc.status || c.Reason != tc.reason || !strings.Contains(c.Message, tc.says) {
				t.Errorf("%s: %s: %+v", name, kind, c)
			}
		}
	}
}

// What the proxy of a route cannot do for its policy is a warning of that policy.
func TestResponsesNotManaged(t *testing.T) {
	key := types.NamespacedName{Namespace: "n", Name: "p"}
	ap := &v1alpha1.AccessPolicy{}
	ap.Spec.CORS = &v1alpha1.CORS{AllowedOrigins: []v1alpha1.Origin{"https://spa.example.com"}, Responses: v1alpha1.ResponsesManaged}
	if c := cluster.PolicyOf(ap).CORS; c == nil || !c.ManageResponses {
		t.Errorf("the plan does not know of it: %+v", c)
	}
	said := newReport(&plan.Plan{Limits: []routes.Finding{{Policy: key, Reason: routes.ResponsesNotManaged, Message: "Managed does nothing for Ingress n/web"}}}, nil, nil, nil).conditions().Issues
	want := map[types.NamespacedName][]policy.Issue{key: {{Source: policy.Source{Namespace: "n", Name: "p", Field: "spec.cors.responses"}, Reason: policy.ResponsesNotManaged, Message: "Managed does nothing for Ingress n/web"}}}
	if !reflect.DeepEqual(said, want) {
		t.Errorf("%+v", said)
	}
}
