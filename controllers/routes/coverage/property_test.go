// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// A refLocation is a location of the slow reference.
type refLocation struct {
	path     string
	exact    bool
	fallback bool
	app      bool // it leads to an application
	ing      *networkingv1.Ingress
}

type refServer struct {
	aliases   []string
	locations []*refLocation
}

// refServers does what createServers and getBackendServers of ingress-nginx 1.15.1
// do, for one class: first come, first served.
func refServers(w *routes.Snapshot, class string) map[string]*refServer {
	servers := map[string]*refServer{"": {locations: []*refLocation{{path: "/", fallback: true}}}}
	var mine []*networkingv1.Ingress
	for _, ing := range w.Ingresses {
		if *ing.Spec.IngressClassName == class && ing.Annotations[routes.NGINXPrefix+"canary"] != "true" {
			mine = append(mine, ing)
		}
	}
	for _, ing := range mine {
		if root := servers[""].locations[0]; ing.Spec.DefaultBackend != nil && len(ing.Spec.Rules) == 0 && root.fallback {
			*root = refLocation{path: "/", app: true, ing: ing}
		}
		for _, r := range ing.Spec.Rules {
			if servers[r.Host] == nil {
				servers[r.Host] = &refServer{locations: []*refLocation{{path: "/", fallback: true, app: ing.Spec.DefaultBackend != nil, ing: ing}}}
			}
		}
	}
	for _, ing := range mine {
		for _, r := range ing.Spec.Rules {
			if s := servers[r.Host]; len(s.aliases) == 0 {
				s.aliases = routes.SplitList(ing.Annotations[routes.NGINXPrefix+"server-alias"])
			}
		}
	}
	for _, s := range servers {
		s.aliases = slices.DeleteFunc(s.aliases, func(a string) bool { return servers[a] != nil })
	}
	for _, ing := range mine {
		for _, r := range ing.Spec.Rules {
			for _, p := range r.HTTP.Paths {
				servers[r.Host].add(p.Path, *p.PathType == networkingv1.PathTypeExact, ing)
			}
		}
	}
	return servers
}

func (s *refServer) add(path string, exact bool, ing *networkingv1.Ingress) {
	for _, l := range s.locations {
		if l.path == path && l.exact == exact {
			if l.fallback {
				*l = refLocation{path: path, exact: exact, app: true, ing: ing}
			}
			return
		}
	}
	s.locations = append(s.locations, &refLocation{path: path, exact: exact, app: true, ing: ing})
}

// refChoose is how nginx chooses: an exact name, a star, an expression, or the
// default; then an exact location, or the longest beginning.
func refChoose(servers map[string]*refServer, host, path string) *refLocation {
	s := servers[host]
	for name, other := range servers {
		star := strings.HasPrefix(name, "*.") && regexp.MustCompile(`^[\w-]+`+regexp.QuoteMeta(name[1:])+`$`).MatchString(host)
		if s == nil && name != "" && (star || slices.ContainsFunc(other.aliases, func(a string) bool {
			expression, ok := strings.CutPrefix(a, "~")
			return a == host || strings.HasPrefix(a, "*.") && strings.HasSuffix(host, a[1:]) || ok && regexp.MustCompile(expression).MatchString(host)
		})) {
			s = other
		}
	}
	if s == nil {
		s = servers[""]
	}
	var best *refLocation
	for _, l := range s.locations {
		if l.exact && l.path == path {
			return l
		}
		if !l.exact && routes.Below(path, l.path) && (best == nil || len(l.path) > len(best.path)) {
			best = l
		}
	}
	return best
}

// refAsks reports whether the location of a request asks us.
func refAsks(w *routes.Snapshot, l *refLocation) bool {
	a := l.ing.Annotations
	if strings.HasPrefix(l.path, family.AcmePath) || a[routes.NGINXPrefix+"satisfy"] == "any" {
		return false
	}
	for _, m := range w.Configs {
		for _, free := range routes.SplitList(m.Data["no-auth-locations"]) {
			if strings.HasPrefix(l.path, free) {
				return false
			}
		}
	}
	switch url := a[routes.NGINXPrefix+"auth-url"]; {
	case a[routes.PolicyAnnotation] != "": // what the plan for it writes
		return true
	case url != "":
		return url == routestest.AuthURL
	default:
		return a[routes.NGINXPrefix+"enable-global-auth"] != "false" && len(w.Configs) > 0 && w.Configs[0].Data["global-auth-url"] == routestest.AuthURL
	}
}

