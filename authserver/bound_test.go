// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// boundWorld has everything open, on every host of the tests.
func boundWorld(t *testing.T) string {
	t.Helper()
	w := newWorld(t, nil)
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{{Source: policy.Source{Namespace: "ns", Name: "open"},
		Hosts: []string{"app.example.com", "public.example.com", "*.apps.example.com", "*.b.apps.example.com", "apps.example.com", "xapp.example.com", "x.app.example.com"},
		Rules: []policy.Rule{{Name: "all", Action: policy.Bypass, Include: []policy.Selector{{Property: policy.Everyone}}}}}})})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	w.live.Publish(table)
	return w.authz(t)
}

// asksAbout are questions of each family, after "/authz/v1".
func asksAbout(host string) map[string]string {
	forwarded := "X-Forwarded-Method: GET\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Uri: /x\r\nX-Forwarded-Host: " + host + "\r\n"
	return map[string]string{
		"/nginx/GET/" + host + "/x":        "Host: authz\r\n",
		"/nginx-pass/GET/" + host + "/x":   "Host: authz\r\n",
		"/nginx-canary/GET/" + host + "/x": "Host: authz\r\n",
		"/url/GET/" + host + "/x":          "Host: authz\r\n",
		"/forward":                         "Host: authz\r\n" + forwarded,
		"/envoy/x":                         "Host: " + host + "\r\n",
	}
}

func boundStatus(t *testing.T, addr, target, headers string) int {
	t.Helper()
	answers := raw(t, addr, "GET "+target+" HTTP/1.1\r\n"+headers+"Connection: close\r\n\r\n")
	if len(answers) != 1 {
		t.Fatalf("%s: %d answers", target, len(answers))
	}
	return answers[0].StatusCode
}

// TestBound: what is open on one host opens nothing for the hosts of another route.
// attack: a decision about the host that the client chose, for the application that the
// proxy's configuration says.
func TestBound(t *testing.T) {
	addr := boundWorld(t)
	for _, c := range []struct {
		hosts, host string
		want        int
	}{
		{"app.example.com", "app.example.com", 200},
		{"app.example.com", "APP.example.com:8443", 200},
		{"app.example.com", "app.example.com.", 200},
		{"app.example.com", "public.example.com", 403},
		{"app.example.com", "public.example.com:80", 403},
		{"app.example.com", "xapp.example.com", 403},
		{"app.example.com", "x.app.example.com", 403},
		{"app.example.com,public.example.com", "public.example.com", 200},
		{"app.example.com,*.apps.example.com", "x.apps.example.com", 200},
		{"*.apps.example.com", "X.APPS.example.com", 200},
		{"%2A.apps.example.com", "x.apps.example.com", 200},
		{"%2a.apps.example.com", "a.b.apps.example.com", 403},
		{"%2aapps.example.com", "x.apps.example.com", 400},
		{"app%2eexample.com", "app.example.com", 400},
		{"*.apps.example.com", "a.b.apps.example.com", 403},
		{"*.apps.example.com", "apps.example.com", 403},
		{"*.apps.example.com", "public.example.com", 403},
		// Nothing that a visitor can do leads to these.
		{"", "app.example.com", 400},
		{"$host", "app.example.com", 400},
		{"{host}", "app.example.com", 400},
		{"APP.example.com", "app.example.com", 400},
		{"app.example.com:80", "app.example.com", 400},
		{"*", "app.example.com", 400},
		{"*.*.example.com", "x.apps.example.com", 400},
		{"app.example.com?", "app.example.com", 400},
		{",app.example.com", "app.example.com", 400},
	} {
		for target, headers := range asksAbout(c.host) {
			if got := boundStatus(t, addr, "/authz/v1"+target, headers); got != 200 {
				t.Fatalf("%s: %d without a bond", target, got)
			}
			if got := boundStatus(t, addr, contract.BoundPrefix+c.hosts+target, headers); got != c.want {
				t.Errorf("%s bound to %q: %d, want %d", target, c.hosts, got, c.want)
			}
		}
	}
	for _, target := range []string{contract.BoundPrefix, contract.BoundPrefix + "app.example.com", contract.BoundPrefix + "app.example.com/", contract.BoundPrefix + "app.example.com/for/app.example.com/envoy/x",
		contract.BoundPrefix + "app.example.com//envoy/x", "/authz/v1/for"} {
		if got := boundStatus(t, addr, target, "Host: app.example.com\r\n"); got != 404 {
			t.Errorf("%s: %d, want 404", target, got)
		}
	}
}

// TestBoundProperty: a bound endpoint says yes exactly where one of its hosts is meant and
// the unbound one says yes. THREATS C15.
func TestBoundProperty(t *testing.T) {
	addr := boundWorld(t)
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"app.example.com", "public.example.com", "apps.example.com", "x.apps.example.com", "a.b.apps.example.com", "b.apps.example.com", "other.example.com"}
	patterns := append([]string{"*.apps.example.com", "*.b.apps.example.com", "*.example.com"}, names...)
	spell := []func(string) string{strings.ToUpper, func(s string) string { return s + ":8443" }, func(s string) string { return s + "." }, func(s string) string { return s }}
	admitted := 0
	for range 400 {
		host, bound := names[r.IntN(len(names))], map[string]bool{}
		for range 1 + r.IntN(3) {
			bound[patterns[r.IntN(len(patterns))]] = true
		}
		var list []string
		for p := range bound {
			list = append(list, p)
		}
		_, parent, _ := strings.Cut(host, ".")
		meant := bound[host] || bound["*."+parent]
		for target, headers := range asksAbout(spell[r.IntN(len(spell))](host)) {
			free := boundStatus(t, addr, "/authz/v1"+target, headers)
			got := boundStatus(t, addr, contract.BoundPrefix+strings.Join(list, ",")+target, headers)
			if (got == 200) != (meant && free == 200) {
				t.Fatalf("%s bound to %v: %d, %d without a bond", target, list, got, free)
			}
			if got == 200 {
				admitted++
			}
		}
	}
	if admitted < 100 {
		t.Errorf("%d were admitted: the property says nothing", admitted)
	}
}

// TestBoundCheck: Envoy over gRPC says in a context extension which hosts the question is
// about, and its client cannot.
func TestBoundCheck(t *testing.T) {
	w := newWorld(t, nil)
	for _, c := range []struct {
		hosts map[string]string
		want  int // 0: let through
	}{
		{nil, 0},
		{map[string]string{dialect.HostsExtension: "app.example.com"}, 0},
		{map[string]string{dialect.HostsExtension: "*.example.com"}, 0},
		{map[string]string{dialect.HostsExtension: "other.example.com,app.example.com"}, 0},
		{map[string]string{dialect.HostsExtension: "other.example.com"}, 403},
		{map[string]string{dialect.HostsExtension: "*.app.example.com,example.com"}, 403},
		{map[string]string{dialect.HostsExtension: ""}, 400},
		{map[string]string{dialect.HostsExtension: "%REQ(:AUTHORITY)%"}, 400},
	} {
		r := checkRequest("GET /public/x", false, "ostiary-hosts: app.example.com")
		r.Attributes.ContextExtensions = c.hosts
		if o := w.check(t, r); o.status != c.want || o.allowed != (c.want == 0) {
			t.Errorf("%v: %d", c.hosts, o.status)
		}
	}
}
