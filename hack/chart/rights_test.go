// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// A right is a verb on group/resource, "/name" behind it for one object.
type right struct{ namespace, verb, group, resource, name string }

var needed = []right{
	{"", "list", "access.ostiary.dev", "accesspolicies", ""},
	{"", "watch", "access.ostiary.dev", "accesspolicies", ""},
	{"shop", "get", "access.ostiary.dev", "accesspolicies", "app1"},
	{"shop", "patch", "access.ostiary.dev", "accesspolicies/status", "app1"},
	{"", "list", "access.ostiary.dev", "identityproviders", ""},
	{"", "watch", "access.ostiary.dev", "identityproviders", ""},
	{"", "patch", "access.ostiary.dev", "identityproviders/status", "corp"},
	{"", "list", "access.ostiary.dev", "accessgroups", ""},
	{"", "watch", "access.ostiary.dev", "accessgroups", ""},
	{"", "patch", "access.ostiary.dev", "accessgroups/status", "staff"},
	{"", "list", "access.ostiary.dev", "servicetokens", ""},
	{"", "watch", "access.ostiary.dev", "servicetokens", ""},
	{"shop", "patch", "access.ostiary.dev", "servicetokens/status", "ci"},
	{"", "list", "access.ostiary.dev", "tokenissuers", ""},
	{"", "watch", "access.ostiary.dev", "tokenissuers", ""},
	{"", "patch", "access.ostiary.dev", "tokenissuers/status", "ci"},
	{"", "list", "access.ostiary.dev", "oauthclients", ""},
	{"", "watch", "access.ostiary.dev", "oauthclients", ""},
	{"", "patch", "access.ostiary.dev", "oauthclients/status", "ide"},
	{"", "patch", "access.ostiary.dev", "sessionrevocations/status", "ann"},
	{"", "list", "access.ostiary.dev", "sessionrevocations", ""},
	{"", "watch", "access.ostiary.dev", "sessionrevocations", ""},
	{"", "create", "access.ostiary.dev", "sessionrevocations", ""},
	{"", "patch", "access.ostiary.dev", "sessionrevocations", "ann"},
	{"", "delete", "access.ostiary.dev", "sessionrevocations", "ann"},
	{namespace, "list", "", "secrets", ""},
	{namespace, "watch", "", "secrets", ""},
	{namespace, "get", "", "secrets", "corp-client"},
	{"shop", "create", "", "events", ""},
	{"shop", "create", "events.k8s.io", "events", ""},
	{"shop", "patch", "events.k8s.io", "events", "x"},
	{"", "watch", "", "services", ""},
	{"", "watch", "discovery.k8s.io", "endpointslices", ""},
	{"", "watch", "networking.k8s.io", "ingresses", ""},
	{"", "watch", "networking.k8s.io", "ingressclasses", ""},
	{"", "watch", "gateway.networking.k8s.io", "httproutes", ""},
	{"", "watch", "gateway.networking.k8s.io", "tlsroutes", ""},
	{"", "watch", "traefik.io", "ingressroutetcps", ""},
	{"", "watch", "gateway.envoyproxy.io", "securitypolicies", ""},
	{"shop", "patch", "networking.k8s.io", "ingresses", "app1"},
	{"shop", "create", "", "services", ""},
	{"shop", "delete", "", "services", "ostiary-render-app1"},
	{"shop", "patch", "discovery.k8s.io", "endpointslices", "x"},
	{"shop", "create", "traefik.io", "middlewares", ""},
	{"shop", "create", "gateway.networking.k8s.io", "httproutes", ""},
	{"shop", "delete", "gateway.envoyproxy.io", "securitypolicies", "x"},
	{namespace, "create", "networking.k8s.io", "ingresses", ""},
	{namespace, "delete", "traefik.io", "ingressroutes", "x"},
	{namespace, "patch", "gateway.networking.k8s.io", "referencegrants", "x"},
	{namespace, "watch", "", "configmaps", ""},
	{namespace, "create", "", "configmaps", ""},
	{namespace, "update", "", "configmaps", "ostiary-hosts-x"},
	{namespace, "get", "", "configmaps", "ostiary-settings"},
	{namespace, "patch", "", "configmaps", "ostiary-settings"},
	{namespace, "create", "", "configmaps", ""},
	{namespace, "create", "coordination.k8s.io", "leases", ""},
	{namespace, "get", "coordination.k8s.io", "leases", "ostiary-leader"},
	{namespace, "update", "coordination.k8s.io", "leases", "ostiary-leader"},
}