func refClaimed(w *routes.Snapshot, host string) bool {
	return slices.ContainsFunc(w.Policies, func(p routes.Policy) bool {
		return slices.ContainsFunc(p.Hosts, func(h string) bool {
			return h == host || strings.HasPrefix(h, "*.") && strings.TrimPrefix(host, host[:strings.Index(host, ".")]) == h[1:] ||
				strings.HasPrefix(h, "**.") && strings.HasSuffix(host, h[2:])
		})
	})
}

// randomWorld is a small one, in which much collides.
func randomWorld(r *rand.Rand) routes.Snapshot {
	w := routes.Snapshot{Classes: []*networkingv1.IngressClass{
		{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Spec: networkingv1.IngressClassSpec{Controller: "k8s.io/ingress-nginx"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "two", Annotations: map[string]string{routes.ProxyAnnotation: string(routes.IngressNGINX)}}},
	}}
	for i := range 1 + r.IntN(2) {
		p := routes.Policy{Hosts: []string{routestest.Pick(r, "a.x.test", "b.x.test", "*.x.test", "c.a.x.test", "**.x.test", "**.a.x.test")}}
		p.Namespace, p.Name = "shop", fmt.Sprint("p", i)
		w.Policies = append(w.Policies, p)
	}
	if r.IntN(2) == 0 {
		w.Configs = []*corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Namespace: "nginx", Name: "config"}, Data: map[string]string{"use-http2": "true"}}}
		if r.IntN(2) == 0 {
			w.Configs[0].Data["global-auth-url"] = routestest.Pick(r, routestest.AuthURL, "http://other.test/auth")
		}
		if r.IntN(3) == 0 {
			w.Configs[0].Data["no-auth-locations"] = routestest.Pick(r, "/p/q", "/p", family.AcmePath+", /z")
		}
	}
	for i := range 1 + r.IntN(5) {
		w.Ingresses = append(w.Ingresses, randomIngress(r, i))
	}
	return w
}

func randomIngress(r *rand.Rand, i int) *networkingv1.Ingress {
	class := routestest.Pick(r, "one", "one", "one", "two")
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: routestest.Pick(r, "shop", "rogue"), Name: fmt.Sprint("i", i), Annotations: map[string]string{}}}
	ing.Spec.IngressClassName = &class
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "app"}}
	set := func(chance int, key string, values ...string) {
		if r.IntN(chance) == 0 {
			ing.Annotations[key] = routestest.Pick(r, values...)
		}
	}
	set(2, routes.PolicyAnnotation, "p0")
	set(4, routes.NGINXPrefix+"auth-url", routestest.AuthURL, "http://other.test/auth", strings.Replace(routestest.AuthURL, "$host", "$http_host", 1))
	set(4, routes.NGINXPrefix+"enable-global-auth", "false", "true")
	set(4, routes.NGINXPrefix+"server-alias", "a.x.test", "b.x.test,c.a.x.test", "*.x.test", `~^[ab]\.x\.test$`)
	set(8, routes.NGINXPrefix+"canary", "true")
	set(8, routes.NGINXPrefix+"satisfy", "any", "all")
	if r.IntN(4) == 0 {
		ing.Spec.DefaultBackend = &backend
	}
	for range r.IntN(3) {
		kind := routestest.Pick(r, networkingv1.PathTypePrefix, networkingv1.PathTypeExact)
		rule := networkingv1.IngressRule{Host: routestest.Pick(r, "", "a.x.test", "a.x.test", "b.x.test", "*.x.test", "other.test"), IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{}}}
		for range 1 + r.IntN(2) {
			rule.HTTP.Paths = append(rule.HTTP.Paths, networkingv1.HTTPIngressPath{Path: routestest.Pick(r, "/", "/", "/p", "/p/q"), PathType: &kind, Backend: backend})
		}
		ing.Spec.Rules = append(ing.Spec.Rules, rule)
	}
	return ing
}

