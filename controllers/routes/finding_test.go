// SPDX-License-Identifier: Apache-2.0

package routes_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// someFindings has every combination of a few values of all fields.
func someFindings() (out []routes.Finding) {
	names := []types.NamespacedName{{}, {Namespace: "a", Name: "b"}, {Namespace: "b", Name: "a"}}
	for _, host := range []string{"", "a.example.com"} {
		for _, kind := range []string{"HTTPRoute", "Ingress"} {
			for _, name := range names {
				for _, reason := range []string{routes.NoAuthURL, routes.NoHost} {
					for _, of := range names {
						for _, message := range []string{"one", "two"} {
							for _, mild := range []bool{false, true} {
								out = append(out, routes.Finding{Object: routes.Ref{Kind: kind, NamespacedName: name}, Policy: of,
									Reason: reason, Message: message, Host: host, Mild: mild})
							}
						}
					}
				}
			}
		}
	}
	return out
}

// Findings have one order: only what is the same in everything is equal, and a list comes out
// alike however it was shuffled, so that no condition changes without a cause.
func TestFindingsHaveOneOrder(t *testing.T) {
	all := someFindings()
	for _, a := range all {
		for _, b := range all {
			ab, ba := routes.CompareFindings(a, b), routes.CompareFindings(b, a)
			if ab != -ba || (ab == 0) != (a == b) {
				t.Fatalf("%+v and %+v: %d, the other way %d", a, b, ab, ba)
			}
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	want := slices.SortedFunc(slices.Values(all), routes.CompareFindings)
	for range 20 {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if got := slices.SortedFunc(slices.Values(all), routes.CompareFindings); !slices.Equal(got, want) {
			t.Fatal("two orders of the same findings")
		}
	}
	if !slices.IsSortedFunc(want, func(a, b routes.Finding) int { return cmp.Compare(a.Host, b.Host) }) {
		t.Error("what is about one host does not stand together")
	}
}

// declared are the reasons that finding.go declares: by its name, the value, and whether a
// comment says what it is.
func declared(t *testing.T) (values map[string]string, said map[string]bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "finding.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	values, said = map[string]string{}, map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			literal, ok := spec.Values[i].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s is no plain text", name)
			}
			if values[name.Name], err = strconv.Unquote(literal.Value); err != nil {
				t.Fatal(err)
			}
			said[name.Name] = strings.TrimSpace(spec.Comment.Text()) != ""
		}
		return true
	})
	return values, said
}

// Every reason is called what it says, is explained where it is declared, and has a heading in the
// reference, with what it means and what to do.
func TestReasonsAreDocumented(t *testing.T) {
	values, said := declared(t)
	if len(values) < 40 {
		t.Fatalf("only %d reasons were found", len(values))
	}
	page, err := os.ReadFile("../../docs/reference/conditions.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string][]string{}
	for _, section := range strings.Split(string(page), "\n### `")[1:] {
		name, rest, _ := strings.Cut(section, "`\n\n")
		if sections[name] != nil {
			t.Errorf("%s has two headings in the reference", name)
		}
		meaning, rest, _ := strings.Cut(rest, "\n")
		_, todo, _ := strings.Cut(rest, "**What to do.** ")
		sections[name] = []string{meaning, todo}
	}
	valid := regexp.MustCompile(`^[A-Z][A-Za-z0-9]+$`) // the API server takes no other of a condition
	for name, value := range values {
		if name != value || !valid.MatchString(value) {
			t.Errorf("%s is %q", name, value)
		}
		if !said[name] {
			t.Errorf("%s: no comment says what it is", name)
		}
		switch said := sections[value]; {
		case said == nil:
			t.Errorf("%s is not in docs/reference/conditions.md", value)
		case strings.TrimSpace(said[0]) == "" || strings.TrimSpace(said[1]) == "":
			t.Errorf("%s: the reference has no meaning or no fix: %q", value, said)
		}
	}
}

// What cannot be read is named with its value, says what the proxy does about it, and ends with
// what to do.
func TestUnreadMessage(t *testing.T) {
	nginx, traefik := routes.NGINXPrefix, routes.TraefikPrefix
	for name, tc := range map[string]struct {
		proxy       routes.Proxy
		annotations map[string]string
		problems    int
		refused     bool
	}{
		"nothing":             {routes.IngressNGINX, nil, 0, false},
		"all is well":         {routes.IngressNGINX, map[string]string{nginx + "enable-cors": "true", nginx + "satisfy": "any"}, 0, false},
		"a default instead":   {routes.IngressNGINX, map[string]string{nginx + "enable-cors": "maybe"}, 1, false},
		"the Ingress refused": {routes.IngressNGINX, map[string]string{nginx + "ssl-passthrough": "maybe"}, 1, true},
		"one of two":          {routes.IngressNGINX, map[string]string{nginx + "enable-cors": "maybe", nginx + "auth-url": "a\tb"}, 2, true},
		"of another proxy":    {routes.Traefik, map[string]string{nginx + "ssl-passthrough": "maybe"}, 0, false},
		"Traefik, a flag":     {routes.Traefik, map[string]string{traefik + "router.tls": "maybe"}, 1, false},
		"Traefik, a number":   {routes.Traefik, map[string]string{traefik + "router.priority": "high"}, 1, true},
		"Traefik, two spellings": {routes.Traefik, map[string]string{traefik + "router.priority": "1", traefik + "Router.priority": "1"},
			1, true},
		"of whom nobody knows": {"", map[string]string{nginx + "enable-cors": "maybe", traefik + "router.priority": "high"}, 2, true},
	} {
		ing := ingressBy("", "", "")
		ing.Annotations = tc.annotations
		problems, refused := routes.UnreadBy(ing, tc.proxy)
		if len(problems) != tc.problems || refused != tc.refused {
			t.Errorf("%s: %q, refused %v", name, problems, refused)
		}
		message := routes.UnreadMessage(routes.IngressRef(ing), problems, refused)
		for _, p := range problems {
			if !strings.Contains(message, p) {
				t.Errorf("%s: %q is not in %q", name, p, message)
			}
		}
		if strings.Contains(message, "does not take") != refused || !strings.HasSuffix(message, "Correct or remove them.") {
			t.Errorf("%s: %q", name, message)
		}
	}
}

// A route that names a policy that is there has it, and Bypasses asks it; no policy bypasses
// nothing.
func TestPolicyOf(t *testing.T) {
	w := routestest.Snapshot(t)
	x := routes.Read(w, routestest.Settings)
	web := x.PolicyOf(types.NamespacedName{Namespace: "shop", Name: "web"})
	if web == nil || web.Bypasses() {
		t.Fatalf("the policy is %+v", web)
	}
	web.CORS.BypassPreflight = true
	if !web.Bypasses() {
		t.Error("a policy that bypasses preflights does not")
	}
	web.CORS = nil
	none := x.PolicyOf(types.NamespacedName{Namespace: "other", Name: "web"})
	if web.Bypasses() || none != nil || none.Bypasses() {
		t.Errorf("no CORS, or no policy (%v), bypasses preflights", none)
	}
}
