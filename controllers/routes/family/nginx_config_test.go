// SPDX-License-Identifier: Apache-2.0

package family

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// What a ConfigMap of a controller does to an Ingress is found about the ConfigMap; with
// another value of the same key it is not.
func TestNGINXConfigs(t *testing.T) {
	for _, tc := range []struct {
		key, value, reason string
		asks               bool
	}{
		{"custom-http-errors", "404,401", routes.CustomErrors401, false}, {"custom-http-errors", " 403 ", routes.CustomErrors401, false},
		{"custom-http-errors", "404", routes.InterceptedErrors, true}, {"custom-http-errors", "x", "", true},
		{"custom-http-errors", "", "", true},
		{"no-auth-locations", "/", routes.NoAuthLocations, false}, {"no-auth-locations", "/other", "", true},
		{"no-auth-locations", AcmePath, "", true}, {"no-auth-locations", "/other, /", routes.NoAuthLocations, false},
		{"annotations-risk-level", "Low", routes.AnnotationsRefused, false},
		{"annotations-risk-level", "Medium", routes.AnnotationsRefused, false},
		{"annotations-risk-level", "", routes.AnnotationsRefused, false}, {"annotations-risk-level", "highest", routes.AnnotationsRefused, false},
		{"annotations-risk-level", "HIGH", "", true}, {"annotations-risk-level", "Critical", "", true},
		{"enable-underscores-in-headers", "true", routes.UnderscoreHeaders, true},
		{"enable-underscores-in-headers", "1", routes.UnderscoreHeaders, true},
		{"enable-underscores-in-headers", "false", "", true}, {"enable-underscores-in-headers", "yes", "", true},
		{"annotation-value-word-blocklist", "load_module,$host", routes.AnnotationsRefused, false},
		{"annotation-value-word-blocklist", "load_module, $host", "", true}, // the blank is part of the word
		{"annotation-value-word-blocklist", "load_module", "", true}, {"annotation-value-word-blocklist", " ", "", true},
	} {
		x := world(t, routestest.ConfigYAML(tc.key, tc.value), site(routes.IngressNGINX))
		w := planOf(t, x)
		if reasonsOf(w) != tc.reason || w.Asks != tc.asks {
			t.Errorf("%s: %q is %s, asks %t", tc.key, tc.value, reasonsOf(w), w.Asks)
		}
		for _, f := range w.Findings {
			if f.Object.Kind != "ConfigMap" || f.Object.Name != "controller" || f.Policy != w.Policy {
				t.Errorf("%s: %q is found about %s, for %s", tc.key, tc.value, f.Object, f.Policy)
			}
		}
		if w := planOf(t, world(t, routestest.ConfigYAML(tc.key, tc.value), site(routes.TraefikNGINX))); !w.Asks || len(w.Findings) > 0 {
			t.Errorf("%s: %q is nothing to Traefik: %s, asks %t", tc.key, tc.value, reasonsOf(w), w.Asks)
		}
	}
}

// Error pages of a controller take the place of ours where the mode has some.
func TestNGINXInterceptedErrors(t *testing.T) {
	config := routestest.ConfigYAML("custom-http-errors", "404")
	kept := strings.Replace(config, "\ndata: {", "\n"+`data: {disable-proxy-intercept-errors: "1", location-snippet: "error_page 401;", `, 1)
	for mode, want := range map[routes.Mode]string{
		routes.Render: routes.InterceptedErrors, routes.Global: routes.InterceptedErrors + " " + routes.ModeUnprepared,
		routes.Canary: "", routes.Static: "",
	} {
		notes := []string{routes.ModeAnnotation, string(mode)}
		if got := reasonsOf(planOf(t, world(t, config, site(routes.IngressNGINX, notes...)))); got != want {
			t.Errorf("%s: %s, want %s", mode, got, want)
		}
		if got := reasonsOf(planOf(t, world(t, kept, site(routes.IngressNGINX, notes...)))); got != "" {
			t.Errorf("%s, where they are kept: %s", mode, got)
		}
	}
}

// Snippets are Critical: a controller that is not told to admit those takes no such Ingress.
// A ConfigMap for ports is no controller's.
func TestNGINXCritical(t *testing.T) {
	plain, ports := routestest.ConfigYAML("use-http2", "true"), routestest.ConfigYAML(`"80"`, "x")
	all := routestest.ConfigYAML("annotations-risk-level", "Critical")
	for _, name := range []string{"configuration-snippet", "server-snippet", "auth-snippet", "satisfy"} {
		text := site(routes.IngressNGINX, routes.NGINXPrefix+name, "gzip on;")
		for config, admitted := range map[string]bool{plain: name == "satisfy", ports: true, all: true} {
			w := planOf(t, world(t, config, text))
			if got := !routestest.Has(w.Findings, routes.AnnotationsRefused, ""); got != admitted || w.Asks != admitted {
				t.Errorf("%s, with %q: %s, asks %t", name, config, reasonsOf(w), w.Asks)
			}
		}
	}
}

// A word counts in what people wrote, too, and in what is nginx's alone.
func TestNGINXBlockedWords(t *testing.T) {
	config := routestest.ConfigYAML("annotation-value-word-blocklist", "secret")
	for key, blocked := range map[string]bool{
		routes.NGINXPrefix + "app-root": true, "example.com/app-root": false, routes.TraefikPrefix + "router.priority": false,
	} {
		w := planOf(t, world(t, config, site(routes.IngressNGINX, key, "/a/secret/path")))
		if w.Asks == blocked || routestest.Has(w.Findings, routes.AnnotationsRefused, "controller") != blocked {
			t.Errorf("%s: asks %t, %s", key, w.Asks, reasonsOf(w))
		}
	}
}

func TestConfigCodes(t *testing.T) {
	for text, want := range map[string][]int{"": nil, "401": {401}, "401, 503,x,,": {401, 503}, "4 01": nil} {
		if got := ConfigCodes(map[string]string{"custom-http-errors": text}); !slices.Equal(got, want) {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What could not be looked at is said: that ConfigMaps may not be read, and what the mode
// would need in them.
func TestNGINXUnseen(t *testing.T) {
	unseen := func(proxy routes.Proxy, mode, all routes.Mode, unread string) string {
		x := world(t, site(proxy, routes.ModeAnnotation, string(mode)))
		x.ConfigsUnread, x.Settings.Mode = unread, all
		return NewWants(x, webOf(t, x)).Unseen
	}
	for _, mode := range []routes.Mode{routes.Render, routes.Global} {
		if got := unseen(routes.IngressNGINX, mode, routes.Render, ""); got != "" {
			t.Errorf("%s: %s", mode, got)
		}
		got := unseen(routes.IngressNGINX, mode, routes.Render, "may not be read")
		if !strings.HasPrefix(got, "may not be read") || strings.Contains(got, "--mode global") != (mode == routes.Global) {
			t.Errorf("%s: %s", mode, got)
		}
		if got := unseen(routes.TraefikNGINX, mode, routes.Render, "may not be read"); got != "" {
			t.Errorf("Traefik has no ConfigMap: %s", got)
		}
		if got := unseen(routes.IngressNGINX, mode, routes.Global, "may not be read"); got != "may not be read" {
			t.Errorf("%s, where all is prepared for the mode global: %s", mode, got)
		}
	}
}
