// SPDX-License-Identifier: Apache-2.0

package routes_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/coverage"
	"github.com/ostiary/ostiary/controllers/routes/family"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// spellings are what people write for true and false.
var flagSpellings = []string{"t", "T", "TRUE", "True", "true", "tRUE", "1", "f", "F", "FALSE", "False", "false", "fALSE", "0",
	"yes", "no", "on", "", " true", "true ", "\ttrue", "true\n", `"true"`, "'true'", "2", "-1", "True,", "true true"}

// refFlag is what a proxy makes of a flag, written down from its source:
// ingress-nginx parser.parseBool, Traefik's ingress-nginx parseIngressConfig (3.7, and
// strconv before), paerser's metadata, and haproxy-ingress ConfigValue.Bool.
func refFlag(of routes.Vocabulary, proxy routes.Proxy, value string) routes.Switch {
	words := func(list ...string) bool { return slices.Contains(list, value) }
	yes, no := words("1", "t", "T", "TRUE", "true", "True"), words("0", "f", "F", "FALSE", "false", "False")
	switch {
	case of == routes.OfTraefik && (value == "" || strings.ToLower(value) == "true"):
		return routes.On
	case of == routes.OfTraefik && strings.ToLower(value) == "false":
		return routes.Off
	case of == routes.OfTraefik:
		return routes.Unclear
	case value == "":
		return routes.Unsaid
	case proxy == routes.TraefikNGINX && words("tRUE", "TRUE", "true", "True"):
		return routes.On
	case proxy == routes.TraefikNGINX && yes:
		return routes.Unclear
	case yes:
		return routes.On
	case no:
		return routes.Off
	default:
		return routes.Unclear
	}
}

// A flagCase says what is seen of a flag of one proxy: seen holds exactly when it is on,
// or when maybe and it may be.
type flagCase struct {
	proxies []routes.Proxy
	maybe   bool
	off     bool // seen where it is off, instead
	seen    func(t *testing.T, proxy routes.Proxy, key, value string) bool
}

func judged(t *testing.T, manifests ...string) (plan.Plan, []routes.Finding) {
	w := routestest.Snapshot(t, manifests...)
	return plan.Make(w, routestest.Settings), coverage.Unguarded(w, routestest.Settings, coverage.Claims(w))
}

var both = []routes.Proxy{routes.IngressNGINX, routes.TraefikNGINX}

// flagCases has one for every flag in notes.
var flagCases = map[*routes.Annotation][]flagCase{
	routes.NGINXCanary: {
		// No refusal is led to the pods of an application's canary.
		{proxies: []routes.Proxy{routes.IngressNGINX}, maybe: true, seen: func(t *testing.T, proxy routes.Proxy, key, value string) bool {
			w := routestest.Snapshot(t, routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.NotedYAML(t, "next", "/", proxy, key, value))
			p := plan.Make(w, routestest.Settings)
			annotations, _ := routestest.RouteOf(t, p.Annotations, p.Bindings, "web")
			_, pages := annotations[routes.NGINXPrefix+"custom-http-errors"]
			if found := routestest.Has(p.Findings, routes.AppCanary, "web"); found == pages {
				t.Errorf("%q: AppCanary %v, error pages planned %v", value, found, pages)
			}
			return !pages
		}},
		{proxies: both, seen: func(t *testing.T, proxy routes.Proxy, key, value string) bool {
			_, around := judged(t, routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.NotedYAML(t, "next", "/", proxy, key, value))
			return !routestest.Has(around, routes.NoAuthURL, "next")
		}},
	},
	routes.NGINXPassthrough: {{proxies: both, seen: func(t *testing.T, proxy routes.Proxy, key, value string) bool {
		_, around := judged(t, routestest.NotedYAML(t, "web", "/", proxy, key, value, routestest.Opted))
		return routestest.Has(around, routes.TLSPassthrough, "web")
	}}},
	routes.NGINXGlobalAuth: {{proxies: []routes.Proxy{routes.IngressNGINX}, off: true, seen: func(t *testing.T, proxy routes.Proxy, key, value string) bool {
		_, around := judged(t, routestest.NotedYAML(t, "web", "/", proxy, key, value), routestest.ConfigYAML("global-auth-url", routestest.AuthURL))
		return routestest.Has(around, routes.GlobalAuthOff, "web")
	}}},
	routes.NGINXCORS: {{proxies: both, seen: func(t *testing.T, proxy routes.Proxy, key, value string) bool {
		plan, _ := judged(t, routestest.NotedYAML(t, "web", "/", proxy, key, value, routestest.Opted))
		return routestest.Has(plan.Findings, routes.ForeignCORS, "web")
	}}},
	routes.NGINXUseRegex: {
		{proxies: []routes.Proxy{routes.IngressNGINX}, maybe: true, seen: func(t *testing.T, proxy routes.Proxy, key, value string) bool {
			plan, _ := judged(t, routestest.NotedYAML(t, "web", "/[.]access/.*", proxy, key, value, routestest.Opted))
			return routestest.Has(plan.Findings, routes.ShadowedLogin, "web")
		}},
		{proxies: []routes.Proxy{routes.TraefikNGINX}, maybe: true, seen: func(t *testing.T, proxy routes.Proxy, key, value string) bool {
			plan, _ := judged(t, routestest.NotedYAML(t, "web", "/a", proxy, key, value, routestest.Opted))
			return slices.ContainsFunc(plan.Objects, func(o *unstructured.Unstructured) bool { return strings.Contains(fmt.Sprint(o.Object), "PathRegexp(") })
		}},
	},
	routes.TraefikTLS: {{proxies: []routes.Proxy{routes.Traefik}, seen: func(t *testing.T, proxy routes.Proxy, key, value string) bool {
		plan, _ := judged(t, routestest.NotedYAML(t, "web", "/", proxy, key, value, routestest.Opted))
		for _, o := range plan.Objects {
			if o.GetKind() == "IngressRoute" {
				_, some, _ := unstructured.NestedMap(o.Object, "spec", "tls")
				return some
			}
		}
		t.Fatal("no IngressRoute")
		return false
	}}},
	routes.HAProxyCORS: {{proxies: []routes.Proxy{routes.HAProxyIngress}, seen: func(t *testing.T, proxy routes.Proxy, key, value string) bool {
		plan, _ := judged(t, routestest.NotedYAML(t, "web", "/", proxy, key, value, routestest.Opted))
		return routestest.Has(plan.Findings, routes.ForeignCORS, "web")
	}}},
	routes.HAProxyPassthrough: {{proxies: []routes.Proxy{routes.HAProxyIngress}, seen: func(t *testing.T, proxy routes.Proxy, key, value string) bool {
		_, around := judged(t, routestest.NotedYAML(t, "web", "/", proxy, key, value, routestest.Opted))
		return routestest.Has(around, routes.TLSPassthrough, "web")
	}}},
}

