// SPDX-License-Identifier: Apache-2.0

package routes_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/controllers/routes"
)

var proxies = []routes.Proxy{routes.IngressNGINX, routes.TraefikNGINX, routes.Traefik, routes.HAProxyIngress}

// Every annotation has a key of its own, of the prefix of its proxy, and the proxies that read
// it are those of that prefix; one that nobody knows may read all.
func TestEveryAnnotationHasItsKey(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range routes.Annotations {
		key := n.Key()
		if seen[key] {
			t.Errorf("%s is declared twice", key)
		}
		seen[key] = true
		prefix, name, _ := strings.Cut(key, "/")
		if name == "" || name != strings.ToLower(name) || strings.TrimSpace(name) != name {
			t.Errorf("%s is no key that a proxy has", key)
		}
		want := map[string][]routes.Proxy{
			"nginx.ingress.kubernetes.io": {routes.IngressNGINX, routes.TraefikNGINX}, "traefik.ingress.kubernetes.io": {routes.Traefik},
			"haproxy-ingress.github.io": {routes.HAProxyIngress},
		}[prefix]
		if len(want) == 0 {
			t.Errorf("%s has the prefix of no proxy", key)
		}
		for _, proxy := range proxies {
			if got := n.Reads(proxy); got != slices.Contains(want, proxy) {
				t.Errorf("%s is read by %s: %v", key, proxy, got)
			}
		}
		for _, proxy := range []routes.Proxy{"", "kong"} {
			if !n.Reads(proxy) {
				t.Errorf("%s is not read by %q, which nobody knows", key, proxy)
			}
		}
	}
}

// An annotation is found at its key, and not where something is missing of it, or too much;
// in another case only where its proxy does not care.
func TestWhereAnAnnotationIsFound(t *testing.T) {
	for _, n := range routes.Annotations {
		key := n.Key()
		prefix, name, _ := strings.Cut(key, "/")
		for at, want := range map[string]bool{
			key: true, name: false, key + "s": false, key[:len(key)-1]: false, " " + key: false, "example.com/" + name: false,
			prefix + "/" + strings.ToUpper(name):             n.Family == routes.OfTraefik,
			strings.ToUpper(prefix) + "/" + name:             false,
			"ingress.kubernetes.io/" + name:                  prefix == "haproxy-ingress.github.io",
			"ingress.kubernetes.io/" + strings.ToUpper(name): false,
		} {
			value, found := n.Raw(map[string]string{at: "x"})
			if found != want || (value == "x") != want {
				t.Errorf("%s at %q: %q, found %v", key, at, value, found)
			}
			if _, found := n.Raw(map[string]string{at: ""}); found != want {
				t.Errorf("%s at %q, empty: found %v", key, at, found)
			}
		}
		if value, found := n.Raw(nil); found || value != "" {
			t.Errorf("%s is found in nothing: %q", key, value)
		}
		if n.Text(nil) != "" || n.Choice(nil) != "" || n.List(nil) != nil || n.Number(nil) != 0 {
			t.Errorf("%s says something of nothing", key)
		}
		for _, proxy := range proxies {
			if n.Flag(proxy, nil) != routes.Unsaid || n.Unread(proxy, nil) != "" || n.Unread(proxy, map[string]string{key: ""}) != "" {
				t.Errorf("%s says something to %s, and is not there", key, proxy)
			}
		}
	}
}

// Of several spellings that Traefik takes for one the last counts, as it sorts them, and that
// there are several is said; haproxy-ingress takes its own prefix before the older one.
func TestWhichOfSeveralCounts(t *testing.T) {
	for _, n := range routes.Annotations {
		prefix, name, _ := strings.Cut(n.Key(), "/")
		title := prefix + "/" + strings.ToUpper(name[:1]) + name[1:]
		older := "ingress.kubernetes.io/" + name
		annotations := map[string]string{n.Key(): "first", title: "second", older: "third"}
		if got, _ := n.Raw(annotations); got != "first" {
			t.Errorf("%s: %q", n.Key(), got)
		}
		several := strings.Contains(n.Unread(routes.Traefik, annotations), "several ways ("+title+", "+n.Key()+")")
		if several != (n.Family == routes.OfTraefik) {
			t.Errorf("%s: several ways: %v", n.Key(), several)
		}
		delete(annotations, n.Key())
		want := ""
		switch prefix {
		case "traefik.ingress.kubernetes.io":
			want = "second"
		case "haproxy-ingress.github.io":
			want = "third"
		}
		if got, _ := n.Raw(annotations); got != want {
			t.Errorf("%s is not there: %q, want %q", n.Key(), got, want)
		}
	}
}

// ingress-nginx takes blanks off every line, and no other proxy takes any.
func TestTextIsTrimmedByNGINXAlone(t *testing.T) {
	for value, trimmed := range map[string]string{"": "", "a": "a", " a\t": "a", " a b ": "a b", "\n": "\n",
		" a \n\tb \n": "a\nb\n", "a\r\nb": "a\nb"} {
		for _, n := range routes.Annotations {
			want := value
			if n.Family == routes.OfNGINX {
				want = trimmed
			}
			if got := n.Text(map[string]string{n.Key(): value}); got != want {
				t.Errorf("%s: %q is %q, want %q", n.Key(), value, got, want)
			}
		}
	}
}