var refused = []right{
	{"", "list", "", "secrets", ""},
	{"", "watch", "", "secrets", ""},
	{"shop", "list", "", "secrets", ""},
	{namespace, "update", "", "secrets", "other"},
	{"", "create", "access.ostiary.dev", "identityproviders", ""},
	{"", "update", "access.ostiary.dev", "identityproviders", "corp"},
	{"", "delete", "access.ostiary.dev", "identityproviders", "corp"},
	{"", "create", "access.ostiary.dev", "accessgroups", ""},
	{"", "patch", "access.ostiary.dev", "accessgroups", "staff"},
	{"", "delete", "access.ostiary.dev", "accessgroups", "staff"},
	{"", "create", "access.ostiary.dev", "tokenissuers", ""},
	{"", "patch", "access.ostiary.dev", "tokenissuers", "ci"},
	{"", "delete", "access.ostiary.dev", "tokenissuers", "ci"},
	{"", "create", "access.ostiary.dev", "oauthclients", ""},
	{"", "patch", "access.ostiary.dev", "oauthclients", "ide"},
	{"", "delete", "access.ostiary.dev", "oauthclients", "ide"},
	{"", "deletecollection", "access.ostiary.dev", "sessionrevocations", ""},
	{namespace, "delete", "", "secrets", "ostiary-keys"},
	{"shop", "update", "", "secrets", "ci"},
	{"shop", "delete", "", "secrets", "ci"},
	{"shop", "watch", "", "secrets", ""},
	{"shop", "create", "access.ostiary.dev", "servicetokens", ""},
	{"shop", "patch", "access.ostiary.dev", "servicetokens", "ci"},
	{"shop", "delete", "access.ostiary.dev", "servicetokens", "ci"},
	{"", "list", "", "configmaps", ""},
	{"shop", "create", "", "configmaps", ""},
	{"shop", "update", "", "configmaps", "x"},
	{"shop", "list", "", "configmaps", ""},
	{"ingress-nginx", "patch", "", "configmaps", "ingress-nginx-controller"},
	{"ingress-nginx", "list", "", "secrets", ""},
	{namespace, "delete", "", "configmaps", "ostiary-settings"},
	{namespace, "delete", "", "configmaps", "ostiary-guard"},
	{namespace, "delete", "", "configmaps", "ostiary-hosts-x"},
	{"shop", "create", "", "configmaps", ""},
	{"", "list", "", "pods", ""},
	{namespace, "create", "", "pods", ""},
	{namespace, "create", "", "pods/exec", "x"},
	{namespace, "create", "", "serviceaccounts/token", "ostiary"},
	{"", "list", "", "namespaces", ""},
	{"shop", "create", "networking.k8s.io", "ingresses", ""},
	{"shop", "delete", "networking.k8s.io", "ingresses", "app1"},
	{"shop", "update", "networking.k8s.io", "ingresses", "app1"},
	{"shop", "update", "", "services", "app1"},
	{"", "deletecollection", "", "services", ""},
	{"shop", "create", "traefik.io", "ingressroutes", ""},
	{"shop", "patch", "gateway.networking.k8s.io", "gateways", "x"},
	{"shop", "create", "gateway.networking.k8s.io", "referencegrants", ""},
	{namespace, "patch", "apps", "deployments", "ostiary"},
	{"shop", "create", "access.ostiary.dev", "accesspolicies", ""},
	{"shop", "update", "access.ostiary.dev", "accesspolicies", "app1"},
	{"shop", "delete", "access.ostiary.dev", "accesspolicies", "app1"},
	{"shop", "list", "", "events", ""},
	{namespace, "update", "coordination.k8s.io", "leases", "other"},
	{namespace, "delete", "coordination.k8s.io", "leases", "ostiary-leader"},
	{"shop", "create", "coordination.k8s.io", "leases", ""},
	{"", "patch", "admissionregistration.k8s.io", "mutatingadmissionpolicies", "ostiary-guard"},
	{"", "patch", "admissionregistration.k8s.io", "validatingadmissionpolicies", "ostiary-guard"},
	{"", "delete", "admissionregistration.k8s.io", "validatingadmissionpolicybindings", "ostiary-guard"},
	{"", "patch", "apiextensions.k8s.io", "customresourcedefinitions", "accesspolicies.access.ostiary.dev"},
	{"", "escalate", "rbac.authorization.k8s.io", "clusterroles", ""},
	{"", "create", "rbac.authorization.k8s.io", "clusterrolebindings", ""},
	{"", "impersonate", "", "users", ""},
	{"", "*", "*", "*", ""},
}

