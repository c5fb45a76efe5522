// SPDX-License-Identifier: Apache-2.0

package family

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// An auth-url asks us if it is our address, and names the request by what nginx routed by.
func TestNGINXQuestion(t *testing.T) {
	us := routestest.Settings.AuthzURL
	for url, want := range map[string]routes.Question{
		"":                     routes.AsksNobody,
		"  ":                   routes.AsksNobody,
		routestest.AuthURL:     routes.AsksUs,
		us + "/authz/v1/nginx": routes.AsksUs,
		us + "/authz/v1/nginx/shop/web/" + contract.NginxTarget:           routes.AsksUs,
		us + "/authz/v1/nginx-pass/shop/web/" + contract.NginxTarget:      routes.AsksUs,
		us + "/authz/v1/nginx-canary/" + contract.NginxTarget:             routes.AsksUs,
		us + "/authz/v1/url/shop/web/" + contract.NginxTarget:             routes.AsksUs,
		"  " + routestest.AuthURL + " ":                                   routes.AsksUs,
		"http://ostiary-authz.ostiary:9001/authz/v1/nginx":                routes.AsksUs,
		"http://OSTIARY-authz.ostiary.svc:9001/authz/v1/nginx":            routes.AsksUs,
		us + "/authz/v1/nginx/$request_method/$http_host$request_uri":     routes.AsksWrongly, // the visitor's own word
		us + "/authz/v1/nginx/GET/app.example.com/":                       routes.AsksWrongly, // always the same
		us + "/authz/v1/nginx/shop/$request_method/$host$request_uri":     routes.AsksWrongly,
		us + "/authz/v1/forward":                                          routes.AsksWrongly,
		us + "/authz/v1/nginx?x=1":                                        routes.AsksWrongly,
		us + "/authz/v1/nginx-pass":                                       routes.AsksWrongly,
		us + "/":                                                          routes.AsksWrongly,
		us:                                                                routes.AsksWrongly,
		"https://sso.example.com/auth":                                    routes.AsksOthers,
		strings.Replace(routestest.AuthURL, "http:", "https:", 1):         routes.AsksOthers,
		strings.Replace(routestest.AuthURL, ":9001", ":9002", 1):          routes.AsksOthers,
		strings.Replace(routestest.AuthURL, "ostiary-authz", "evil", 1):   routes.AsksOthers,
		strings.Replace(routestest.AuthURL, "http://", "http://x@", 1):    routes.AsksOthers,
		strings.Replace(routestest.AuthURL, ".cluster.local", ".evil", 1): routes.AsksOthers,
		"/authz/v1/nginx":                                                 routes.AsksOthers,
	} {
		for _, proxy := range []routes.Proxy{routes.IngressNGINX, routes.TraefikNGINX} {
			if got := questionOf(t, world(t, site(proxy, routes.NGINXAuthURL.Key(), url))); got != want {
				t.Errorf("%s: %q is %d, want %d", proxy, url, got, want)
			}
		}
		for _, proxy := range []routes.Proxy{routes.Traefik, routes.HAProxyIngress, "kong"} {
			if got := questionOf(t, world(t, site(proxy, routes.NGINXAuthURL.Key(), url))); got != routes.AsksNobody {
				t.Errorf("%s does not read nginx's auth-url %q, and asks %d", proxy, url, got)
			}
		}
	}
}

