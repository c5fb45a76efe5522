// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// middlewareYAML is a Middleware of the namespace shop.
func middlewareYAML(name, spec string) string {
	return fmt.Sprintf("{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {name: %s, namespace: shop}, spec: {%s}}", name, spec)
}

// askingAt is the Middleware ask, which asks at an address.
func askingAt(address, more string) string {
	return middlewareYAML("ask", fmt.Sprintf("forwardAuth: {address: %q%s}", address, more))
}

// A Middleware asks us if it is a ForwardAuth of our address that believes no visitor's
// headers, or a chain that holds one, however deep.
func TestTraefikQuestion(t *testing.T) {
	us := routestest.Settings.AuthzURL
	ask := askingAt(us+contract.ForwardPath, "")
	chain := func(name, of string) string {
		return middlewareYAML(name, "chain: {middlewares: [{name: other}, {name: "+of+"}]}")
	}
	const shopAsk = "shop-ask@kubernetescrd"
	none, asks := routes.AsksNobody, routes.AsksUs
	for name, tc := range map[string]struct {
		world []string
		names string
		want  routes.Question
	}{
		"no annotation":               {[]string{ask}, "", none},
		"one that asks":               {[]string{ask}, shopAsk, asks},
		"among others":                {[]string{ask}, "shop-x@kubernetescrd , shop-ask@kubernetescrd", asks},
		"of another namespace":        {[]string{ask}, "other-ask@kubernetescrd", none},
		"of another provider":         {[]string{ask}, "shop-ask@file", none},
		"without its provider":        {[]string{ask}, "shop-ask", none},
		"one that is not there":       {nil, shopAsk, none},
		"pinned":                      {[]string{askingAt(us+"/authz/v1/forward/shop/web", "")}, shopAsk, asks},
		"at another path":             {[]string{askingAt(us+"/authz/v1/nginx", "")}, shopAsk, none},
		"another server":              {[]string{askingAt("http://sso.example.com"+contract.ForwardPath, "")}, shopAsk, none},
		"that believes the visitor":   {[]string{askingAt(us+contract.ForwardPath, ", trustForwardHeader: true")}, shopAsk, none},
		"that does not, in words":     {[]string{askingAt(us+contract.ForwardPath, ", trustForwardHeader: false")}, shopAsk, asks},
		"no ForwardAuth":              {[]string{middlewareYAML("ask", "headers: {}")}, shopAsk, none},
		"a chain":                     {[]string{ask, chain("a", "ask")}, "shop-a@kubernetescrd", asks},
		"a chain of a chain":          {[]string{ask, chain("a", "b"), chain("b", "c"), chain("c", "ask")}, "shop-a@kubernetescrd", asks},
		"a chain of itself":           {[]string{ask, chain("a", "b"), chain("b", "a")}, "shop-a@kubernetescrd", none},
		"a chain of another":          {[]string{ask, chain("a", "x")}, "shop-a@kubernetescrd", none},
		"a chain elsewhere":           {[]string{ask, chain("a", "ask, namespace: other")}, "shop-a@kubernetescrd", none},
		"a chain, its namespace said": {[]string{ask, chain("a", "ask, namespace: shop")}, "shop-a@kubernetescrd", asks},
	} {
		for _, key := range []string{"router.middlewares", "Router.Middlewares", "ROUTER.MIDDLEWARES"} {
			got := questionOf(t, world(t, append(tc.world, site(routes.Traefik, routes.TraefikPrefix+key, tc.names))...))
			if got != tc.want {
				t.Errorf("%s, %s: %d, want %d", name, key, got, tc.want)
			}
		}
		for _, proxy := range []routes.Proxy{routes.TraefikNGINX, routes.HAProxyIngress} {
			if got := questionOf(t, world(t, append(tc.world, site(proxy, routes.TraefikMiddlewares.Key(), tc.names))...)); got != none {
				t.Errorf("%s: %s does not read it, and asks %d", name, proxy, got)
			}
		}
	}
	others := site(routes.Traefik, routes.NGINXPassthrough.Key(), "true", routes.HAProxyPassthrough.Key(), "true")
	if got := gapsOf(t, world(t, others)); len(got) > 0 {
		t.Errorf("it reads what is others': %v", got)
	}
}