// secret is what may be done with the Secret of the keys.
func secret(name string, verbs ...string) []right {
	var all []right
	for _, v := range verbs {
		all = append(all, right{namespace, v, "", "secrets", name})
	}
	return all
}

func TestRights(t *testing.T) {
	c := cluster(t)
	create := right{namespace, "create", "", "secrets", ""}
	var configs []right // of the proxies: granted by default, and not where nobody is named
	for _, verb := range []string{"get", "list", "watch"} {
		configs = append(configs, right{"ingress-nginx", verb, "", "configmaps", ""})
	}
	// Without serviceTokens, no Secret outside of our namespace can be touched. With it, any
	// whose name is known; none can be listed, or deleted.
	ofTokens := []right{{"shop", "create", "", "secrets", ""}, {"shop", "get", "", "secrets", "ci"}, {"shop", "patch", "", "secrets", "ci"},
		{namespace, "patch", "", "secrets", "corp-client"}}
	for _, s := range []struct {
		values       string
		may, mustNot []right
	}{
		{"defaults", slices.Concat(secret("ostiary-keys", "get", "list", "watch", "update", "patch"), []right{create}, configs, ofTokens),
			secret("session-keys", "update", "delete")},
		{"existing-keys", secret("session-keys", "get", "list", "watch"), slices.Concat(secret("session-keys", "update", "patch", "delete"),
			[]right{create}, configs, ofTokens)},
		{"second-factors", slices.Concat(secret("people-factors", "get", "update"), configs),
			slices.Concat(secret("people-factors", "patch", "delete"), ofTokens)},
	} {
		t.Run(s.values, func(t *testing.T) {
			var roles []*unstructured.Unstructured
			for _, u := range render(t, "testdata/values/"+s.values+".yaml", "--set", "fullnameOverride="+s.values) {
				if u.GetKind() == "ServiceAccount" || strings.Contains(u.GetKind(), "Role") {
					roles = append(roles, u)
				}
			}
			apply(t, c, roles)
			t.Cleanup(func() {
				for _, u := range roles {
					_ = c.Delete(t.Context(), u)
				}
			})
			fixture.Eventually(t, "the roles are in force", func() error { return ask(t, c, s.values, s.may[0], true) })
			guard := []right{{namespace, "get", "", "configmaps", s.values + "-guard"},
				{namespace, "patch", "", "configmaps", s.values + "-guard"}, {namespace, "create", "", "configmaps", ""}}
			for _, r := range slices.Concat(needed, guard, s.may) {
				if err := ask(t, c, s.values, r, true); err != nil {
					t.Error(err)
				}
			}
			for _, r := range append(append([]right{}, refused...), s.mustNot...) {
				if err := ask(t, c, s.values, r, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestUserRights: who may edit the workloads of a namespace may edit its policies and service
// tokens, and nothing that says for others who is trusted, nor any status: not where they may
// edit all namespaces either. (THREATS G4, G7)
func TestUserRights(t *testing.T) {
	c := cluster(t)
	all := []*unstructured.Unstructured{}
	bind := func(kind, ns, user, role string) {
		u := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": map[string]any{"name": user + "-" + role},
			"subjects": []any{map[string]any{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}},
			"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
		}}
		u.SetNamespace(ns)
		all = append(all, u)
	}
	all = append(all, fixtureNamespace("shop"), fixtureNamespace("other"))
	for _, u := range render(t, "testdata/values/defaults.yaml", "--set", "fullnameOverride=users") {
		if u.GetKind() != "ClusterRole" {
			continue
		}
		for label, who := range map[string]string{"aggregate-to-edit": "ed", "aggregate-to-view": "vi"} {
			if u.GetLabels()["rbac.authorization.k8s.io/"+label] == "true" {
				all = append(all, u)
				bind("RoleBinding", "shop", who, u.GetName())
				bind("ClusterRoleBinding", "", who+"-everywhere", u.GetName())
			}
		}
	}
	apply(t, c, all)
	t.Cleanup(func() {
		for _, u := range all {
			if u.GetKind() != "Namespace" {
				_ = c.Delete(t.Context(), u)
			}
		}
	})
	const group = "access.ostiary.dev"
	change := []string{"create", "update", "patch", "delete", "deletecollection"}
	own, look := []string{"accesspolicies", "servicetokens"}, []string{"get", "list", "watch"}
	allowed := func(user, ns, verb, resource string, want bool) error {
		return askAs(t, c, user, nil, right{ns, verb, group, resource, ""}, want)
	}
	fixture.Eventually(t, "the roles are in force", func() error { return allowed("ed-everywhere", "other", "create", own[0], true) })
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	for _, resource := range own {
		for _, verb := range slices.Concat(change, look) {
			edits := slices.Contains(change, verb)
			for user, may := range map[string]bool{"ed": true, "vi": !edits, "ed-everywhere": true, "vi-everywhere": !edits} {
				check(allowed(user, "shop", verb, resource, may))
				check(allowed(user, "other", verb, resource, may && strings.HasSuffix(user, "-everywhere")))
				if edits {
					check(allowed(user, "shop", verb, resource+"/status", false))
				}
			}
		}
	}
	for _, resource := range []string{"tokenissuers", "accessgroups", "identityproviders", "sessionrevocations"} {
		for _, verb := range change {
			for _, user := range []string{"ed", "vi", "ed-everywhere", "vi-everywhere"} {
				check(allowed(user, "", verb, resource, false))
				check(allowed(user, "", verb, resource+"/status", false))
			}
		}
	}
	for _, user := range []string{"ed-everywhere", "vi-everywhere"} { // what is in Secrets, and in force, is not in our roles
		for _, verb := range slices.Concat(change, look) {
			check(askAs(t, c, user, nil, right{"shop", verb, "", "secrets", ""}, false))
			check(askAs(t, c, user, nil, right{namespace, verb, "", "configmaps", ""}, false))
		}
	}
}

func fixtureNamespace(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": name}}}
}

type wrong struct {
	right right
	got   bool
}

func (w wrong) Error() string {
	r := w.right
	say := " is refused, and needed"
	if w.got {
		say = " is allowed, and must not be"
	}
	return strings.TrimSpace(r.verb+" "+r.group+"/"+r.resource+" "+r.name) + " in namespace \"" + r.namespace + "\"" + say
}

func ask(t *testing.T, c client.Client, account string, r right, want bool) error {
	t.Helper()
	return askAs(t, c, "system:serviceaccount:"+namespace+":"+account,
		[]string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}, r, want)
}

func askAs(t *testing.T, c client.Client, user string, groups []string, r right, want bool) error {
	t.Helper()
	resource, sub, _ := strings.Cut(r.resource, "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, Groups: groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: r.namespace, Verb: r.verb, Group: r.group, Resource: resource, Subresource: sub, Name: r.name,
		},
	}}
	if err := c.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	if review.Status.Allowed != want {
		return wrong{r, review.Status.Allowed}
	}
	return nil
}