// TestUnguardedMissesNothing: whatever nginx serves of a claimed host without
// asking us is an Ingress, or the path of a ConfigMap, that a finding names.
func TestUnguardedMissesNothing(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	leaks, clean := 0, 0
	for range 20000 {
		w := randomWorld(r)
		found := map[string]bool{}
		findings := Unguarded(w, routestest.Settings, Claims(w))
		for _, f := range findings {
			found[f.Object.String()] = true
		}
		if len(findings) == 0 {
			clean++
		}
		for _, class := range []string{"one", "two"} {
			servers := refServers(&w, class)
			for _, host := range []string{"a.x.test", "b.x.test", "c.a.x.test", "d.x.test"} {
				for _, path := range []string{"/", "/p", "/p/q", "/p/q/r", "/other"} {
					l := refChoose(servers, host, path)
					if !refClaimed(&w, host) || l == nil || !l.app || refAsks(&w, l) {
						continue
					}
					leaks++
					if name := l.ing.Namespace + "/" + l.ing.Name; !found["Ingress "+name] {
						t.Fatalf("seed %d: Ingress %s serves %s%s on class %s without protection, and no finding names it:\n%s\n%v", seed, name, host, path, class, describe(&w), findings)
					}
				}
			}
		}
	}
	if leaks < 1000 || clean < 100 {
		t.Errorf("seed %d: %d leaks and %d worlds without a finding: such worlds tell little", seed, leaks, clean)
	}
}

func describe(w *routes.Snapshot) string {
	var b strings.Builder
	for _, p := range w.Policies {
		fmt.Fprintln(&b, "policy", p.NamespacedName, p.Hosts)
	}
	for _, m := range w.Configs {
		fmt.Fprintln(&b, "config", m.Data)
	}
	for _, ing := range w.Ingresses {
		fmt.Fprintln(&b, "ingress", ing.Namespace, ing.Name, *ing.Spec.IngressClassName, ing.Annotations, "default:", ing.Spec.DefaultBackend != nil)
		for _, r := range ing.Spec.Rules {
			for _, p := range r.HTTP.Paths {
				fmt.Fprintln(&b, "   ", r.Host, p.Path, *p.PathType)
			}
		}
	}
	return b.String()
}

// TestGuardedWorldsAreQuiet: where every Ingress is opted in, nothing is found.
func TestGuardedWorldsAreQuiet(t *testing.T) {
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for range 2000 {
		w := randomWorld(r)
		w.Configs = nil
		for _, ing := range w.Ingresses {
			ing.Annotations = map[string]string{routes.PolicyAnnotation: "p0"}
		}
		if findings := Unguarded(w, routestest.Settings, Claims(w)); len(findings) > 0 {
			t.Fatalf("%v in\n%s", findings, describe(&w))
		}
	}
}

// TestOverlap: what is claimed of a pattern that somebody serves is exactly what has a name in
// common with it, whatever else is claimed.
func TestOverlap(t *testing.T) {
	var names []string
	labels := []string{"a", "b", "x"}
	for _, l := range labels {
		for _, m := range labels {
			names = append(names, l+"."+m+".t", l+".a."+m+".b.t", l+".b."+m+".x.t", l+".b."+m+".x")
			for _, n := range labels {
				names = append(names, l+"."+m+"."+n+".t", l+"."+m+"."+n, l+"."+m)
			}
		}
	}
	matches := func(pattern, name string) bool {
		switch {
		case pattern == "":
			return true
		case pattern[0] == '.':
			return strings.HasSuffix(name, pattern)
		case strings.HasPrefix(pattern, "**."):
			return strings.HasSuffix(name, pattern[2:])
		case strings.HasPrefix(pattern, "*."):
			return routes.ParentOf(name) == pattern[2:]
		default:
			return pattern == name
		}
	}
	serves := []string{"", ".x", ".b.x", ".x.t", ".t", "*.x", "*.b.x", "*.x.t", "*.b.x.t", "a.x", "b.x", "a.b.x", "a.b.x.t", "x.a"}
	claimed := append(slices.Clone(serves[5:]), "**.x", "**.b.x", "**.x.t", "**.b.x.t", "**.t")
	overlap := func(serves, claimed string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return matches(serves, n) && matches(claimed, n) })
	}
	for i, one := range claimed {
		for _, other := range claimed[i:] {
			w := routes.Snapshot{Policies: []routes.Policy{{Hosts: []string{one}}, {Hosts: []string{other}}}}
			has := Claims(w)
			c := newCoverage(routes.Read(w, routestest.Settings), has)
			for _, s := range serves {
				var want []string
				for _, h := range []string{one, other} {
					is := overlap(s, h)
					if got := routes.HostsOverlap(s, h); got != is {
						t.Errorf("%q and %q overlap: %v, want %v", s, h, got, is)
					}
					if is && !slices.Contains(want, h) {
						want = append(want, h)
					}
				}
				slices.Sort(want)
				got := c.claimedBy(s)
				slices.Sort(got)
				if !slices.Equal(got, want) || has(s) != (len(want) > 0) {
					t.Errorf("of %q and %q, %q serves %q (%v), want %q", one, other, s, got, has(s), want)
				}
			}
		}
	}
}