// The ConfigMap of a controller asks for all, if each controller's does, unless an Ingress
// says false in a way that nginx reads.
func TestNGINXGlobalAuth(t *testing.T) {
	asking := routestest.ConfigYAML("global-auth-url", routestest.AuthURL)
	other := strings.Replace(routestest.ConfigYAML("use-http2", "true"), "name: controller", "name: other", 1)
	ports := strings.Replace(routestest.ConfigYAML(`"5432"`, "shop/db:5432"), "name: controller", "name: tcp", 1)
	for name, tc := range map[string]struct {
		configs []string
		want    routes.Question
	}{
		"none":                       {nil, routes.AsksNobody},
		"one that asks":              {[]string{asking}, routes.AsksUs},
		"one that does not":          {[]string{other}, routes.AsksNobody},
		"one of two":                 {[]string{asking, other}, routes.AsksNobody},
		"and a list of ports":        {[]string{asking, ports}, routes.AsksUs},
		"a list of ports alone":      {[]string{ports}, routes.AsksNobody},
		"one that asks others":       {[]string{routestest.ConfigYAML("global-auth-url", "https://sso.example.com/")}, routes.AsksNobody},
		"one that asks us something": {[]string{routestest.ConfigYAML("global-auth-url", routestest.Settings.AuthzURL+"/")}, routes.AsksNobody},
	} {
		if got := questionOf(t, world(t, append(tc.configs, site(routes.IngressNGINX))...)); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
		if got := questionOf(t, world(t, append(tc.configs, site(routes.TraefikNGINX))...)); got != routes.AsksNobody {
			t.Errorf("%s: Traefik reads no ConfigMap, and asks %d", name, got)
		}
	}
	for value, want := range map[string]routes.Question{
		"false": routes.TurnedOff, "FALSE": routes.TurnedOff, "False": routes.TurnedOff,
		"f": routes.TurnedOff, "F": routes.TurnedOff, "0": routes.TurnedOff,
		"true": routes.AsksUs, "1": routes.AsksUs, "": routes.AsksUs, "no": routes.AsksUs, "off": routes.AsksUs,
		" false": routes.AsksUs, "fALSE": routes.AsksUs,
	} {
		if got := questionOf(t, world(t, asking, site(routes.IngressNGINX, routes.NGINXGlobalAuth.Key(), value))); got != want {
			t.Errorf("enable-global-auth: %q is %d, want %d", value, got, want)
		}
		own := site(routes.IngressNGINX, routes.NGINXGlobalAuth.Key(), value, routes.NGINXAuthURL.Key(), routestest.AuthURL)
		if got := questionOf(t, world(t, own)); got != routes.AsksUs {
			t.Errorf("enable-global-auth: %q is %d beside an auth-url", value, got)
		}
	}
}

