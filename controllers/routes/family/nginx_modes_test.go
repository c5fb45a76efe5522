// SPDX-License-Identifier: Apache-2.0

package family

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

const (
	ownAuthURL = "http://ostiary-authz.ostiary.svc.cluster.local:9001/authz/v1/nginx/shop/web/$request_method/$host$request_uri"
	errorCodes = routes.NGINXPrefix + "custom-http-errors"
)

// In each mode the question is asked alike; what answers refusals and preflights is not.
func TestNGINXModes(t *testing.T) {
	const errors, keep, backend = "custom-http-errors", "disable-proxy-intercept-errors", "default-backend"
	for mode, tc := range map[routes.Mode]struct {
		objects, annotations, reasons string
		without                       []string // annotations that are another where an object is missing
	}{
		routes.Render: {"Service shop/ostiary-render-web", keep + " " + errors + " " + backend, "", []string{errors, backend, keep}},
		routes.Global: {"", keep + " " + errors, "", nil},
		routes.Canary: {"Ingress ostiary/ostiary-canary.shop.web", "", "", []string{"auth-url"}},
		routes.Static: {"", "cors-allow-credentials cors-allow-headers cors-allow-methods cors-allow-origin cors-max-age enable-cors", "", nil},
		"other":       {"", "", routes.UnknownMode, nil},
	} {
		w := planOf(t, world(t, site(routes.IngressNGINX, routes.ModeAnnotation, string(mode))))
		if !w.Asks || objectsOf(w) != tc.objects || reasonsOf(w) != tc.reasons || w.SignIn[routes.NGINXPrefix+"enable-global-auth"] != "false" {
			t.Errorf("%s: asks %t, %s, %s, %v", mode, w.Asks, objectsOf(w), reasonsOf(w), w.SignIn)
		}
		question := ownAuthURL
		if mode == routes.Canary { // a yes for preflights; without the canary it would lead them to the application
			question = strings.Replace(question, "/nginx/", "/nginx-pass/", 1)
		}
		if got := w.Annotations[routes.NGINXAuthURL.Key()]; got != question {
			t.Errorf("%s asks %s", mode, got)
		}
		for _, name := range append(strings.Fields(tc.annotations), "auth-url", "auth-response-headers") {
			if w.Annotations[routes.NGINXPrefix+name] == "" {
				t.Errorf("%s: %s is not there", mode, name)
			}
		}
		if got := len(w.Annotations) - 2; got != len(strings.Fields(tc.annotations)) {
			t.Errorf("%s: %d annotations more: %v", mode, got, w.Annotations)
		}
		for _, name := range tc.without {
			want := map[string]string{"auth-url": ownAuthURL}[name]
			if value, is := w.Without[routes.NGINXPrefix+name]; !is || value != want {
				t.Errorf("%s: without its objects %s is %q, %t", mode, name, value, is)
			}
		}
		if len(w.Without) != len(tc.without) || len(w.Needs) != len(w.Objects) {
			t.Errorf("%s: without %v, and needs %v", mode, w.Without, w.Needs)
		}
		if (w.Mirror.Name != "") != (mode == routes.Render) {
			t.Errorf("%s: mirrors %s", mode, w.Mirror)
		}
	}
}

