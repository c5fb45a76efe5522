// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"fmt"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// A Annotation is an annotation of people's that we look at, because of what it makes a proxy
// do. We read it as that proxy does: what it takes for true is true, and a value that it
// cannot read is a finding. All of them are in Annotations; nothing else in this package
// reads an annotation of a proxy.
type Annotation struct {
	Family  Vocabulary
	name    string // what stands behind the family's prefix
	Kind    Form
	choices []string // of a choice: what the proxy knows
	// refused: ingress-nginx takes nothing of an Ingress whose value it cannot read, and
	// goes on with what it read before. Of other annotations it takes its default.
	refused bool
}

// A Vocabulary is a set of proxies that look at annotations of the same prefix.
type Vocabulary int

// The vocabularies that are read.
const (
	OfNGINX   Vocabulary = iota // ingress-nginx, its forks, and Traefik's provider for them
	OfTraefik                   // Traefik's own Ingress provider
	ofHAProxy                   // jcmoraisjr's haproxy-ingress
)

// A Form is what a value is.
type Form int

// The forms of values.
const (
	AFlag   Form = iota // true or false
	ANumber             // a whole number
	AChoice             // one of a few words
	AText               // one line
	AScript             // lines of configuration
	AList               // texts with commas between
)

// What the names of annotations begin with.
const (
	NGINXPrefix   = "nginx.ingress.kubernetes.io/"
	TraefikPrefix = "traefik.ingress.kubernetes.io/"
	HAProxyPrefix = "haproxy-ingress.github.io/"
)

// HAProxyPrefixes are those that haproxy-ingress reads. The first that has a key counts,
// whatever its value.
var HAProxyPrefixes = []string{HAProxyPrefix, "ingress.kubernetes.io/"}

// Annotations are all that we look at.
var Annotations []*Annotation

func looksAt(of Vocabulary, name string, as Form, choices ...string) *Annotation {
	n := &Annotation{Family: of, name: name, Kind: as, choices: choices}
	Annotations = append(Annotations, n)
	return n
}

func (n *Annotation) refusing() *Annotation {
	n.refused = true
	return n
}

// What is read of Ingresses, by the proxy that defines it.
var (
	NGINXAuthURL       = looksAt(OfNGINX, "auth-url", AText).refusing()
	NGINXAuthSignin    = looksAt(OfNGINX, "auth-signin", AText)
	NGINXAuthHeaders   = looksAt(OfNGINX, "auth-proxy-set-headers", AText)
	NGINXAuthCacheKey  = looksAt(OfNGINX, "auth-cache-key", AText)
	NGINXAuthKeepalive = looksAt(OfNGINX, "auth-keepalive", ANumber)
	NGINXGlobalAuth    = looksAt(OfNGINX, "enable-global-auth", AFlag)
	NGINXSatisfy       = looksAt(OfNGINX, "satisfy", AChoice, "any", "all")
	NGINXCORS          = looksAt(OfNGINX, "enable-cors", AFlag)
	NGINXCanary        = looksAt(OfNGINX, "canary", AFlag)
	NGINXPassthrough   = looksAt(OfNGINX, "ssl-passthrough", AFlag).refusing()
	NGINXUseRegex      = looksAt(OfNGINX, "use-regex", AFlag)
	NGINXRewrite       = looksAt(OfNGINX, "rewrite-target", AText)
	NGINXAppRoot       = looksAt(OfNGINX, "app-root", AText)
	NGINXVhost         = looksAt(OfNGINX, "upstream-vhost", AText).refusing()
	NGINXProtocol      = looksAt(OfNGINX, "backend-protocol", AChoice, "AUTO_HTTP", "HTTP", "HTTPS", "GRPC", "GRPCS", "FCGI")
	NGINXAliases       = looksAt(OfNGINX, "server-alias", AList).refusing()
	NGINXAuthSnippet   = looksAt(OfNGINX, "auth-snippet", AScript)
	NGINXSnippet       = looksAt(OfNGINX, "configuration-snippet", AScript)
	NGINXServerSnippet = looksAt(OfNGINX, "server-snippet", AScript)

	TraefikMiddlewares = looksAt(OfTraefik, "router.middlewares", AList)
	TraefikPriority    = looksAt(OfTraefik, "router.priority", ANumber)
	_                  = looksAt(OfTraefik, "router.entrypoints", AList)
	TraefikMatcher     = looksAt(OfTraefik, "router.pathmatcher", AChoice, "Path", "PathPrefix", "PathRegexp")
	TraefikTLS         = looksAt(OfTraefik, "router.tls", AFlag)
	TraefikResolver    = looksAt(OfTraefik, "router.tls.certresolver", AText)
	TraefikTLSOptions  = looksAt(OfTraefik, "router.tls.options", AText)

	HAProxyAuthURL     = looksAt(ofHAProxy, "auth-url", AText)
	HAProxySets        = looksAt(ofHAProxy, "request-set-headers", AScript)
	HAProxyPlacement   = looksAt(ofHAProxy, "auth-external-placement", AChoice, "backend", "frontend")
	HAProxyCORS        = looksAt(ofHAProxy, "cors-enable", AFlag)
	HAProxyPassthrough = looksAt(ofHAProxy, "ssl-passthrough", AFlag)
	HAProxyPathType    = looksAt(ofHAProxy, "path-type", AChoice, "begin", "prefix", "exact", "regex")
)

