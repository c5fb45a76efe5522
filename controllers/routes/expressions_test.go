// SPDX-License-Identifier: Apache-2.0

package routes

import "testing"

// An annotation makes regular expressions of paths for the proxy that reads it, and for one
// that nobody knows, whatever prefix it stands at; for another proxy it does nothing.
func TestReadsExpressions(t *testing.T) {
	nginx, others := []Proxy{IngressNGINX, TraefikNGINX}, []Proxy{"", "kong"}
	for name, tc := range map[string]struct {
		key, value string
		by         []Proxy
		rewritten  bool
	}{
		"use-regex":            {NGINXPrefix + "use-regex", "true", nginx, false},
		"use-regex, unclear":   {NGINXPrefix + "use-regex", "yes", nginx, false},
		"use-regex, off":       {NGINXPrefix + "use-regex", "false", []Proxy{"none"}, false},
		"use-regex of a fork":  {"nginx.example.com/use-regex", "true", nil, false},
		"a rewrite":            {NGINXPrefix + "rewrite-target", "/$1", nginx, true},
		"a rewrite of a fork":  {"nginx.example.com/rewrite-target", "/$1", nil, true},
		"nginx.org":            {"nginx.org/path-regex", "case_sensitive", nil, false},
		"Traefik":              {TraefikPrefix + "router.pathmatcher", "PathRegexp", []Proxy{Traefik}, false},
		"Traefik, in any case": {TraefikPrefix + "Router.PathMatcher", "PathRegexp", []Proxy{Traefik}, false},
		"Traefik, a prefix":    {TraefikPrefix + "router.pathmatcher", "PathPrefix", []Proxy{"none"}, false},
		"haproxy-ingress":      {HAProxyPrefix + "path-type", "regex", []Proxy{HAProxyIngress}, false},
		"haproxy, older":       {"ingress.kubernetes.io/path-type", "Regex", []Proxy{HAProxyIngress}, false},
		"haproxy, begin":       {HAProxyPrefix + "path-type", "begin", []Proxy{"none"}, false},
	} {
		annotations := map[string]string{tc.key: tc.value, "example.com/other": "regex"}
		some := len(tc.by) == 0 || tc.by[0] != "none"
		for _, proxy := range append([]Proxy{IngressNGINX, TraefikNGINX, Traefik, HAProxyIngress}, others...) {
			want := false
			for _, p := range tc.by {
				want = want || p == proxy
			}
			if proxy == "" || proxy == "kong" {
				want = some
			}
			regex, rewritten := ReadsExpressions(annotations, proxy)
			if got := regex || rewritten; got != want || rewritten != (want && tc.rewritten) {
				t.Errorf("%s, by %q: %v, %v; want %v", name, proxy, regex, rewritten, want)
			}
		}
	}
}
