// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

const (
	toWeb     = "targetRefs: [{kind: HTTPRoute, name: web}]"
	plainRule = "{name: a, backendRefs: [{name: app, port: 80}]}"
)

// securityPolicy is one of the namespace shop.
func securityPolicy(name, spec string) string {
	const kind = "apiVersion: gateway.envoyproxy.io/v1alpha1, kind: SecurityPolicy"
	return fmt.Sprintf("{%s, metadata: {name: %s, namespace: shop}, spec: {%s}}", kind, name, spec)
}

// extAuth is a question over HTTP to a backend of ours.
func extAuth(port, path, more string) string {
	return fmt.Sprintf("extAuth: {http: {path: %q, backendRefs: [{name: ostiary-authz, namespace: ostiary%s}]}%s}", path, port, more)
}

// A SecurityPolicy asks us if all its backends are our authz listener, at its port and at
// Envoy's path for that very route, or our gRPC listener, and if it fails closed.
func TestSecurityPolicyAsks(t *testing.T) {
	pinned := contract.EnvoyRoutePrefix + "shop/web"
	toBoth := func(kind string) string { return ", targetRefs: [{kind: HTTPRoute, name: web}, {kind: " + kind + "}]" }
	grpc := func(name string) string {
		return "extAuth: {grpc: {backendRefs: [{name: " + name + ", namespace: ostiary, port: 9005}]}%s}"
	}
	two := "extAuth: {http: {path: /authz/v1/envoy, backendRefs: [{name: ostiary-authz, namespace: ostiary}, {name: sso}]}}"
	for name, tc := range map[string]struct {
		spec string
		want bool
	}{
		"as it is planned":            {extAuth(", port: 9001", pinned, "") + ", " + toWeb, true},
		"without a pin":               {extAuth(", port: 9001", contract.EnvoyPrefix, "") + ", " + toWeb, true},
		"without a port":              {extAuth("", pinned, "") + ", " + toWeb, true},
		"at another port":             {extAuth(", port: 9002", pinned, "") + ", " + toWeb, false},
		"at another path":             {extAuth(", port: 9001", contract.NginxHeaderPath, "") + ", " + toWeb, false},
		"at none":                     {extAuth(", port: 9001", "", "") + ", " + toWeb, false},
		"pinned to another route":     {extAuth("", contract.EnvoyRoutePrefix+"shop/other", "") + ", " + toWeb, false},
		"pinned, and for two":         {extAuth("", pinned, "") + toBoth("HTTPRoute, name: b"), false},
		"pinned, the second of two":   {extAuth("", pinned, "") + ", " + strings.Replace(toWeb, "[", "[{kind: HTTPRoute, name: b}, ", 1), false},
		"pinned, and for rules of it": {extAuth("", pinned, "") + toBoth("HTTPRoute, name: web, sectionName: a"), true},
		"pinned, by the older field":  {extAuth("", pinned, "") + ", targetRef: {kind: HTTPRoute, name: web}", true},
		"pinned, for a Gateway":       {extAuth("", pinned, "") + ", targetRefs: [{kind: Gateway, name: web}]", false},
		"pinned, and for labels":      {extAuth("", pinned, "") + ", " + toWeb + ", targetSelectors: [{kind: HTTPRoute}]", false},
		"for two, without a pin":      {extAuth("", contract.EnvoyPrefix, "") + toBoth("Gateway, name: b"), true},
		"failing open":                {extAuth(", port: 9001", pinned, ", failOpen: true") + ", " + toWeb, false},
		"failing closed, in words":    {extAuth(", port: 9001", pinned, ", failOpen: false") + ", " + toWeb, true},
		"of two backends":             {two, false},
		"another Service":             {strings.Replace(extAuth("", pinned, ""), "ostiary-authz", "ostiary-public", 1) + ", " + toWeb, false},
		"one of another namespace":    {strings.Replace(extAuth("", pinned, ""), ", namespace: ostiary", "", 1) + ", " + toWeb, false},
		"gRPC":                        {fmt.Sprintf(grpc("ostiary-grpc"), ""), true},
		"gRPC, failing open":          {fmt.Sprintf(grpc("ostiary-grpc"), ", failOpen: true"), false},
		"gRPC, at the authz listener": {fmt.Sprintf(grpc("ostiary-authz"), ""), false},
		"one backend":                 {"extAuth: {grpc: {backendRef: {name: ostiary-grpc, namespace: ostiary}}}", true},
		"no backend":                  {"extAuth: {grpc: {}}", false},
		"nothing":                     {"cors: {}", false},
	} {
		x := world(t, securityPolicy("p", tc.spec))
		if got := ExtAuthAsks(x, x.SecurityPolicies[0]); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// Of several SecurityPolicies the one for a rule counts before the one for its route, and
// that before those for all its Gateways. Where two contradict each other it may be either.
// byLabels selects what has the label of the application.
func byLabels(kind string) string {
	return "targetSelectors: [{kind: " + kind + ", matchLabels: {app: web}}]"
}

func TestSecurityPolicyOf(t *testing.T) {
	ask, not := extAuth("", contract.EnvoyPrefix, "")+", ", "cors: {}, "
	gateway, section := "targetRefs: [{kind: Gateway, name: gw}]", "targetRefs: [{kind: HTTPRoute, name: web, sectionName: a}]"
	for name, tc := range map[string]struct {
		policies []string
		a, b     bool // whether rules of these names are asked about
	}{
		"none":                              {nil, false, false},
		"for the route":                     {[]string{ask + toWeb}, true, true},
		"for one rule":                      {[]string{ask + section}, true, false},
		"for the Gateway":                   {[]string{ask + gateway}, true, true},
		"for the Gateway, replaced":         {[]string{ask + gateway, not + toWeb}, false, false},
		"for the Gateway, replaced in part": {[]string{ask + gateway, not + section}, false, true},
		"for the route, replaced in part":   {[]string{ask + toWeb, not + section}, false, true},
		"for a rule, not for the route":     {[]string{not + toWeb, ask + section}, true, false},
		"for a listener of the Gateway":     {[]string{ask + "targetRefs: [{kind: Gateway, name: gw, sectionName: http}]"}, false, false},
		"for another route":                 {[]string{ask + "targetRefs: [{kind: HTTPRoute, name: other}]"}, false, false},
		"for another kind":                  {[]string{ask + "targetRefs: [{kind: GRPCRoute, name: web}]"}, false, false},
		"two that contradict":               {[]string{ask + toWeb, not + toWeb}, false, false},
		"two that do, in another order":     {[]string{not + toWeb, ask + toWeb}, false, false},
		"two that agree":                    {[]string{ask + toWeb, ask + toWeb}, true, true},
		"replaced by labels":                {[]string{ask + gateway, not + byLabels("HTTPRoute")}, false, false},
		"may be replaced by labels":         {[]string{ask + toWeb, not + byLabels("HTTPRoute")}, false, false},
		"a rule's, with labels for all":     {[]string{ask + section, not + byLabels("HTTPRoute")}, false, false},
		"by labels that it has not":         {[]string{ask + toWeb, not + strings.Replace(byLabels("HTTPRoute"), "web", "x", 1)}, true, true},
		"by labels alone":                   {[]string{ask + byLabels("HTTPRoute")}, false, false},
		"of labels of another kind":         {[]string{ask + toWeb, not + byLabels("GRPCRoute")}, true, true},
		"the Gateway's, replaced by labels": {[]string{ask + gateway, not + "targetSelectors: [{kind: Gateway}]"}, false, false},
		"the route's, the Gateway's labels": {[]string{ask + toWeb, not + "targetSelectors: [{kind: Gateway}]"}, true, true},
	} {
		manifests := []string{httpRoute(routes.EnvoyGateway, plainRule)}
		for i, spec := range tc.policies {
			manifests = append(manifests, securityPolicy(fmt.Sprintf("p%d", i), spec))
		}
		x := world(t, manifests...)
		asked := SecurityPolicyOf(x, x.HTTPRoutes[0])
		if asked("a") != tc.a || asked("b") != tc.b || asked("") != tc.b {
			t.Errorf("%s: %t %t %t", name, asked("a"), asked("b"), asked(""))
		}
	}
	two := strings.Replace(httpRoute(routes.EnvoyGateway, plainRule), "[{name: gw}]", "[{name: gw}, {name: other}]", 1)
	x := world(t, two, securityPolicy("p", ask+gateway))
	if SecurityPolicyOf(x, x.HTTPRoutes[0])("a") {
		t.Error("one of two Gateways asks, and all are said to")
	}
}

func TestPolicyTargets(t *testing.T) {
	for name, tc := range map[string]struct {
		spec string
		want bool
	}{
		"by name": {toWeb, true}, "by the older field": {"targetRef: {kind: HTTPRoute, name: web}", true},
		"another": {"targetRefs: [{kind: HTTPRoute, name: x}]", false}, "another kind": {"targetRefs: [{kind: Gateway, name: web}]", false},
		"by labels":             {"targetSelectors: [{kind: HTTPRoute, matchLabels: {app: web}}]", true},
		"by other labels":       {"targetSelectors: [{kind: HTTPRoute, matchLabels: {app: x}}]", false},
		"by labels, and more":   {"targetSelectors: [{kind: HTTPRoute, matchLabels: {app: web, b: c}}]", false},
		"by what we don't read": {"targetSelectors: [{kind: HTTPRoute, matchExpressions: [{key: app, operator: Exists}]}]", true},
		"labels of a Gateway":   {"targetSelectors: [{kind: Gateway, matchLabels: {app: web}}]", false},
	} {
		x := world(t, httpRoute(routes.EnvoyGateway, plainRule), securityPolicy("p", tc.spec))
		if got := Targets(x.SecurityPolicies[0], x.HTTPRoutes[0]); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// What is planned asks, once it is there, and is planned again as it is.
func TestEnvoyGatewayPlan(t *testing.T) {
	x := world(t, httpRoute(routes.EnvoyGateway, plainRule))
	w := planOf(t, x)
	if !w.Asks || len(w.Findings) > 0 || objectsOf(w) != "HTTPRoute shop/ostiary-access-web, SecurityPolicy shop/ostiary-auth-web" {
		t.Errorf("asks %t, %s, %s", w.Asks, reasonsOf(w), objectsOf(w))
	}
	for _, grant := range []Grant{{"SecurityPolicy", "shop", "ostiary-authz"}, {"HTTPRoute", "shop", "ostiary-public"}} {
		if !slices.Contains(w.Grants, grant) {
			t.Errorf("no grant %v among %v", grant, w.Grants)
		}
	}
	after := carriedOut(t, x, w)
	if err := sameWants(w, planOf(t, after)); err != nil {
		t.Error(err)
	}
	p := after.SecurityPolicies[0]
	if !ExtAuthAsks(after, p) || !Targets(p, webOf(t, after).Manifest) || !SecurityPolicyOf(after, webOf(t, after).Manifest)("a") {
		t.Errorf("what is planned does not ask: %v", p.Object["spec"])
	}
	sent := routes.Texts(p.Object, "spec", "extAuth", "headersToExtAuth")
	if !slices.Equal(sent, contract.EnvoyAsked()) {
		t.Errorf("sends %q", sent)
	}
	told := routes.Texts(p.Object, "spec", "extAuth", "http", "headersToBackend")
	if !slices.Equal(told, contract.Lower(routestest.Settings.IdentityHeaders)) {
		t.Errorf("tells the application %q", told)
	}
}

// Somebody else's SecurityPolicy for the route counts in place of ours, unless it asks.
func TestEnvoyGatewayReplaced(t *testing.T) {
	ask := extAuth("", contract.EnvoyPrefix, "") + ", "
	for name, tc := range map[string]struct {
		policy string
		asks   bool
	}{
		"for the route":          {securityPolicy("theirs", "cors: {}, "+toWeb), false},
		"for a rule of it":       {securityPolicy("theirs", "cors: {}, targetRefs: [{kind: HTTPRoute, name: web, sectionName: a}]"), false},
		"for its labels":         {securityPolicy("theirs", "cors: {}, targetSelectors: [{kind: HTTPRoute, matchLabels: {app: web}}]"), false},
		"one that asks":          {securityPolicy("theirs", ask+toWeb), true},
		"for another":            {securityPolicy("theirs", "cors: {}, targetRefs: [{kind: HTTPRoute, name: other}]"), true},
		"of another namespace":   {strings.Replace(securityPolicy("theirs", "cors: {}, "+toWeb), "namespace: shop", "namespace: b", 1), true},
		"for its Gateway":        {securityPolicy("theirs", "cors: {}, targetRefs: [{kind: Gateway, name: gw}]"), true},
		"one of ours, made once": {securityPolicy("ours, labels: {"+routes.RouteLabel+": x}", "cors: {}, "+toWeb), true},
	} {
		w := planOf(t, world(t, httpRoute(routes.EnvoyGateway, plainRule), tc.policy))
		if w.Asks != tc.asks || routestest.Has(w.Findings, routes.ForeignPolicy, "web") == tc.asks {
			t.Errorf("%s: asks %t, %s", name, w.Asks, reasonsOf(w))
		}
	}
	x := world(t, httpRoute(routes.EnvoyGateway, plainRule))
	delete(x.Served, "SecurityPolicy."+EnvoyGroup)
	if w := planOf(t, x); w.Asks || reasonsOf(w) != routes.MissingKind || strings.Contains(objectsOf(w), "SecurityPolicy") {
		t.Errorf("not installed: asks %t, %s, %s", w.Asks, reasonsOf(w), objectsOf(w))
	}
}
