// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/translate"
)

// served is an Ingress that names the policy "app", with one rule for each of the
// hosts: what stands behind the name are its paths, "=" before one for Exact, "~"
// for ImplementationSpecific.
func served(name string, hosts ...string) *networkingv1.Ingress {
	o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name,
		Annotations: map[string]string{routes.PolicyAnnotation: "app"}}}
	for _, h := range hosts {
		f := strings.Fields(h)
		r := networkingv1.IngressRule{Host: f[0]}
		for _, p := range f[1:] {
			kind := networkingv1.PathTypePrefix
			switch p[0] {
			case '=':
				p, kind = p[1:], networkingv1.PathTypeExact
			case '~':
				p, kind = p[1:], networkingv1.PathTypeImplementationSpecific
			}
			if r.HTTP == nil {
				r.HTTP = &networkingv1.HTTPIngressRuleValue{}
			}
			r.HTTP.Paths = append(r.HTTP.Paths, networkingv1.HTTPIngressPath{Path: p, PathType: &kind})
		}
		o.Spec.Rules = append(o.Spec.Rules, r)
	}
	return o
}

func annotated(o *networkingv1.Ingress, key, value string) *networkingv1.Ingress {
	o.Annotations[key] = value
	return o
}

// say writes a path as served reads it.
func say(paths []policy.Path) (out []string) {
	for _, p := range paths {
		if p.Exact {
			p.Value = "=" + p.Value
		}
		out = append(out, p.Value)
	}
	return out
}

// TestIngress: THREATS B25.
func TestIngress(t *testing.T) {
	const nginx = "nginx.ingress.kubernetes.io/"
	for name, tc := range map[string]struct {
		in     *networkingv1.Ingress
		hosts  []string
		paths  []string
		issues []string // "field: a part of the message", in order
	}{
		"plain":          {served("i", "app.example.com /"), []string{"app.example.com"}, []string{"/"}, nil},
		"types":          {served("i", "a.example.com /p =/e ~/s"), []string{"a.example.com"}, []string{"=/e", "/p", "/s"}, nil},
		"capitals":       {served("i", "App.Example.COM /A"), []string{"app.example.com"}, []string{"/A"}, nil},
		"wildcard":       {served("i", "*.example.com /"), []string{"*.example.com"}, []string{"/"}, nil},
		"twice":          {served("i", "a.example.com /x /x", "a.example.com /x =/x"), []string{"a.example.com"}, []string{"=/x", "/x"}, nil},
		"union":          {served("i", "b.example.com /b", "a.example.com /a"), []string{"a.example.com", "b.example.com"}, []string{"/a", "/b"}, nil},
		"no paths":       {served("i", "a.example.com"), []string{"a.example.com"}, []string{"/"}, nil},
		"empty path":     {served("i", "a.example.com ~"), []string{"a.example.com"}, []string{"/"}, nil},
		"nothing":        {served("i"), nil, nil, nil},
		"use-regex":      {annotated(served("i", "a.example.com /x"), nginx+"use-regex", "true"), []string{"a.example.com"}, []string{"/"}, []string{`spec.rules[0].http.paths[0].path: "/x" is a regular expression`}},
		"use-regex, /":   {annotated(served("i", "a.example.com /"), nginx+"use-regex", "true"), []string{"a.example.com"}, []string{"/"}, nil},
		"use-regex off":  {annotated(served("i", "a.example.com /x"), nginx+"use-regex", "false"), []string{"a.example.com"}, []string{"/x"}, nil},
		"fork":           {annotated(served("i", "a.example.com /x"), "ingress.fork.example/use-regex", "1"), []string{"a.example.com"}, []string{"/"}, []string{"regular expression"}},
		"haproxy":        {annotated(served("i", "a.example.com =/x"), "haproxy-ingress.github.io/path-type", "regex"), []string{"a.example.com"}, []string{"/"}, []string{"regular expression"}},
		"haproxy, begin": {annotated(served("i", "a.example.com =/x"), "haproxy-ingress.github.io/path-type", "begin"), []string{"a.example.com"}, []string{"=/x"}, nil},
		"nginx.org":      {annotated(served("i", "a.example.com =/x"), "nginx.org/path-regex", "case_insensitive"), []string{"a.example.com"}, []string{"/"}, []string{"regular expression"}},
		"traefik":        {annotated(served("i", "a.example.com =/x"), "traefik.ingress.kubernetes.io/router.pathmatcher", "PathRegexp"), []string{"a.example.com"}, []string{"/"}, []string{"regular expression"}},
		"rewrite":        {annotated(served("i", "a.example.com =/x /y"), nginx+"rewrite-target", "/"), []string{"a.example.com"}, []string{"/x", "/y"}, nil},
		"expression":     {served("i", "a.example.com ~/api(/|$)(.*)"), []string{"a.example.com"}, []string{"/"}, []string{"protects all of a.example.com; to protect less"}},
		"encoded":        {served("i", "a.example.com /a%20b /c"), []string{"a.example.com"}, []string{"/", "/c"}, []string{`spec.rules[0].http.paths[0].path: "/a%20b": write the path decoded`}},
		"parameter":      {served("i", "a.example.com /a;b"), []string{"a.example.com"}, []string{"/"}, []string{"mean different things"}},
		"dots":           {served("i", "a.example.com ~/a/../b"), []string{"a.example.com"}, []string{"/"}, []string{"not canonical"}},
		"odd host":       {served("i", "a.1 /x", "b.example.com /y"), []string{"b.example.com"}, []string{"/y"}, []string{`spec.rules[0].host: "a.1": an address is not a host name; no policy can claim it`}},
	} {
		t.Run(name, func(t *testing.T) {
			r, ok := translate.Ingress(tc.in)
			if !ok || r.Namespace != "shop" || r.Name != "i" || r.Policy != "app" {
				t.Fatalf("%v, %+v", ok, r)
			}
			if !slices.Equal(r.Hosts, tc.hosts) || !slices.Equal(say(r.Paths), tc.paths) {
				t.Errorf("hosts %q paths %q, want %q %q", r.Hosts, say(r.Paths), tc.hosts, tc.paths)
			}
			if len(r.Issues) != len(tc.issues) {
				t.Fatalf("issues %v, want %q", r.Issues, tc.issues)
			}
			for i, issue := range r.Issues {
				if text := issue.Source.Field + ": " + issue.Message; !strings.Contains(text, tc.issues[i]) || !issue.Warning() || issue.Source.Name != "i" {
					t.Errorf("issue %+v, want %q", issue, tc.issues[i])
				}
			}
		})
	}
}