// Reads reports whether a proxy looks at an annotation. Of a proxy that nobody knows, any may be.
func (n *Annotation) Reads(proxy Proxy) bool {
	switch proxy {
	case IngressNGINX, TraefikNGINX:
		return n.Family == OfNGINX
	case Traefik:
		return n.Family == OfTraefik
	case HAProxyIngress:
		return n.Family == ofHAProxy
	default:
		return true
	}
}

// Key is the annotation as people write it.
func (n *Annotation) Key() string {
	return [...]string{OfNGINX: NGINXPrefix, OfTraefik: TraefikPrefix, ofHAProxy: HAProxyPrefix}[n.Family] + n.name
}

// Raw is the value as it stands, and whether the proxy finds one. Traefik takes names in
// any case; of several spellings the last one counts, as it sorts them.
func (n *Annotation) Raw(annotations map[string]string) (value string, found bool) {
	switch n.Family {
	case OfTraefik:
		for _, key := range n.Spelled(annotations) {
			value, found = annotations[key], true
		}
		return value, found
	case ofHAProxy:
		for _, prefix := range HAProxyPrefixes {
			if value, found = annotations[prefix+n.name]; found {
				return value, true
			}
		}
		return "", false
	default:
		value, found = annotations[NGINXPrefix+n.name]
		return value, found
	}
}

// Spelled lists the keys that Traefik takes for an annotation.
func (n *Annotation) Spelled(annotations map[string]string) []string {
	var out []string
	for _, key := range SortedKeys(annotations) {
		if name, ok := strings.CutPrefix(key, TraefikPrefix); ok && strings.EqualFold(name, n.name) {
			out = append(out, key)
		}
	}
	return out
}

// A Switch is what a flag says to a proxy.
type Switch int

// What a flag can say.
const (
	Unsaid  Switch = iota // not there, or as good as that
	Off                   // false
	On                    // true
	Unclear               // the proxy cannot read it, or one version reads it as true, and another does not
)

// maybe: it is on, or one cannot tell.
func (s Switch) maybe() bool { return s == On || s == Unclear }

// Flag reads a flag. A proxy that nobody knows is taken for the one that reads it.
func (n *Annotation) Flag(proxy Proxy, annotations map[string]string) Switch {
	value, found := n.Raw(annotations)
	switch {
	case !found:
		return Unsaid
	case n.Family == OfTraefik: // its own idea of an empty structure
		return traefikSwitch(value)
	case n.Family == OfNGINX && proxy == TraefikNGINX:
		return traefikNGINXSwitch(value)
	default:
		return parsed(value)
	}
}

// parsed is what strconv makes of a value, as it stands.
func parsed(value string) Switch {
	is, err := strconv.ParseBool(value)
	switch {
	case value == "":
		return Unsaid
	case err != nil:
		return Unclear
	case is:
		return On
	default:
		return Off
	}
}

// traefikNGINXSwitch: Traefik compares with "true" in any case; versions before that asked
// strconv, to which "1" is true.
func traefikNGINXSwitch(value string) Switch {
	switch s := parsed(value); {
	case strings.EqualFold(value, "true"):
		return On
	case s == On:
		return Unclear
	default:
		return s
	}
}

func traefikSwitch(value string) Switch {
	switch {
	case value == "" || strings.EqualFold(value, "true"):
		return On
	case strings.EqualFold(value, "false"):
		return Off
	default:
		return Unclear
	}
}

