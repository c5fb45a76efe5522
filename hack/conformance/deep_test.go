// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/hack/lab"
)

// deepPolicies guard what a Gateway routes by a star, which is any number of labels there.
const deepPolicies = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: deep, namespace: shop}
spec:
  hosts: ["**.deep.site.com"]
  rules: [{name: staff, action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: near, namespace: shop}
spec:
  hosts: ["**.near.deep.site.com"]
  rules: [{name: all, action: Bypass, include: [{everyone: {}}]}]
`

// deepOthers have hosts of their own below, and no route names them.
const deepOthers = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: one, namespace: shop}
spec:
  hosts: [one.deep.site.com]
  rules: [{name: all, action: Bypass, include: [{everyone: {}}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: tools, namespace: shop}
spec:
  hosts: ["*.tools.deep.site.com"]
  rules: [{name: all, action: Bypass, include: [{everyone: {}}]}]
`

// TestDeepHosts: what HTTPRoutes for *.deep.site.com serve, at any depth, is what a policy for
// **.deep.site.com guards: a real Traefik, and a real API server in which our controller wrote.
func TestDeepHosts(t *testing.T) {
	s := &setup{world: shared, addr: lab.FreeAddress()}
	t.Cleanup(s.close)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(shared.dir, "deep")
	v := traefikView{manifestView: s.manifests(), Port: s.addr[strings.LastIndex(s.addr, ":")+1:]}
	for name, app := range map[string]string{"deep": "app1", "near": "app2"} {
		to := s.appAddr[app]
		v.Services = append(v.Services, service{name, "shop", to[strings.LastIndex(to, ":")+1:], "80"})
		v.Routes = append(v.Routes, manifestRoute{name, map[string]string{"deep": "*.deep.site.com",
			"near": "*.near.deep.site.com"}[name], "/", name, true})
	}
	c, err := s.startCluster(dir, v)
	must(err)
	s.cluster = c
	must(c.apply("people", deepPolicies))
	must(c.applyTemplate("people", gatewayTemplate, v))
	must(s.clusterMode())
	must(s.traefik(dir, []string{"KUBECONFIG=" + c.kubeconfig}, "--providers.kubernetesGateway", "--providers.kubernetesCRD"))
	must(s.settled())
	must(c.apply("people", deepOthers))
	send := func(host, target string, lines ...string) *answer {
		s.apps.Take()
		a := exchange(clientAddress, s.addr, request("GET", target, host, append(lines, fetch)...))
		a.hits = s.apps.Take()
		return a
	}
	must(s.processes[0].Wait("the routes, and the policies of parts", func() bool {
		return send("a.deep.site.com", "/p").Status == 401 && send("x.near.deep.site.com", "/p").Status == 200 &&
			send("one.deep.site.com", "/p").Status == 403 && send("a.tools.deep.site.com", "/p").Status == 403
	}))

	session := func(policy string) string {
		token, err := s.ring.Mint(credential.Claims{Issuer: teamURL, Audience: []string{"shop/" + policy}, ID: "ann",
			Email: "ann@example.com", Lifetime: time.Hour}, time.Now())
		must(err)
		return "Cookie: " + credential.CookieName + "=" + token
	}
	for _, tc := range []struct {
		app   string // whose session lets in
		hosts []string
	}{
		{"app1", []string{"a.deep.site.com", "a.b.deep.site.com", "a.b.c.d.e.deep.site.com", "near.deep.site.com", "tools.deep.site.com",
			"a.b.tools.deep.site.com",
			"a.one.deep.site.com", "A.B.DEEP.site.com", strings.Repeat("a.", 60) + "deep.site.com"}},
		{"app2", []string{"x.near.deep.site.com", "x.y.near.deep.site.com", "near.near.deep.site.com", strings.Repeat("a.", 60) +
			"near.deep.site.com"}},
		{"", []string{"deep.site.com", "evildeep.site.com", "a.evildeep.site.com", "a.deep.site.com.evil.com", "site.com",
			"one.deep.site.com", "a.tools.deep.site.com",
			".deep.site.com", "a..deep.site.com", "*.deep.site.com"}},
	} {
		for _, host := range tc.hosts {
			for who, line := range map[string]string{"": "X-Nobody: yes", "deep": session("deep"), "near": session("near"), "one": session("one")} {
				in := tc.app == "app2" || tc.app == "app1" && who == "deep"
				a := send(host, "/p", line)
				if reached := len(a.hits) == 1 && a.hits[0].app == tc.app; reached != in || (a.Status == 200) != in || len(a.hits) > 1 {
					t.Errorf("%s with a session for %q: reached %v, want %v%s", host, who, reached, in, a.dump())
				}
				if tc.app == "app1" && !in && (a.Status != 401 || !strings.Contains(a.Body, `"no-session"`) && !strings.Contains(a.Body,
					`"wrong-audience"`)) {
					t.Errorf("%s with a session for %q%s", host, who, a.dump())
				}
			}
			if a := send(host, "/.access/certs"); tc.app != "" && a.Status != 200 || len(a.hits) > 0 {
				t.Errorf("%s: our own pages%s", host, a.dump())
			}
		}
	}
}