func TestIngressWithoutHosts(t *testing.T) {
	o := served("i")
	o.Spec.DefaultBackend = &networkingv1.IngressBackend{}
	r, _ := translate.Ingress(o)
	if len(r.Hosts)+len(r.Paths) > 0 || len(r.Issues) != 1 || r.Issues[0].Source.Field != "spec.defaultBackend" {
		t.Errorf("%+v", r)
	}
	o = served("i", "a.example.com /x")
	o.Spec.DefaultBackend = &networkingv1.IngressBackend{}
	if r, _ := translate.Ingress(o); !slices.Equal(say(r.Paths), []string{"/", "/x"}) || len(r.Issues) > 0 {
		t.Errorf("%+v", r)
	}
	o = served("i", "a.example.com /x")
	o.Spec.Rules = append(o.Spec.Rules, networkingv1.IngressRule{})
	if r, _ := translate.Ingress(o); !slices.Equal(r.Hosts, []string{"a.example.com"}) || len(r.Issues) != 1 || r.Issues[0].Source.Field != "spec.rules[1]" {
		t.Errorf("%+v", r)
	}
	delete(o.Annotations, routes.PolicyAnnotation)
	if r, ok := translate.Ingress(o); ok {
		t.Errorf("opted in without the annotation: %+v", r)
	}
	o.Annotations[routes.PolicyAnnotation] = ""
	if r, ok := translate.Ingress(o); !ok || r.Policy != "" {
		t.Errorf("an empty name is no opt-in: %+v, and what is pinned to it would be judged by any policy", r)
	}
}

