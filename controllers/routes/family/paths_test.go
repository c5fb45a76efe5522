// SPDX-License-Identifier: Apache-2.0

package family

import (
	"maps"
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

// tinyPaths are all paths of up to two segments of "a", "A" and "ab", with and without a
// slash at the end.
func tinyPaths() []string {
	out := []string{"/"}
	segments := []string{"/a", "/A", "/ab"}
	for _, one := range segments {
		out = append(out, one, one+"/")
		for _, two := range segments {
			out = append(out, one+two, one+two+"/")
		}
	}
	return out
}

// A match is how far a proxy goes in what it serves for a path.
type match int

const (
	no    match = iota
	half        // only as a text that begins the same, in the midst of a segment or in another case
	whole       // the path itself, or one below it
)

// found is what a regular expression matches.
func found(expression, asked string) match {
	if e, err := regexp.Compile(expression); err == nil && e.MatchString(asked) {
		return whole
	}
	return no
}

// segments reads a path as the API says of Prefix; text, if its beginning alone counts.
func segments(path, asked string, text bool) match {
	switch trimmed := strings.TrimSuffix(path, "/"); {
	case asked == trimmed || strings.HasPrefix(asked, trimmed+"/"):
		return whole
	case text && strings.HasPrefix(asked, path):
		return half
	default:
		return no
	}
}

func exactly(path, asked string) match {
	if path == asked {
		return whole
	}
	return no
}

// referenceNGINX is how ingress-nginx 1.15 writes locations (template.buildLocation): one
// expression for all types, where there is one; else "= /a", "/a/", or "/a" as it stands.
func referenceNGINX(annotations map[string]string, path, kind, asked string) match {
	on, _ := strconv.ParseBool(annotations[routes.NGINXPrefix+"use-regex"])
	switch {
	case on || annotations[routes.NGINXPrefix+"rewrite-target"] != "":
		return found("(?i)^"+path, asked)
	case kind == "Exact":
		return exactly(path, asked)
	default:
		return segments(path, asked, kind == "ImplementationSpecific")
	}
}

// referenceTraefik is how its Ingress provider writes rules (buildRule), without
// strictPrefixMatching.
func referenceTraefik(annotations map[string]string, path, kind, asked string) match {
	matcher := annotations[routes.TraefikPrefix+"router.pathmatcher"]
	switch {
	case kind == "Exact" || kind == "ImplementationSpecific" && matcher == "Path":
		return exactly(path, asked)
	case kind == "ImplementationSpecific" && matcher == "PathRegexp":
		return found(path, asked)
	default:
		return segments(path, asked, true)
	}
}

// referenceHAProxy is how haproxy-ingress 0.17 reads path-type, which is for
// ImplementationSpecific: "begin" if it is not there, in any case of letters.
func referenceHAProxy(annotations map[string]string, path, kind, asked string) match {
	how := annotations[routes.HAProxyPrefix+"path-type"]
	switch {
	case kind == "Exact" || kind == "ImplementationSpecific" && how == "exact":
		return exactly(path, asked)
	case kind == "ImplementationSpecific" && how == "regex":
		return found(path, asked)
	case kind == "Prefix" || how == "prefix":
		return segments(path, asked, false)
	case segments(path, asked, true) == no && strings.HasPrefix(strings.ToLower(asked), strings.ToLower(path)):
		return half
	default:
		return segments(path, asked, true)
	}
}

// claimed reports whether a path is among those that a route is said to serve.
func claimed(paths []policy.Path, asked string) bool {
	return routes.PathsOverlap(paths, []policy.Path{{Value: asked, Exact: true}})
}

// A reader is a proxy, and the annotations that change how it reads paths.
type reader struct {
	reference   func(annotations map[string]string, path, kind, asked string) match
	key         string
	values      []string // "": the annotation is not there
	otherKey    string
	otherValues []string
}

var readers = map[routes.Proxy]reader{
	routes.IngressNGINX: {referenceNGINX, routes.NGINXPrefix + "use-regex", []string{"", "true", "1", "false"},
		routes.NGINXPrefix + "rewrite-target", []string{"", "/$1"}},
	routes.Traefik: {referenceTraefik, routes.TraefikPrefix + "router.pathmatcher", []string{"", "Path", "PathPrefix", "PathRegexp"},
		routes.HAProxyPrefix + "path-type", []string{"", "regex"}},
	routes.HAProxyIngress: {referenceHAProxy, routes.HAProxyPrefix + "path-type", []string{"", "begin", "prefix", "exact", "regex"},
		routes.NGINXPrefix + "use-regex", []string{"", "true"}},
}

// each calls back for all annotations of a reader, types and paths.
func (by reader) each(do func(annotations map[string]string, kind, path string)) {
	for _, value := range by.values {
		for _, other := range by.otherValues {
			annotations := map[string]string{by.key: value, by.otherKey: other}
			maps.DeleteFunc(annotations, func(_, v string) bool { return v == "" })
			for _, kind := range []string{"Exact", "Prefix", "ImplementationSpecific"} {
				for _, path := range append(tinyPaths(), "/a.*", "/(a|ab)", "/a|/ab", "a") {
					do(annotations, kind, path)
				}
			}
		}
	}
}

// Whatever a proxy serves for a path of a route is among what is claimed for that route. Of
// what begins the same in the midst of a segment, or in another case, this is not so yet: a
// Path knows whole segments only.
func TestPathsHoldWhatIsRouted(t *testing.T) {
	for proxy, by := range readers {
		halves, served := 0, 0
		by.each(func(annotations map[string]string, kind, path string) {
			r := &routes.Route{Annotations: annotations, Class: routes.Class{Proxy: proxy}}
			paths := of(proxy).Paths(r, []policy.Path{{Value: path, Exact: kind == "Exact"}})
			for _, asked := range tinyPaths() {
				switch is := by.reference(annotations, path, kind, asked); {
				case is == no:
				case claimed(paths, asked):
					served++
				case is == half:
					halves++
				default:
					t.Errorf("%s, %v: %s %s serves %s, and claims %v", proxy, annotations, kind, path, asked, paths)
				}
			}
		})
		if served == 0 {
			t.Errorf("%s: nothing is served", proxy)
		}
		if halves == 0 {
			t.Errorf("%s: all that is served is claimed: strike out what is said about half matches", proxy)
		}
	}
}

// Paths that are read as they stand are claimed as they stand, and no more: Exact stays so.
func TestPathsClaimNoMore(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, proxy := range ingresses {
		for range 200 {
			path := policy.Path{Value: routestest.Pick(r, tinyPaths()...), Exact: r.IntN(2) == 0}
			route := &routes.Route{Annotations: map[string]string{}, Class: routes.Class{Proxy: proxy}}
			for _, asked := range tinyPaths() {
				want := routes.Below(asked, path.Value)
				if path.Exact {
					want = asked == path.Value
				}
				if got := claimed(of(proxy).Paths(route, []policy.Path{path}), asked); got != want {
					t.Fatalf("%s: %+v claims %s: %t", proxy, path, asked, got)
				}
			}
		}
	}
}

// One annotation makes each path of a route one that may be any, for the proxy that reads it
// alone; in whatever way it is spelled that cannot be told from "on".
func TestPathsOfExpressions(t *testing.T) {
	const regex, rewrite, path = routes.NGINXPrefix + "use-regex", routes.NGINXPrefix + "rewrite-target", "path-type"
	nginxes := []routes.Proxy{routes.IngressNGINX, routes.TraefikNGINX, "kong"}
	traefiks, haproxies := []routes.Proxy{routes.Traefik, "kong"}, []routes.Proxy{routes.HAProxyIngress, "kong"}
	for _, tc := range []struct {
		key, value string
		by         []routes.Proxy
	}{
		{regex, "true", nginxes}, {regex, "1", nginxes}, {regex, "TRUE", nginxes}, {regex, "yes", nginxes}, {regex, " true", nginxes},
		{regex, "false", nil}, {regex, "0", nil}, {regex, "", nil},
		{rewrite, "/", nginxes}, {rewrite, " ", nil},
		{routes.TraefikPrefix + "router.pathmatcher", "PathRegexp", traefiks},
		{routes.TraefikPrefix + "ROUTER.pathMatcher", "PathRegexp", traefiks},
		{routes.TraefikPrefix + "router.pathmatcher", "Path", nil},
		{routes.HAProxyPrefix + path, "regex", haproxies}, {"ingress.kubernetes.io/" + path, "Regex", haproxies},
		{routes.HAProxyPrefix + path, "begin", nil}, {"nginx.org/path-regex", "exact", []routes.Proxy{"kong"}},
	} {
		for _, proxy := range ingresses {
			r := &routes.Route{Annotations: map[string]string{tc.key: tc.value}, Class: routes.Class{Proxy: proxy}}
			got := of(proxy).Paths(r, []policy.Path{{Value: "/a"}, {Value: "/a/b", Exact: true}})
			if (len(got) == 0) != slices.Contains(tc.by, proxy) {
				t.Errorf("%s: %q, by %s: %v", tc.key, tc.value, proxy, got)
			}
		}
	}
}