// What a mode cannot be had with leaves the question alone.
func TestNGINXRefusedModes(t *testing.T) {
	canaryAt := func(path, service string) string {
		return routestest.WebYAML("theirs", path, service, routes.NGINXCanary.Key()+`: "true"`)
	}
	beside := func(notes string) string { return routestest.WebYAML("beside", "/beside", "app", notes) }
	both := routestest.Opted + ", " + routes.ModeAnnotation + ": canary"
	bypassing := `{apiVersion: access.ostiary.dev/v1alpha1, kind: AccessPolicy, metadata: {name: open, namespace: shop}, spec: {}}`
	for name, tc := range map[string]struct {
		mode   routes.Mode
		notes  []string
		more   string
		reason string
	}{
		"render, a canary of its Service":   {routes.Render, nil, canaryAt("/other", "app"), routes.AppCanary},
		"render, a canary of its path":      {routes.Render, nil, canaryAt("/", "other"), routes.AppCanary},
		"render, a canary elsewhere":        {routes.Render, nil, canaryAt("/other", "other"), ""},
		"render, error pages":               {routes.Render, []string{errorCodes, "404"}, "", routes.ForeignAnnotation},
		"render, error pages as ours":       {routes.Render, []string{errorCodes, "401,403"}, "", ""},
		"global, error pages":               {routes.Global, []string{errorCodes, "404"}, "", routes.ForeignAnnotation},
		"global, a canary":                  {routes.Global, nil, canaryAt("/", "app"), ""},
		"global, with a ConfigMap":          {routes.Global, nil, routestest.ConfigYAML("use-http2", "true"), routes.ModeUnprepared},
		"global, with one that is prepared": {routes.Global, nil, routestest.ConfigYAML("location-snippet", "error_page 401 @x;"), ""},
		"canary, another canary":            {routes.Canary, nil, canaryAt("/", "app"), routes.AppCanary},
		"canary, gRPC":                      {routes.Canary, []string{routes.NGINXProtocol.Key(), "grpc"}, "", routes.BackendProtocol},
		"canary, HTTP":                      {routes.Canary, []string{routes.NGINXProtocol.Key(), "http"}, "", ""},
		"canary, a rewrite":                 {routes.Canary, []string{routes.NGINXRewrite.Key(), "/x"}, "", routes.RewrittenTarget},
		"canary, another host":              {routes.Canary, []string{routes.NGINXVhost.Key(), "x.example.com"}, "", routes.RewrittenTarget},
		"canary, an app-root":               {routes.Canary, []string{routes.NGINXAppRoot.Key(), "/x"}, "", routes.RewrittenTarget},
		"canary, beside one without policy": {routes.Canary, nil, beside("example.com/x: z"), routes.SharedService},
		"canary, beside another mode":       {routes.Canary, nil, beside(routestest.Opted), routes.SharedService},
		"canary, beside a mode alone":       {routes.Canary, nil, beside(routes.ModeAnnotation + ": canary"), routes.SharedService},
		"static, origins of their own":      {routes.Static, []string{routes.NGINXPrefix + "cors-allow-origin", "*"}, "", routes.NotProjectable},
		"static, what we do not write":      {routes.Static, []string{routes.NGINXPrefix + "cors-allow-x", "X"}, "", routes.NotProjectable},
		"canary, beside one alike":          {routes.Canary, nil, beside(both), ""},
		"canary, beside one of Traefik":     {routes.Canary, nil, beside(routes.ProxyAnnotation + ": traefik"), ""},
		"canary, beside another policy":     {routes.Canary, nil, beside(strings.Replace(both, "web", "open", 1)) + "\n---\n" + bypassing, ""},
	} {
		x := world(t, site(routes.IngressNGINX, append(tc.notes, routes.ModeAnnotation, string(tc.mode))...), tc.more)
		w := planOf(t, x)
		if reasonsOf(w) != tc.reason {
			t.Errorf("%s: %s, want %s", name, reasonsOf(w), tc.reason)
		}
		alone := w.Annotations[routes.NGINXAuthURL.Key()] == ownAuthURL && len(w.Objects) == 0
		if !w.Asks || tc.reason != "" && !alone {
			t.Errorf("%s: asks %t, %v, %s", name, w.Asks, w.Annotations, objectsOf(w))
		}
	}
}

// Where the application answers preflights a canary would take them; and whose installation
// is set to the mode global has prepared the platform.
func TestNGINXModesOfAll(t *testing.T) {
	x := world(t, site(routes.IngressNGINX, routes.ModeAnnotation, string(routes.Canary)))
	x.Policies[0].CORS = &policy.CORS{BypassPreflight: true}
	if w := planOf(t, x); len(w.Objects) > 0 || w.Annotations[routes.NGINXAuthURL.Key()] != ownAuthURL {
		t.Errorf("%s, %v", objectsOf(w), w.Annotations)
	}
	x = world(t, site(routes.IngressNGINX), routestest.ConfigYAML("use-http2", "true"))
	x.Settings.Mode = routes.Global
	if w := planOf(t, x); len(w.Findings) > 0 || w.Mode != routes.Global {
		t.Errorf("%s: %s", w.Mode, reasonsOf(w))
	}
}

// An annotation of people's that undoes what the question is for is found, and the plan
// says whether it asks all the same.
func TestNGINXUndone(t *testing.T) {
	for _, tc := range []struct {
		name, value, reason string
		asks                bool
	}{
		{"auth-keepalive", "5", routes.AuthKeepalive, false}, {"auth-keepalive", "0", "", true}, {"auth-keepalive", "x", "", true},
		{"auth-cache-key", "$remote_user", routes.AuthCache, false},
		{"backend-protocol", "FCGI", routes.BackendProtocol, false}, {"backend-protocol", "fcgi", routes.BackendProtocol, false},
		{"backend-protocol", "GRPC", "", true},
		{"enable-cors", "true", routes.ForeignCORS, true}, {"enable-cors", "1", routes.ForeignCORS, true}, {"enable-cors", "false", "", true},
		{"auth-signin", "http://sso.example.com", routes.SignInElsewhere, true},
		{"auth-url", "http://sso.example.com", routes.ForeignAuth, false}, {"auth-url", routestest.AuthURL, routes.ForeignAuth, true},
		{"auth-url", ownAuthURL, "", true}, {"auth-url", strings.Replace(ownAuthURL, "/nginx/", "/nginx-pass/", 1), "", true},
		{"auth-response-headers", "X-User", routes.ForeignAnnotation, true},
	} {
		w := planOf(t, world(t, site(routes.IngressNGINX, routes.NGINXPrefix+tc.name, tc.value)))
		if reasonsOf(w) != tc.reason || w.Asks != tc.asks {
			t.Errorf("%s: %q is %s, asks %t", tc.name, tc.value, reasonsOf(w), w.Asks)
		}
		if foreign := tc.reason == routes.ForeignAuth; foreign != (len(w.Annotations) == 0) || foreign != (w.SignIn == nil) {
			t.Errorf("%s: %q: %v, %v", tc.name, tc.value, w.Annotations, w.SignIn)
		}
	}
}