// hostless is a policy "app" that admits everybody, and names no host.
func hostless(edit func(*v1alpha1.AccessPolicySpec)) *v1alpha1.AccessPolicy {
	o := &v1alpha1.AccessPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app"}}
	o.Spec.Rules = []v1alpha1.Rule{{Action: v1alpha1.ActionBypass, Include: []v1alpha1.Selector{{Everyone: full().Rules[0].Include[0].Everyone}}}}
	if edit != nil {
		edit(&o.Spec)
	}
	return o
}

func routesOf(ingresses ...*networkingv1.Ingress) []translate.Route {
	var all []networkingv1.Ingress
	for _, o := range ingresses {
		all = append(all, *o)
	}
	return translate.Routes(all)
}

func TestPolicyOfRoutes(t *testing.T) {
	other, elsewhere := served("other", "x.example.com /"), served("elsewhere", "y.example.com /")
	annotated(other, routes.PolicyAnnotation, "another")
	elsewhere.Namespace = "evil"
	two := routesOf(served("b", "b.example.com /b =/a"), other, served("a", "a.example.com /a", "b.example.com /b"), elsewhere)
	for name, tc := range map[string]struct {
		edit   func(*v1alpha1.AccessPolicySpec)
		routes []translate.Route
		hosts  []string
		paths  []string
		issues []string
	}{
		"none":          {nil, nil, nil, nil, []string{"spec.hosts: names no host, and no Ingress names it, so it protects nothing yet"}},
		"not this one":  {nil, routesOf(other, elsewhere), nil, nil, []string{"protects nothing yet"}},
		"two":           {nil, two, []string{"a.example.com", "b.example.com"}, []string{"=/a", "/a", "/b"}, nil},
		"own paths":     {func(s *v1alpha1.AccessPolicySpec) { s.Paths = []v1alpha1.PathMatch{{Path: "/own"}} }, two, []string{"a.example.com", "b.example.com"}, []string{"/own"}, nil},
		"own hosts":     {func(s *v1alpha1.AccessPolicySpec) { s.Hosts = []v1alpha1.Host{"own.example.com"} }, two, []string{"own.example.com"}, nil, nil},
		"an empty list": {func(s *v1alpha1.AccessPolicySpec) { s.Hosts = []v1alpha1.Host{} }, two, []string{"a.example.com", "b.example.com"}, []string{"=/a", "/a", "/b"}, []string{"spec.hosts: an empty list claims nothing"}},
		"an issue": {nil, routesOf(served("i", "a.example.com /a;b", "b.1 /")), []string{"a.example.com"}, []string{"/"},
			[]string{`spec.paths: Ingress i spec.rules[0].http.paths[0].path: "/a;b": `, `spec.hosts: Ingress i spec.rules[1].host: "b.1": `}},
		"an issue that is none": {func(s *v1alpha1.AccessPolicySpec) { s.Paths = []v1alpha1.PathMatch{{Path: "/a"}} },
			routesOf(served("i", "a.example.com /a;b")), []string{"a.example.com"}, []string{"/a"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := translate.Policy(hostless(tc.edit), tc.routes...)
			if !slices.Equal(p.Hosts, tc.hosts) || !slices.Equal(say(p.Paths), tc.paths) {
				t.Errorf("hosts %q paths %q, want %q %q", p.Hosts, say(p.Paths), tc.hosts, tc.paths)
			}
			issues := append(slices.Clone(p.Defects), policy.Validate(&p)...)
			if len(issues) < len(tc.issues) || len(tc.issues) == 0 && len(issues) > 0 {
				t.Fatalf("issues %v, want %q", issues, tc.issues)
			}
			for i, want := range tc.issues {
				if text := issues[i].Source.Field + ": " + issues[i].Message; !strings.Contains(text, want) || issues[i].Source.Name != "app" {
					t.Errorf("issue %q, want %q", text, want)
				}
			}
			rand.Shuffle(len(tc.routes), func(i, j int) { tc.routes[i], tc.routes[j] = tc.routes[j], tc.routes[i] })
			again := translate.Policy(hostless(tc.edit), tc.routes...)
			if again.Defects, p.Defects = nil, nil; !reflect.DeepEqual(again, p) {
				t.Errorf("in another order it claims %+v, not %+v", again, p)
			}
		})
	}
}