// The Middlewares take off every header that tells who calls, and ask about the request.
func TestTraefikMiddlewares(t *testing.T) {
	w := planOf(t, world(t, site(routes.Traefik)))
	if got := w.Annotations[routes.TraefikMiddlewares.Key()]; got != ourMiddlewares || !w.Asks || len(w.Findings) > 0 {
		t.Errorf("%q, asks %t, %s", got, w.Asks, reasonsOf(w))
	}
	if want := "IngressRoute ostiary/ostiary-preflight.shop.web, IngressRoute ostiary/ostiary-upgrade.shop.web, " +
		"Middleware shop/ostiary-auth-web, Middleware shop/ostiary-strip-web"; objectsOf(w) != want {
		t.Error(objectsOf(w))
	}
	var off map[string]any
	for _, o := range w.Objects {
		spec, _ := o.Object["spec"].(map[string]any)
		if headers, ok := spec["headers"].(map[string]any); ok {
			off, _ = headers["customRequestHeaders"].(map[string]any)
		}
		auth, ok := spec["forwardAuth"].(map[string]any)
		if !ok {
			continue
		}
		address := routestest.Settings.AuthzURL + "/authz/v1/forward/shop/web"
		if auth["address"] != address || auth["trustForwardHeader"] != false || auth["maxResponseBodySize"] != nil {
			t.Errorf("%v", auth)
		}
	}
	for _, header := range append(contract.AllIdentity(), routestest.Settings.IdentityHeaders...) {
		for _, spelling := range contract.Spellings(header) {
			value, is := off[spelling]
			if replaced := slices.Contains(routestest.Settings.IdentityHeaders, spelling); is == replaced || is && value != "" {
				t.Errorf("%s is taken off: %t, with %q", spelling, is, value)
			}
		}
	}
	x := world(t, site(routes.Traefik))
	x.Served[routes.MiddlewareLimit] = true
	for _, o := range planOf(t, x).Objects {
		auth, is := o.Object["spec"].(map[string]any)["forwardAuth"].(map[string]any)
		if is && auth["maxResponseBodySize"] != int64(64<<10) {
			t.Errorf("what may be bounded is not: %v", auth)
		}
	}
}

// Where a kind is not installed, or people wrote what comes before ours, that is found.
func TestTraefikUndone(t *testing.T) {
	others := "shop-x@kubernetescrd"
	between := strings.Replace(ourMiddlewares, ",", ","+others+",", 1)
	for name, tc := range map[string]struct {
		key, value, missing, reasons string
		asks, writes                 bool
	}{
		"nothing":                      {"", "", "", "", true, true},
		"no Middlewares":               {"", "", MiddlewareKind, routes.MissingKind, false, true},
		"no IngressRoutes":             {"", "", ingressRouteKind, routes.MissingKind, true, true},
		"others":                       {"router.middlewares", others, "", routes.ForeignAuth, false, false},
		"others before ours":           {"router.middlewares", others + "," + ourMiddlewares, "", routes.ForeignAnnotation, true, false},
		"others between ours":          {"router.middlewares", between, "", routes.ForeignAnnotation, true, false},
		"others behind ours":           {"router.middlewares", ourMiddlewares + "," + others, "", "", true, false},
		"ours":                         {"router.middlewares", ourMiddlewares, "", "", true, true},
		"ours, spelled otherwise":      {"Router.Middlewares", ourMiddlewares, "", "", true, false},
		"that asks, and takes nothing": {"router.middlewares", "shop-ostiary-auth-web@kubernetescrd", "", routes.ForeignAnnotation, true, false},
		"that takes, and asks nobody":  {"router.middlewares", "shop-ostiary-strip-web@kubernetescrd", "", routes.ForeignAuth, false, false},
		"a priority":                   {"router.priority", strconv.Itoa(accessPriority), "", routes.PriorityTooHigh, true, true},
		"a lower one":                  {"router.priority", strconv.Itoa(accessPriority - 1), "", "", true, true},
		"one that is no number":        {"router.priority", "high", "", "", true, true},
	} {
		var pairs []string
		if tc.key != "" {
			pairs = []string{routes.TraefikPrefix + tc.key, tc.value}
		}
		x := world(t, site(routes.Traefik, pairs...))
		delete(x.Served, tc.missing)
		w := planOf(t, x)
		_, writes := w.Annotations[routes.TraefikMiddlewares.Key()]
		if reasonsOf(w) != tc.reasons || w.Asks != tc.asks || writes != tc.writes {
			t.Errorf("%s: %s, asks %t, writes %v", name, reasonsOf(w), w.Asks, w.Annotations)
		}
	}
}