// Every flag that we look at means to us what it means to the proxy that reads it, in
// every spelling; one that the proxy cannot read is said. THREATS H5.
func TestFlagsAreReadAsProxiesReadThem(t *testing.T) {
	for _, n := range routes.Annotations {
		if n.Kind != routes.AFlag {
			continue
		}
		cases := flagCases[n]
		if len(cases) == 0 {
			t.Errorf("%s is a flag that no case tries: add one to flagCases", n.Key())
		}
		for _, c := range cases {
			for _, proxy := range c.proxies {
				for _, value := range flagSpellings {
					checkFlag(t, n, c, proxy, value)
				}
			}
		}
	}
}

func checkFlag(t *testing.T, n *routes.Annotation, c flagCase, proxy routes.Proxy, value string) {
	t.Helper()
	is := refFlag(n.Family, proxy, value)
	want := is == routes.On || c.maybe && is == routes.Unclear
	if c.off {
		want = is == routes.Off
	}
	if got := c.seen(t, proxy, n.Key(), value); got != want {
		t.Errorf("%s, %s: %q: seen %v, want %v (to the proxy it is %d)", proxy, n.Key(), value, got, want, is)
	}
	for _, more := range []string{routestest.Opted, ""} {
		plan, around := judged(t, routestest.NotedYAML(t, "web", "/", proxy, n.Key(), value, slices.DeleteFunc([]string{more}, func(s string) bool { return s == "" })...))
		if got := routestest.Has(slices.Concat(plan.Findings, around), routes.AnnotationUnread, "web"); got != (is == routes.Unclear) {
			t.Errorf("%s, %s: %q, opted in %v: AnnotationUnread %v, want %v", proxy, n.Key(), value, more != "", got, is == routes.Unclear)
		}
	}
}

// What a proxy cannot read is a finding, whatever the annotation is for.
func TestUnreadAnnotationsAreFindings(t *testing.T) {
	bad := map[routes.Form][]string{routes.AFlag: {"yes"}, routes.ANumber: {"x", "1 ", "1e3", "0x10"}, routes.AChoice: {"what", " any thing"}, routes.AText: {"a\nb", "a\tb"}, routes.AList: {"a\nb"}, routes.AScript: nil}
	for _, n := range routes.Annotations {
		for _, proxy := range []routes.Proxy{routes.IngressNGINX, routes.TraefikNGINX, routes.Traefik, routes.HAProxyIngress} {
			for _, value := range bad[n.Kind] {
				for _, more := range [][]string{{routestest.Opted}, nil} {
					plan, around := judged(t, routestest.NotedYAML(t, "web", "/", proxy, n.Key(), value, more...))
					if got := routestest.Has(slices.Concat(plan.Findings, around), routes.AnnotationUnread, "web"); got != n.Reads(proxy) {
						t.Errorf("%s, opted in %v: %s: %q: AnnotationUnread %v", proxy, more != nil, n.Key(), value, got)
					}
				}
			}
		}
	}
}