// A choice is one of the words that its proxy knows, in any case where the proxy does not care.
func TestChoices(t *testing.T) {
	for n, words := range map[*routes.Annotation][]string{
		routes.NGINXSatisfy: {"any", "all"}, routes.NGINXProtocol: {"AUTO_HTTP", "HTTP", "HTTPS", "GRPC", "GRPCS", "FCGI"},
		routes.TraefikMatcher:   {"Path", "PathPrefix", "PathRegexp"},
		routes.HAProxyPlacement: {"backend", "frontend"}, routes.HAProxyPathType: {"begin", "prefix", "exact", "regex"},
	} {
		exact := n == routes.NGINXSatisfy || n == routes.TraefikMatcher
		for _, word := range words {
			for _, value := range []string{word, strings.ToLower(word), strings.ToUpper(word), word + "x", " " + word} {
				known := value == word || !exact && strings.EqualFold(value, word) || value == " "+word && n.Family == routes.OfNGINX
				annotations := map[string]string{n.Key(): value}
				why := n.Unread(routes.IngressNGINX, annotations)
				if (why == "") != known {
					t.Errorf("%s: %q: %q, known %v", n.Key(), value, why, known)
				}
				if !known && !strings.Contains(why, strings.Join(words, ", ")) {
					t.Errorf("%s: %q does not say what may be written", n.Key(), why)
				}
				if got := n.Choice(annotations); known && !exact && got != strings.ToLower(word) || known && exact && got != word {
					t.Errorf("%s: %q is %q", n.Key(), value, got)
				}
			}
		}
	}
	why := routes.HAProxyPlacement.Unread(routes.HAProxyIngress, map[string]string{routes.HAProxyPlacement.Key(): "x"})
	if !strings.Contains(why, "no auth request is sent") {
		t.Errorf("%q does not say what comes of it", why)
	}
}

// A number is whole, and stands alone; what is none counts as 0, and is said.
func TestNumbers(t *testing.T) {
	for value, want := range map[string]int{"0": 0, "7": 7, "-7": -7, "+7": 7, "007": 7} {
		annotations := map[string]string{routes.TraefikPriority.Key(): value}
		if got := routes.TraefikPriority.Number(annotations); got != want || routes.TraefikPriority.Unread(routes.Traefik, annotations) != "" {
			t.Errorf("%q is %d", value, got)
		}
	}
	for _, value := range []string{"x", "7 ", " 7", "7.0", "1e3", "0x10", "99999999999999999999", "7s"} {
		annotations := map[string]string{routes.TraefikPriority.Key(): value}
		if got := routes.TraefikPriority.Number(annotations); got != 0 || routes.TraefikPriority.Unread(routes.Traefik, annotations) == "" {
			t.Errorf("%q is read as %d, and not said", value, got)
		}
	}
}

// A list is the same whatever blanks and empty members stand in it; split and joined it stays.
func TestSplitList(t *testing.T) {
	for text, want := range map[string]string{"": "", ",": "", " , ,": "", "a": "a", "a,b": "a,b", " a , b ": "a,b",
		",a,,b,": "a,b", "a b,c": "a b,c",
		"b,a,b": "b,a,b", "a\n,\tb": "a,b"} {
		got := strings.Join(routes.SplitList(text), ",")
		if got != want || strings.Join(routes.SplitList(got), ",") != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if got := routes.SplitList(" ,"); got != nil {
		t.Errorf("an empty list has %d members", len(got))
	}
	aliases := map[string]string{routes.NGINXAliases.Key(): " a.example.com,\n b.example.com "}
	if got := routes.NGINXAliases.List(aliases); !slices.Equal(got, []string{"a.example.com", "b.example.com"}) {
		t.Errorf("aliases: %q", got)
	}
}

// A flag of a ConfigMap is what strconv makes of it, and nothing where it is not there.
func TestConfigFlag(t *testing.T) {
	for _, value := range flagSpellings {
		want := refFlag(routes.OfNGINX, routes.IngressNGINX, value)
		if got := routes.ConfigFlag(map[string]string{"key": value}, "key"); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
	if routes.ConfigFlag(nil, "key") != routes.Unsaid || routes.ConfigFlag(map[string]string{"Key": "true"}, "key") != routes.Unsaid {
		t.Error("a flag that is not there says something")
	}
}

// Of a proxy that nobody knows too much is taken for an expression, and never too little:
// whatever one of the known proxies reads as one is one.
func TestAnUnknownProxyReadsWhatAnyReads(t *testing.T) {
	values := append(slices.Clone(flagSpellings), "regex", "Regex", "PathRegexp", "pathregexp", "/$1", " ", "begin")
	for _, n := range routes.Annotations {
		for _, value := range values {
			annotations := map[string]string{n.Key(): value}
			regex, rewritten := routes.ReadsExpressions(annotations, "kong")
			for _, proxy := range proxies {
				byRegex, byRewrite := routes.ReadsExpressions(annotations, proxy)
				if byRegex && !regex || byRewrite && !rewritten {
					t.Errorf("%s: %q is an expression to %s, and to no unknown proxy", n.Key(), value, proxy)
				}
			}
		}
	}
}
