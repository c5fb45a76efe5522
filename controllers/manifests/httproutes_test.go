// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
)

const httpRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: web
  namespace: shop
  annotations: {access.ostiary.dev/policy: wide}
spec:
  hostnames: [x.example.com]
  rules: [{backendRefs: [{name: app, port: 80}], whatever: {is: here}}]
`

// An HTTPRoute in a file says which policy may decide about what it routes, and gives
// none a host. One that names none, and one of another group, are not ours.
func TestHTTPRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		pin   string
		want  policy.Reason
		said  string // of the first problem
	}{
		"named":               {[]string{wide, httpRoute}, "shop/web", policy.Bypassed, ""},
		"the other way":       {[]string{join(httpRoute, wide)}, "shop/web", policy.Bypassed, ""},
		"another route":       {[]string{wide, httpRoute}, "shop/other", policy.NoPolicy, ""},
		"another namespace":   {[]string{wide, strings.Replace(httpRoute, "namespace: shop", "namespace: evil", 1)}, "evil/web", policy.NoPolicy, "AccessPolicy evil/wide"},
		"no namespace":        {[]string{strings.Replace(wide, ", namespace: shop", "", 1), strings.Replace(httpRoute, "  namespace: shop\n", "", 1)}, "default/web", policy.Bypassed, ""},
		"policy not there":    {[]string{wide, strings.Replace(httpRoute, "policy: wide", "policy: gone", 1)}, "shop/web", policy.NoPolicy, "what this HTTPRoute routes is denied"},
		"no annotation":       {[]string{wide, strings.Replace(httpRoute, "access.ostiary.dev/policy: wide", "x: y", 1)}, "shop/web", policy.NoPolicy, ""},
		"another group":       {[]string{wide, strings.Replace(httpRoute, "gateway.networking.k8s.io", "gateway.example.com", 1)}, "shop/web", policy.NoPolicy, ""},
		"no name of a policy": {[]string{wide, strings.Replace(httpRoute, "policy: wide", "policy: Wide/x", 1)}, "shop/web", policy.NoPolicy, "not the name of an AccessPolicy"},
		"a list as the name":  {[]string{wide, strings.Replace(httpRoute, "policy: wide", "policy: [wide]", 1)}, "shop/web", policy.NoPolicy, "not the name of an AccessPolicy"},
		"no name":             {[]string{wide, strings.Replace(httpRoute, "  name: web\n", "", 1)}, "shop/web", policy.NoPolicy, "needs a name"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i, text := range c.files {
				if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+".yaml"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			table, problems, err := manifests.Read([]string{dir})
			if err != nil {
				t.Fatal(err)
			}
			target, _ := policy.ParseTarget("https://x.example.com/")
			d := table.Decide(policy.Request{Target: target, Method: "GET", Now: time.Now(), Ingress: c.pin, Pin: policy.RoutePin})
			if d.Reason != c.want {
				t.Errorf("%s, want %s; %v", d.Reason, c.want, problems)
			}
			said := ""
			for _, p := range problems {
				said += p.Message + "\n"
			}
			if !strings.Contains(said, c.said) || c.said == "" && said != "" {
				t.Errorf("said %q, want %q", said, c.said)
			}
		})
	}
}