func TestNotesAreReadAsTheyStand(t *testing.T) {
	for _, tc := range []struct {
		n           *routes.Annotation
		annotations map[string]string
		want        string
	}{
		{routes.NGINXAuthURL, map[string]string{routes.NGINXPrefix + "auth-url": " http://x/ "}, "http://x/"},
		{routes.NGINXSatisfy, map[string]string{routes.NGINXPrefix + "satisfy": " any"}, "any"},
		{routes.NGINXSatisfy, map[string]string{routes.NGINXPrefix + "satisfy": "Any"}, "Any"},
		{routes.NGINXSnippet, map[string]string{routes.NGINXPrefix + "configuration-snippet": " a; \n b;"}, "a;\nb;"},
		{routes.TraefikMatcher, map[string]string{routes.TraefikPrefix + "Router.PathMatcher": "PathRegexp"}, "PathRegexp"},
		{routes.TraefikMatcher, map[string]string{routes.TraefikPrefix + "router.pathmatcher": "Path", routes.TraefikPrefix + "Router.pathmatcher": "PathRegexp"}, "Path"},
		{routes.HAProxyAuthURL, map[string]string{routes.HAProxyPrefix + "auth-url": "", "ingress.kubernetes.io/auth-url": "http://x/"}, ""},
		{routes.HAProxyAuthURL, map[string]string{"ingress.kubernetes.io/auth-url": "http://x/"}, "http://x/"},
	} {
		if got := tc.n.Text(tc.annotations); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.annotations, got, tc.want)
		}
	}
}

// haproxy-ingress asks only where auth-external-placement is a word that it knows.
func TestHAProxyPlacement(t *testing.T) {
	for value, guarded := range map[string]bool{"backend": true, "Backend": true, "frontend": false, "FRONTEND": false, " backend": false, "frontend ": false, "x": false} {
		w := routestest.Snapshot(t, routestest.NotedYAML(t, "web", "/", routes.HAProxyIngress, routes.HAProxyPlacement.Key(), value, routestest.Opted))
		p := plan.Make(w, routestest.Settings)
		if _, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "web"); b.Guarded != guarded || guarded != (len(p.Findings) == 0) {
			t.Errorf("%q: guarded %v, findings %v", value, b.Guarded, p.Findings)
		}
		routestest.CarryOut(t, &w, p.Objects, p.Annotations)
		x := routes.Read(w, routestest.Settings)
		if asks := family.Of(x.RouteOf(w.Ingresses[0]).Class).Question(x, x.RouteOf(w.Ingresses[0])) == routes.AsksUs; asks != guarded {
			t.Errorf("%q: who looks from outside sees it ask: %v", value, asks)
		}
	}
}

// A list of Middlewares in another case is somebody else's, as Traefik takes both for one.
func TestTraefikNamesInAnyCase(t *testing.T) {
	w := routestest.Snapshot(t, routestest.NotedYAML(t, "web", "/", routes.Traefik, routes.TraefikPrefix+"Router.Middlewares", "shop-gzip@kubernetescrd", routestest.Opted))
	p := plan.Make(w, routestest.Settings)
	if annotations, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "web"); b.Guarded || len(annotations) > 0 || !routestest.Has(p.Findings, routes.ForeignAuth, "web") {
		t.Errorf("guarded %v, annotations %v, findings %v", b.Guarded, annotations, p.Findings)
	}
}

// Nothing but annotations.go reads an annotation of a proxy, so that none is read in two
// ways, and none is missing from notes.
func TestOnlyNotesAreRead(t *testing.T) {
	files, _ := filepath.Glob("*.go")
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "annotations.go" {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			index, ok := n.(*ast.IndexExpr)
			if !ok || !isAnnotations(index.X) {
				return true
			}
			switch index.Index.(type) {
			case *ast.BasicLit, *ast.BinaryExpr: // "x", prefix + "x"; our own have constants
				t.Errorf("%s reads an annotation by itself: use a note of annotations.go", set.Position(index.Pos()))
			}
			return true
		})
	}
}

func isAnnotations(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name == "Annotations"
	case *ast.CallExpr:
		s, ok := x.Fun.(*ast.SelectorExpr)
		return ok && s.Sel.Name == "GetAnnotations"
	default:
		return false
	}
}