// Each gap has an annotation that shows it, and the same annotation with a value that is none.
func TestNGINXGaps(t *testing.T) {
	const snippet, server, asked = "configuration-snippet", "server-snippet", "auth-snippet"
	for _, tc := range []struct{ key, value, gap string }{
		{"ssl-passthrough", "true", routes.TLSPassthrough}, {"ssl-passthrough", "false", ""},
		{"satisfy", "any", routes.SatisfyAny}, {"satisfy", " any", routes.SatisfyAny}, {"satisfy", "all", ""}, {"satisfy", "ANY", ""},
		{"auth-cache-key", "$remote_user", routes.AuthCache}, {"auth-cache-key", " ", ""},
		{"auth-proxy-set-headers", "shop/headers", routes.AuthMethodSnippet}, {"auth-proxy-set-headers", "", ""},
		{asked, "add_header X y;", routes.AuthMethodSnippet}, {asked, "", ""},
		{snippet, "", ""}, {snippet, "# auth_request off;", ""}, {snippet, "add_header X y;\n  gzip on;", ""},
		{snippet, "auth_request off;", routes.AuthMethodSnippet}, {snippet, "gzip on; auth_request off;", routes.AuthMethodSnippet},
		{snippet, "gzip on;\nif ($x) { return 200; }", routes.AuthMethodSnippet},
		{snippet, "gzip on; # ok\nsatisfy any;", routes.AuthMethodSnippet},
		{snippet, "proxy_set_header X-Other y;", ""}, {snippet, "proxy_set_header X-Other;", routes.AuthMethodSnippet},
		{snippet, "proxy_set_header X-Access-Email me;", routes.AuthMethodSnippet},
		{snippet, `proxy_set_header "x-access-email" me;`, routes.AuthMethodSnippet},
		{snippet, "proxy_set_header Cookie a=b;", routes.AuthMethodSnippet},
		{snippet, "proxy_set_header authorization x;", routes.AuthMethodSnippet},
		{snippet, "proxy_set_header Host x;", routes.AuthMethodSnippet}, {snippet, "more_set_headers_x y;", routes.AuthMethodSnippet},
		{snippet, `add_header X "#fff"; auth_request off;`, routes.AuthMethodSnippet}, // in a text, or within a word, # is a letter
		{snippet, "add_header X '#fff'; auth_request off;", routes.AuthMethodSnippet},
		{snippet, "add_header X a#b; auth_request off;", routes.AuthMethodSnippet},
		{snippet, `add_header X \ #; auth_request off;`, routes.AuthMethodSnippet},
		{snippet, "add_header X \"a\n# \"; auth_request off;", routes.AuthMethodSnippet}, // a text may have several lines
		{snippet, "add_header X ${a#b}; auth_request off;", routes.AuthMethodSnippet},
		{snippet, "add_header X a\"; # \"\nauth_request off;", routes.AuthMethodSnippet},
		{snippet, "gzip on; # don't\nauth_request off;", routes.AuthMethodSnippet},
		{snippet, "gzip on; # don't\ngzip_vary on; # can't", ""},
		{snippet, `add_header X "y"; # "z"; auth_request off;`, ""}, {snippet, "gzip on;# auth_request off;", ""},
		{snippet, "  #gzip on; auth_request off;", ""}, {snippet, "add_header X a#b; # auth_request off;", ""},
		{server, "location /free { }", routes.AuthMethodSnippet}, {server, "client_max_body_size 1g;", ""},
		{"rewrite-target", "/", ""}, {"enable-cors", "true", ""},
	} {
		want := []string{}
		if tc.gap != "" {
			want = []string{tc.gap}
		}
		for _, proxy := range []routes.Proxy{routes.IngressNGINX, routes.TraefikNGINX} {
			if got := gapsOf(t, world(t, site(proxy, routes.NGINXPrefix+tc.key, tc.value))); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q has gaps %v, want %v", proxy, tc.key, tc.value, got, want)
			}
		}
		if got := gapsOf(t, world(t, site(routes.Traefik, routes.NGINXPrefix+tc.key, tc.value))); len(got) > 0 {
			t.Errorf("Traefik does not read %s: %q, and has gaps %v", tc.key, tc.value, got)
		}
	}
}

// What a controller never asks about is a gap of the paths that begin with it, and of no others.
func TestNGINXNoAuthLocations(t *testing.T) {
	none := routestest.ConfigYAML("use-http2", "true")
	for name, tc := range map[string]struct {
		configs []string
		open    string
	}{
		"the default":  {nil, "/.well-known/acme-challenge/x"},
		"another key":  {[]string{none}, "/.well-known/acme-challenge/x"},
		"a list":       {[]string{routestest.ConfigYAML("no-auth-locations", "/free, /a")}, "/a /ab /free"},
		"an empty one": {[]string{routestest.ConfigYAML("no-auth-locations", "")}, ""},
		"of one of two": {[]string{none, strings.Replace(routestest.ConfigYAML("no-auth-locations", "/free"), "controller", "o", 1)},
			"/.well-known/acme-challenge/x /free"},
		"only spaces are taken": {[]string{routestest.ConfigYAML("no-auth-locations", "\t/free,,")}, ""},
	} {
		x := world(t, append(tc.configs, site(routes.IngressNGINX))...)
		r := webOf(t, x)
		var at routes.Served
		for _, path := range []string{"/.well-known/acme-challenge/x", "/a", "/ab", "/b", "/free"} {
			at.Written = append(at.Written, policy.Path{Value: path})
		}
		var open []string
		Of(r.Class).Gaps(x, r, &at, func(reason string, paths []policy.Path, _ string, _ ...any) {
			if reason != routes.NoAuthLocations || len(paths) != 1 {
				t.Errorf("%s: %s for %v", name, reason, paths)
				return
			}
			open = append(open, paths[0].Value)
		})
		if got := strings.Join(open, " "); got != tc.open {
			t.Errorf("%s: nobody is asked about %q, want %q", name, got, tc.open)
		}
	}
}
