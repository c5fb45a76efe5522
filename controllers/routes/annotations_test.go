// SPDX-License-Identifier: Apache-2.0

package routes

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
)

// spellings are what people write for true and false.
var flagSpellings = []string{"t", "T", "TRUE", "True", "true", "tRUE", "1", "f", "F", "FALSE", "False", "false", "fALSE", "0",
	"yes", "no", "on", "", " true", "true ", "\ttrue", "true\n", `"true"`, "'true'", "2", "-1", "True,", "true true"}

// refFlag is what a proxy makes of a flag, written down from its source:
// ingress-nginx parser.parseBool, Traefik's ingress-nginx parseIngressConfig (3.7, and
// strconv before), paerser's metadata, and haproxy-ingress ConfigValue.Bool.
func refFlag(of family, proxy Proxy, value string) switching {
	words := func(list ...string) bool { return slices.Contains(list, value) }
	yes, no := words("1", "t", "T", "TRUE", "true", "True"), words("0", "f", "F", "FALSE", "false", "False")
	switch {
	case of == ofTraefik && (value == "" || strings.ToLower(value) == "true"):
		return on
	case of == ofTraefik && strings.ToLower(value) == "false":
		return off
	case of == ofTraefik:
		return unclear
	case value == "":
		return unsaid
	case proxy == TraefikNGINX && words("tRUE", "TRUE", "true", "True"):
		return on
	case proxy == TraefikNGINX && yes:
		return unclear
	case yes:
		return on
	case no:
		return off
	default:
		return unclear
	}
}

// A flagCase says what is seen of a flag of one proxy: seen holds exactly when it is on,
// or when maybe and it may be.
type flagCase struct {
	proxies []Proxy
	maybe   bool
	off     bool // seen where it is off, instead
	seen    func(t *testing.T, proxy Proxy, key, value string) bool
}

func judged(t *testing.T, manifests ...string) (Plan, []Finding) {
	w := planWorld(t, manifests...)
	return Make(w, coverageSettings), Unguarded(w, coverageSettings, Claims(w))
}

var both = []Proxy{IngressNGINX, TraefikNGINX}

// flagCases has one for every flag in notes.
var flagCases = map[*note][]flagCase{
	nginxCanary: {
		// No refusal is led to the pods of an application's canary.
		{proxies: []Proxy{IngressNGINX}, maybe: true, seen: func(t *testing.T, proxy Proxy, key, value string) bool {
			w := planWorld(t, webYAML("web", "/", "app", opted), noted(t, "next", "/", proxy, key, value))
			p := Make(w, coverageSettings)
			annotations, _ := routeOf(t, p.Annotations, p.Bindings, "web")
			_, pages := annotations[nginxPrefix+"custom-http-errors"]
			if found := has(p.Findings, AppCanary, "web"); found == pages {
				t.Errorf("%q: AppCanary %v, error pages planned %v", value, found, pages)
			}
			return !pages
		}},
		{proxies: both, seen: func(t *testing.T, proxy Proxy, key, value string) bool {
			_, around := judged(t, webYAML("web", "/", "app", opted), noted(t, "next", "/", proxy, key, value))
			return !has(around, NoAuthURL, "next")
		}},
	},
	nginxPassthrough: {{proxies: both, seen: func(t *testing.T, proxy Proxy, key, value string) bool {
		_, around := judged(t, noted(t, "web", "/", proxy, key, value, opted))
		return has(around, TLSPassthrough, "web")
	}}},
	nginxGlobalAuth: {{proxies: []Proxy{IngressNGINX}, off: true, seen: func(t *testing.T, proxy Proxy, key, value string) bool {
		_, around := judged(t, noted(t, "web", "/", proxy, key, value), configYAML("global-auth-url", ourURL))
		return has(around, GlobalAuthOff, "web")
	}}},
	nginxCORS: {{proxies: both, seen: func(t *testing.T, proxy Proxy, key, value string) bool {
		plan, _ := judged(t, noted(t, "web", "/", proxy, key, value, opted))
		return has(plan.Findings, ForeignCORS, "web")
	}}},
	nginxUseRegex: {
		{proxies: []Proxy{IngressNGINX}, maybe: true, seen: func(t *testing.T, proxy Proxy, key, value string) bool {
			plan, _ := judged(t, noted(t, "web", "/[.]access/.*", proxy, key, value, opted))
			return has(plan.Findings, ShadowedLogin, "web")
		}},
		{proxies: []Proxy{TraefikNGINX}, maybe: true, seen: func(t *testing.T, proxy Proxy, key, value string) bool {
			plan, _ := judged(t, noted(t, "web", "/a", proxy, key, value, opted))
			return slices.ContainsFunc(plan.Objects, func(o *unstructured.Unstructured) bool { return strings.Contains(fmt.Sprint(o.Object), "PathRegexp(") })
		}},
	},
	traefikTLS: {{proxies: []Proxy{Traefik}, seen: func(t *testing.T, proxy Proxy, key, value string) bool {
		plan, _ := judged(t, noted(t, "web", "/", proxy, key, value, opted))
		for _, o := range plan.Objects {
			if o.GetKind() == "IngressRoute" {
				_, some, _ := unstructured.NestedMap(o.Object, "spec", "tls")
				return some
			}
		}
		t.Fatal("no IngressRoute")
		return false
	}}},
	haproxyCORS: {{proxies: []Proxy{HAProxyIngress}, seen: func(t *testing.T, proxy Proxy, key, value string) bool {
		plan, _ := judged(t, noted(t, "web", "/", proxy, key, value, opted))
		return has(plan.Findings, ForeignCORS, "web")
	}}},
	haproxyPassthrough: {{proxies: []Proxy{HAProxyIngress}, seen: func(t *testing.T, proxy Proxy, key, value string) bool {
		_, around := judged(t, noted(t, "web", "/", proxy, key, value, opted))
		return has(around, TLSPassthrough, "web")
	}}},
}