// rule is a rule of Traefik's as planned: what may be in it.
var rule = regexp.MustCompile("(Host|Path|PathPrefix|PathRegexp)\\(((?:\"(?:[^\"\\\\]|\\\\.)*\")|`[^`]*`)\\)")

// reads is whether the host and the path of a rule that we write match; all else in it is
// about headers.
func reads(t *testing.T, text, host, path string) bool {
	t.Helper()
	hosts, paths := false, false
	for _, m := range rule.FindAllStringSubmatch(text, -1) {
		value, err := strconv.Unquote(m[2])
		if err != nil {
			t.Fatalf("%s in %s: %v", m[2], text, err)
		}
		switch m[1] {
		case "Host":
			hosts = hosts || value == host
		case "Path":
			paths = paths || value == path
		case "PathPrefix":
			paths = paths || strings.HasPrefix(path, value)
		case "PathRegexp":
			paths = paths || regexp.MustCompile(value).MatchString(path)
		}
	}
	return hosts && paths
}

// The routers of ours take the preflights of exactly what the Ingress serves, read by whole
// segments, whatever is in its paths.
func TestTraefikPreflightRules(t *testing.T) {
	odd := append(tinyPaths(), "/a`b", `/a"b`, `/a\b`, "/a) || Host(`evil`", "/a.*")
	for _, proxy := range []routes.Proxy{routes.Traefik, routes.TraefikNGINX} {
		for _, matcher := range []string{"", "Path", "PathRegexp"} {
			for _, kind := range []string{"Exact", "Prefix", "ImplementationSpecific"} {
				w := planOf(t, world(t, site(proxy, routes.TraefikPrefix+"router.pathmatcher", matcher)))
				for _, path := range odd {
					at := routes.Placed{Place: routes.Place{Host: "app.example.com", Path: path}, PathType: kind}
					text := placeMatch(w, at)
					for _, asked := range odd {
						want := routes.Below(asked, path)
						switch traefiks := proxy == routes.Traefik && kind == "ImplementationSpecific"; {
						case kind == "Exact" || traefiks && matcher == "Path":
							want = asked == path
						case traefiks && matcher == "PathRegexp":
							continue // it is copied: TestTraefikRuleOfExpressions
						}
						if got := reads(t, text, "app.example.com", asked); got != want || reads(t, text, "evil", asked) {
							t.Fatalf("%s, %q: %s %s as %s takes %s: %t", proxy, matcher, kind, path, text, asked, got)
						}
					}
				}
			}
		}
	}
}