// reflected is which origins ingress-nginx 1.15 answers by what stands in cors-allow-origin
// (buildCorsOriginRegex): a star is one label.
func reflected(origins string) *regexp.Regexp {
	var out []string
	for _, one := range strings.Split(origins, ",") {
		if one == "*" {
			return regexp.MustCompile("")
		}
		out = append(out, strings.Replace(regexp.QuoteMeta(one), `\*`, "[A-Za-z0-9-]+", 1))
	}
	return regexp.MustCompile("^(" + strings.Join(out, "|") + ")$")
}

// unsaid reports whether a policy has what annotations cannot say.
func unsaid(c *policy.CORS) bool {
	all := slices.Concat(c.AllowedMethods, c.AllowedHeaders, c.ExposedHeaders, c.AllowedOrigins)
	switch {
	case c.AllowAllMethods || c.AllowAllHeaders || c.AllowPrivateNetwork:
		return true
	case c.AllowAllOrigins && c.AllowCredentials:
		return true
	case c.AllowAllOrigins: // which origins are listed does not matter
		all = all[:len(all)-len(c.AllowedOrigins)]
	case len(c.AllowedOrigins) == 0:
		return true
	}
	return slices.ContainsFunc(all, func(s string) bool {
		return slices.Contains([]string{"*", "A-B", "a b", "null", "https://a.*.com", "app://x", "https://a.com,*", "https://*a.example.com"}, s)
	})
}

// The mode static says by annotations what the policy does, or nothing at all.
func TestStaticSaysTheSame(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	rare := func() bool { return r.IntN(16) == 0 } // so that about one in five can be written
	some := func(from []string, odd ...string) (out []string) {
		for _, one := range from {
			if r.IntN(3) == 0 {
				out = append(out, one)
			}
		}
		for _, one := range odd {
			if rare() {
				out = append(out, one)
			}
		}
		return out
	}
	projectable := 0
	for range 3000 {
		c := &policy.CORS{
			AllowedOrigins: some([]string{"https://a.example.com", "http://*.dev.example.com:8080"},
				"null", "https://a.*.com", "*", "app://x", "https://a.com,*", "https://*a.example.com"),
			AllowedMethods: append(some([]string{"GET", "POST"}, "*", "A-B"), "PUT"),
			AllowedHeaders: some([]string{"x-a", "content-type"}, "*", "a b"), ExposedHeaders: some([]string{"X-B"}, "*"),
			AllowAllOrigins: rare(), AllowAllMethods: rare(), AllowAllHeaders: rare(),
			AllowPrivateNetwork: rare(), AllowCredentials: r.IntN(2) == 0, MaxAge: r.IntN(4) - 1,
		}
		values, cannot := projected(c)
		odd := unsaid(c)
		if odd != (len(cannot) > 0) {
			t.Fatalf("seed %d: %+v cannot be written: %q", seed, c, cannot)
		}
		if odd {
			continue
		}
		projectable++
		checkProjected(t, c, values)
	}
	if projectable < 200 {
		t.Errorf("seed %d: %d of 3000 can be written", seed, projectable)
	}
}

// checkProjected reads annotations as ingress-nginx does.
func checkProjected(t *testing.T, c *policy.CORS, values map[string]string) {
	t.Helper()
	origins := reflected(values[routes.NGINXPrefix+"cors-allow-origin"])
	for origin, of := range map[string]string{
		"https://a.example.com": "https://a.example.com", "http://x.dev.example.com:8080": "http://*.dev.example.com:8080",
		"http://x.y.dev.example.com:8080": "", "https://aXexample.com": "", "null": "", "https://a.example.com.evil.com": "",
	} {
		if want := c.AllowAllOrigins || slices.Contains(c.AllowedOrigins, of); origins.MatchString(origin) != want {
			t.Errorf("%+v: %s may read answers: %t", c, origin, !want)
		}
	}
	list := func(key string) []string { return routes.SplitList(values[routes.NGINXPrefix+key]) }
	headers := c.AllowedHeaders
	if len(headers) == 0 {
		headers = []string{"Accept"} // none would be its default of nine
	}
	if !slices.Equal(list("cors-allow-methods"), c.AllowedMethods) || !slices.Equal(list("cors-allow-headers"), headers) ||
		!slices.Equal(list("cors-expose-headers"), c.ExposedHeaders) {
		t.Errorf("%+v: %v", c, values)
	}
	age := map[bool]int{true: 5, false: max(c.MaxAge, 0)}[c.MaxAge == 0]
	credentials := values[routes.NGINXPrefix+"cors-allow-credentials"]
	if values[routes.NGINXPrefix+"cors-max-age"] != strconv.Itoa(age) || credentials != strconv.FormatBool(c.AllowCredentials) {
		t.Errorf("%+v: %v", c, values)
	}
}