// Every flag that we look at means to us what it means to the proxy that reads it, in
// every spelling; one that the proxy cannot read is said. THREATS H5.
func TestFlagsAreReadAsProxiesReadThem(t *testing.T) {
	for _, n := range notes {
		if n.kind != aFlag {
			continue
		}
		cases := flagCases[n]
		if len(cases) == 0 {
			t.Errorf("%s is a flag that no case tries: add one to flagCases", n.key())
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

func checkFlag(t *testing.T, n *note, c flagCase, proxy Proxy, value string) {
	t.Helper()
	is := refFlag(n.family, proxy, value)
	want := is == on || c.maybe && is == unclear
	if c.off {
		want = is == off
	}
	if got := c.seen(t, proxy, n.key(), value); got != want {
		t.Errorf("%s, %s: %q: seen %v, want %v (to the proxy it is %d)", proxy, n.key(), value, got, want, is)
	}
	for _, more := range []string{opted, ""} {
		plan, around := judged(t, noted(t, "web", "/", proxy, n.key(), value, slices.DeleteFunc([]string{more}, func(s string) bool { return s == "" })...))
		if got := has(slices.Concat(plan.Findings, around), AnnotationUnread, "web"); got != (is == unclear) {
			t.Errorf("%s, %s: %q, opted in %v: AnnotationUnread %v, want %v", proxy, n.key(), value, more != "", got, is == unclear)
		}
	}
}

// What a proxy cannot read is a finding, whatever the annotation is for.
func TestUnreadAnnotationsAreFindings(t *testing.T) {
	bad := map[kind][]string{aFlag: {"yes"}, aNumber: {"x", "1 ", "1e3", "0x10"}, aChoice: {"what", " any thing"}, aText: {"a\nb", "a\tb"}, aList: {"a\nb"}, aScript: nil}
	for _, n := range notes {
		for _, proxy := range []Proxy{IngressNGINX, TraefikNGINX, Traefik, HAProxyIngress} {
			for _, value := range bad[n.kind] {
				for _, more := range [][]string{{opted}, nil} {
					plan, around := judged(t, noted(t, "web", "/", proxy, n.key(), value, more...))
					if got := has(slices.Concat(plan.Findings, around), AnnotationUnread, "web"); got != n.reads(proxy) {
						t.Errorf("%s, opted in %v: %s: %q: AnnotationUnread %v", proxy, more != nil, n.key(), value, got)
					}
				}
			}
		}
	}
}

func TestNotesAreReadAsTheyStand(t *testing.T) {
	for _, tc := range []struct {
		n           *note
		annotations map[string]string
		want        string
	}{
		{nginxAuthURL, map[string]string{nginxPrefix + "auth-url": " http://x/ "}, "http://x/"},
		{nginxSatisfy, map[string]string{nginxPrefix + "satisfy": " any"}, "any"},
		{nginxSatisfy, map[string]string{nginxPrefix + "satisfy": "Any"}, "Any"},
		{nginxSnippet, map[string]string{nginxPrefix + "configuration-snippet": " a; \n b;"}, "a;\nb;"},
		{traefikMatcher, map[string]string{traefikPrefix + "Router.PathMatcher": "PathRegexp"}, "PathRegexp"},
		{traefikMatcher, map[string]string{traefikPrefix + "router.pathmatcher": "Path", traefikPrefix + "Router.pathmatcher": "PathRegexp"}, "Path"},
		{haproxyAuthURL, map[string]string{haproxyPrefix + "auth-url": "", "ingress.kubernetes.io/auth-url": "http://x/"}, ""},
		{haproxyAuthURL, map[string]string{"ingress.kubernetes.io/auth-url": "http://x/"}, "http://x/"},
	} {
		if got := tc.n.text(tc.annotations); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.annotations, got, tc.want)
		}
	}
}

// haproxy-ingress asks only where auth-external-placement is a word that it knows.
func TestHAProxyPlacement(t *testing.T) {
	for value, guarded := range map[string]bool{"backend": true, "Backend": true, "frontend": false, "FRONTEND": false, " backend": false, "frontend ": false, "x": false} {
		w := planWorld(t, noted(t, "web", "/", HAProxyIngress, haproxyPlacement.key(), value, opted))
		p := Make(w, coverageSettings)
		if _, b := routeOf(t, p.Annotations, p.Bindings, "web"); b.Guarded != guarded || guarded != (len(p.Findings) == 0) {
			t.Errorf("%q: guarded %v, findings %v", value, b.Guarded, p.Findings)
		}
		carryOut(t, &w, p.Objects, p.Annotations)
		if asks := Read(w, coverageSettings).question(w.Ingresses[0], HAProxyIngress) == asksUs; asks != guarded {
			t.Errorf("%q: who looks from outside sees it ask: %v", value, asks)
		}
	}
}

// A list of Middlewares in another case is somebody else's, as Traefik takes both for one.
func TestTraefikNamesInAnyCase(t *testing.T) {
	w := planWorld(t, noted(t, "web", "/", Traefik, traefikPrefix+"Router.Middlewares", "shop-gzip@kubernetescrd", opted))
	p := Make(w, coverageSettings)
	if annotations, b := routeOf(t, p.Annotations, p.Bindings, "web"); b.Guarded || len(annotations) > 0 || !has(p.Findings, ForeignAuth, "web") {
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