func TestBindings(t *testing.T) {
	other := annotated(served("b"), routes.PolicyAnnotation, "x")
	other.Namespace = "n"
	got := translate.Bindings(routesOf(served("a", "a.example.com /"), other))
	if want := []policy.Binding{{Ingress: "shop/a", Policy: "shop/app"}, {Ingress: "n/b", Policy: "n/x"}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// serves is what an Ingress serves, said slowly: Kubernetes' words about hosts and
// types of paths, and ingress-nginx's about expressions.
func serves(o *networkingv1.Ingress, host, path string) bool {
	for _, r := range o.Spec.Rules {
		below, wild := strings.CutPrefix(strings.ToLower(r.Host), "*.")
		_, rest, _ := strings.Cut(host, ".")
		if host != strings.ToLower(r.Host) && (!wild || rest != below) {
			continue
		}
		if r.HTTP == nil || len(r.HTTP.Paths) == 0 || o.Spec.DefaultBackend != nil {
			return true
		}
		for _, p := range r.HTTP.Paths {
			if servesPath(o, p, path) {
				return true
			}
		}
	}
	return false
}

func servesPath(o *networkingv1.Ingress, p networkingv1.HTTPIngressPath, path string) bool {
	if o.Annotations["nginx.ingress.kubernetes.io/use-regex"] == "true" {
		expression, err := regexp.Compile("(?i)^" + p.Path)
		return err == nil && expression.MatchString(path)
	}
	if *p.PathType == networkingv1.PathTypeExact {
		return path == p.Path
	}
	want, got := strings.FieldsFunc(p.Path, isSlash), strings.FieldsFunc(path, isSlash)
	return len(want) <= len(got) && slices.Equal(want, got[:len(want)])
}

func isSlash(r rune) bool { return r == '/' }

// FuzzIngress: a policy without hosts admits, by a rule for everybody, all that
// its Ingress serves and that a request can ask for without being ambiguous.
func FuzzIngress(f *testing.F) {
	for _, s := range [][4]string{
		{"app.example.com", "/a", "https://app.example.com/a/b", ""},
		{"*.Example.com", "/", "https://x.example.com/a?b", "regex"},
		{"a.example.com", "/api(/|$)(.*)", "https://a.example.com/API/x", "regex"},
		{"a.example.com", "/a;b", "https://a.example.com/a", "exact"},
		{"a.example.com", "/a%20b/", "https://a.example.com/a%20b/", "specific"},
		{"a.example.com", "", "https://a.example.com/", "specific"},
		{"a.1", "/", "https://a.1/", "default"},
		{"a.example.com", "/x", "https://a.example.com/y", "default"},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	f.Fuzz(func(t *testing.T, host, path, url, how string) {
		if len(path) > 1<<10 { // long expressions only cost time
			return
		}
		o := served("i")
		kind := networkingv1.PathTypePrefix
		switch how {
		case "exact":
			kind = networkingv1.PathTypeExact
		case "specific":
			kind = networkingv1.PathTypeImplementationSpecific
		case "regex":
			o.Annotations["nginx.ingress.kubernetes.io/use-regex"] = "true"
		case "default":
			o.Spec.DefaultBackend = &networkingv1.IngressBackend{}
		}
		o.Spec.Rules = []networkingv1.IngressRule{{Host: host}}
		o.Spec.Rules[0].HTTP = &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: path, PathType: &kind}}}
		r, ok := translate.Ingress(o)
		if !ok {
			t.Fatal("no opt-in")
		}
		p := translate.Policy(hostless(nil), r)
		if issues := policy.Validate(&p); len(r.Hosts) > 0 && len(issues) > 0 {
			t.Fatalf("an Ingress spoils its policy: %v", issues)
		}
		target, err := policy.ParseTarget(url)
		if err != nil || len(r.Hosts) == 0 {
			return
		}
		table, _ := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{p})})
		d := table.Decide(policy.Request{Target: target, Method: "GET", Now: time.Unix(1e9, 0)})
		if serves(o, target.Host(), target.Path()) && d.Reason != policy.Bypassed && d.Reason != policy.AmbiguousPath {
			t.Errorf("%s is served by %q %q (%s), and not claimed by %q %q: %v", url, host, path, how, p.Hosts, say(p.Paths), d.Reason)
		}
	})
}