// Text is a value as the proxy takes it: ingress-nginx takes blanks off each line.
func (n *Annotation) Text(annotations map[string]string) string {
	value, _ := n.Raw(annotations)
	if n.Family != OfNGINX {
		return value
	}
	lines := strings.Split(value, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

// Choice is a text in lower case, where the proxy does not care about case.
func (n *Annotation) Choice(annotations map[string]string) string {
	value := n.Text(annotations)
	if n.exactCase() {
		return value
	}
	return strings.ToLower(value)
}

func (n *Annotation) exactCase() bool { return n == NGINXSatisfy || n.Family == OfTraefik }

// List returns the members of a list with commas between them.
func (n *Annotation) List(annotations map[string]string) []string {
	return SplitList(n.Text(annotations))
}

// Number is what a proxy reads; 0 if that is none.
func (n *Annotation) Number(annotations map[string]string) int {
	value, _ := n.Raw(annotations)
	number, err := strconv.Atoi(value)
	if err != nil {
		return 0
	}
	return number
}

// Unread says why a proxy cannot read what somebody wrote; "": it can, or nothing is
// written.
func (n *Annotation) Unread(proxy Proxy, annotations map[string]string) string {
	value, found := n.Raw(annotations)
	if !found || value == "" {
		return ""
	}
	if keys := n.Spelled(annotations); n.Family == OfTraefik && len(keys) > 1 {
		return fmt.Sprintf("is written in several ways (%s), of which Traefik takes one", strings.Join(keys, ", "))
	}
	switch n.Kind {
	case AFlag:
		return words(n.Flag(proxy, annotations) == Unclear, `is no plain true or false: write "true" or "false", as it stands`)
	case ANumber:
		_, err := strconv.Atoi(value)
		return words(err != nil, "is no number")
	case AChoice:
		return n.unknownChoice(annotations)
	case AText, AList:
		return words(strings.ContainsFunc(n.Text(annotations), func(c rune) bool { return c < ' ' }), "has a line break or a tab in it")
	case AScript: // no proxy has an opinion about these
	}
	return ""
}

func words(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func (n *Annotation) unknownChoice(annotations map[string]string) string {
	value := n.Choice(annotations)
	for _, c := range n.choices {
		if value == c || !n.exactCase() && value == strings.ToLower(c) {
			return ""
		}
	}
	why := "is none of " + strings.Join(n.choices, ", ")
	if n == HAProxyPlacement {
		why += ", so that no auth request is sent"
	}
	return why
}

// UnreadBy lists what of an Ingress its proxy cannot read, in words.
func UnreadBy(ing *networkingv1.Ingress, proxy Proxy) (problems []string, refused bool) {
	for _, n := range Annotations {
		if !n.Reads(proxy) {
			continue
		}
		if why := n.Unread(proxy, ing.Annotations); why != "" {
			value, _ := n.Raw(ing.Annotations)
			problems = append(problems, fmt.Sprintf("%s: %q %s", n.Key(), value, why))
			refused = refused || n.refused || n.Family == OfTraefik && n.Kind != AFlag
		}
	}
	return problems, refused
}

// UnreadMessage words them.
func UnreadMessage(ref Ref, problems []string, refused bool) string {
	does := "Its proxy goes on as if that were not there"
	if refused {
		does = "Its proxy does not take such an Ingress, and may go on with what it was before"
	}
	return fmt.Sprintf("%s has annotations that its proxy cannot read: %s. %s. Correct or remove them.", ref, strings.Join(problems, "; "), does)
}

// ReadsExpressions reports whether an Ingress makes its proxy read the paths of its hosts as
// regular expressions; where one cannot tell, it does. rewritten: by a rewrite, with which
// ingress-nginx matches each from its beginning. Of a proxy that nobody knows, or "", what
// any of them would read counts, at any prefix (a fork has its own): so too much is claimed,
// and never too little.
func ReadsExpressions(annotations map[string]string, proxy Proxy) (regex, rewritten bool) {
	switch proxy {
	case IngressNGINX, TraefikNGINX:
		return NGINXUseRegex.Flag(proxy, annotations).maybe(), NGINXRewrite.Text(annotations) != ""
	case Traefik:
		return isRegex(TraefikMatcher.Text(annotations)), false
	case HAProxyIngress:
		return isRegex(HAProxyPathType.Text(annotations)), false
	default:
		return someReads(annotations)
	}
}

// someReads: some proxy, of those that there may be.
func someReads(annotations map[string]string) (regex, rewritten bool) {
	for key, value := range annotations {
		_, name, _ := strings.Cut(key, "/")
		switch name = strings.ToLower(name); name {
		case NGINXUseRegex.name, NGINXRewrite.name:
			one := map[string]string{NGINXPrefix + name: value}
			for _, proxy := range []Proxy{IngressNGINX, TraefikNGINX} {
				byFlag, byRewrite := ReadsExpressions(one, proxy)
				regex, rewritten = regex || byFlag, rewritten || byRewrite
			}
		case HAProxyPathType.name, TraefikMatcher.name:
			regex = regex || isRegex(value)
		case "path-regex": // nginx.org
			regex = regex || value != ""
		}
	}
	return regex, rewritten
}

func isRegex(word string) bool { return strings.Contains(strings.ToLower(word), "regex") }

// SplitList splits what annotations and ConfigMaps separate by commas.
func SplitList(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// isDefaultClass: the API server compares it with this one word.
func isDefaultClass(class *networkingv1.IngressClass) bool {
	return class.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true"
}

// ConfigFlag reads a boolean of an ingress-nginx ConfigMap.
func ConfigFlag(data map[string]string, key string) Switch { return parsed(data[key]) }