// An expression is copied as Traefik would read it; ingress-nginx's is one from the beginning,
// in any case.
func TestTraefikRuleOfExpressions(t *testing.T) {
	at := routes.Placed{Place: routes.Place{Host: "app.example.com", Path: "/a[0-9]"}, PathType: "ImplementationSpecific"}
	for name, tc := range map[string]struct{ world, want string }{
		"Traefik":             {site(routes.Traefik, routes.TraefikMatcher.Key(), "PathRegexp"), "PathRegexp(\"/a[0-9]\")"},
		"Traefik, no matcher": {site(routes.Traefik), `(Path("/a[0-9]") || PathPrefix("/a[0-9]/"))`},
		"use-regex":           {site(routes.TraefikNGINX, routes.NGINXUseRegex.Key(), "true"), `PathRegexp("(?i)^/a[0-9]")`},
		"a rewrite":           {site(routes.TraefikNGINX, routes.NGINXRewrite.Key(), "/x"), `PathRegexp("(?i)^/a[0-9]")`},
		"none":                {site(routes.TraefikNGINX, routes.NGINXUseRegex.Key(), "false"), `(Path("/a[0-9]") || PathPrefix("/a[0-9]/"))`},
	} {
		if got := placeMatch(planOf(t, world(t, tc.world)), at); got != `Host("app.example.com") && `+tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Traefik's provider for ingress-nginx asks by auth-url, and needs no pages of ours.
func TestTraefikNGINXPlan(t *testing.T) {
	for name, tc := range map[string]struct {
		pairs  []string
		reason string
		asks   bool
	}{
		"nothing":       {nil, "", true},
		"a rewrite":     {[]string{routes.NGINXRewrite.Key(), "/x"}, routes.RewrittenTarget, true},
		"another host":  {[]string{routes.NGINXVhost.Key(), "x.example.com"}, routes.RewrittenTarget, true},
		"its own CORS":  {[]string{routes.NGINXCORS.Key(), "TRUE"}, routes.ForeignCORS, true},
		"that, unclear": {[]string{routes.NGINXCORS.Key(), "1"}, "", true},
		"others":        {[]string{routes.NGINXAuthURL.Key(), "http://sso.example.com"}, routes.ForeignAuth, false},
	} {
		w := planOf(t, world(t, site(routes.TraefikNGINX, tc.pairs...)))
		if reasonsOf(w) != tc.reason || w.Asks != tc.asks || w.Annotations[errorCodes] != "" {
			t.Errorf("%s: %s, asks %t, %v", name, reasonsOf(w), w.Asks, w.Annotations)
		}
		told := routes.SplitList(w.Annotations[routes.NGINXPrefix+"auth-response-headers"])
		if w.Asks && (!slices.Contains(told, "X_Access-Email") || !slices.Contains(told, "X-Access-Email")) {
			t.Errorf("%s: of a visitor's spellings not all are replaced: %q", name, told)
		}
		url := w.Annotations[routes.NGINXAuthURL.Key()]
		if want := strings.Replace(ownAuthURL, "/nginx/", "/url/", 1); tc.reason != routes.ForeignAuth && url != want {
			t.Errorf("%s: asks %s", name, url)
		}
	}
	everywhere := world(t, strings.Replace(site(routes.TraefikNGINX), "host: app.example.com\n    http", "http", 1))
	if got := objectsOf(planOf(t, everywhere)); got != "" {
		t.Errorf("without a host its routers would take requests of all: %s", got)
	}
	x := world(t, site(routes.TraefikNGINX))
	x.Policies[0].CORS = &policy.CORS{BypassPreflight: true}
	if got := objectsOf(planOf(t, x)); got != "IngressRoute ostiary/ostiary-upgrade.shop.web" {
		t.Errorf("where the application answers preflights: %s", got)
	}
}

// Routers of ours listen where those of the Ingress do.
func TestTraefikCarriedOver(t *testing.T) {
	for name, tc := range map[string]struct {
		pairs []string
		want  string
	}{
		"nothing":          {nil, "map[]"},
		"entry points":     {[]string{"router.entrypoints", "web, websecure"}, "map[entryPoints:[web websecure]]"},
		"TLS":              {[]string{"router.tls", "true"}, "map[tls:map[]]"},
		"TLS, spelled":     {[]string{"Router.TLS", "TRUE"}, "map[tls:map[]]"},
		"a resolver":       {[]string{"router.tls.certresolver", "le"}, "map[tls:map[certResolver:le]]"},
		"options":          {[]string{"router.tls", "true", "router.tls.options", "a@file"}, "map[tls:map[options:map[name:a@file]]]"},
		"none, whatever":   {[]string{"router.tls", "false", "router.tls.options", "a@kubernetescrd"}, "map[]"},
		"nothing of these": {[]string{"router.pathmatcher", "Path"}, "map[]"},
	} {
		var pairs []string
		for pair := range slices.Chunk(tc.pairs, 2) {
			pairs = append(pairs, routes.TraefikPrefix+pair[0], pair[1])
		}
		for _, o := range planOf(t, world(t, site(routes.Traefik, pairs...))).Objects {
			spec := o.Object["spec"].(map[string]any)
			if delete(spec, "routes"); o.GetKind() == "IngressRoute" && fmt.Sprint(spec) != tc.want {
				t.Errorf("%s: %s has %v", name, o.GetName(), spec)
			}
		}
	}
}
