// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"fmt"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// A note is an annotation of people's that we look at, because of what it makes a proxy
// do. We read it as that proxy does: what it takes for true is true, and a value that it
// cannot read is a finding. All of them are in notes; nothing else in this package
// reads an annotation of a proxy.
type note struct {
	family  family
	name    string // what stands behind the family's prefix
	kind    kind
	choices []string // of a choice: what the proxy knows
	// refused: ingress-nginx takes nothing of an Ingress whose value it cannot read, and
	// goes on with what it read before. Of other notes it takes its default.
	refused bool
}

// A family is a set of proxies that look at annotations of the same prefix.
type family int

const (
	ofNGINX   family = iota // ingress-nginx, its forks, and Traefik's provider for them
	ofTraefik               // Traefik's own Ingress provider
	ofHAProxy               // jcmoraisjr's haproxy-ingress
)

// A kind is what a value is.
type kind int

const (
	aFlag   kind = iota // true or false
	aNumber             // a whole number
	aChoice             // one of a few words
	aText               // one line
	aScript             // lines of configuration
	aList               // texts with commas between
)

const (
	nginxPrefix   = "nginx.ingress.kubernetes.io/"
	traefikPrefix = "traefik.ingress.kubernetes.io/"
	haproxyPrefix = "haproxy-ingress.github.io/"
)

// haproxyPrefixes are those that haproxy-ingress reads. The first that has a key counts,
// whatever its value.
var haproxyPrefixes = []string{haproxyPrefix, "ingress.kubernetes.io/"}

// notes are all that we look at.
var notes []*note

func looksAt(of family, name string, as kind, choices ...string) *note {
	n := &note{family: of, name: name, kind: as, choices: choices}
	notes = append(notes, n)
	return n
}

func (n *note) refusing() *note {
	n.refused = true
	return n
}

var (
	nginxAuthURL       = looksAt(ofNGINX, "auth-url", aText).refusing()
	nginxAuthSignin    = looksAt(ofNGINX, "auth-signin", aText)
	nginxAuthHeaders   = looksAt(ofNGINX, "auth-proxy-set-headers", aText)
	nginxAuthCacheKey  = looksAt(ofNGINX, "auth-cache-key", aText)
	nginxAuthKeepalive = looksAt(ofNGINX, "auth-keepalive", aNumber)
	nginxGlobalAuth    = looksAt(ofNGINX, "enable-global-auth", aFlag)
	nginxSatisfy       = looksAt(ofNGINX, "satisfy", aChoice, "any", "all")
	nginxCORS          = looksAt(ofNGINX, "enable-cors", aFlag)
	nginxCanary        = looksAt(ofNGINX, "canary", aFlag)
	nginxPassthrough   = looksAt(ofNGINX, "ssl-passthrough", aFlag).refusing()
	nginxUseRegex      = looksAt(ofNGINX, "use-regex", aFlag)
	nginxRewrite       = looksAt(ofNGINX, "rewrite-target", aText)
	nginxAppRoot       = looksAt(ofNGINX, "app-root", aText)
	nginxVhost         = looksAt(ofNGINX, "upstream-vhost", aText).refusing()
	nginxProtocol      = looksAt(ofNGINX, "backend-protocol", aChoice, "AUTO_HTTP", "HTTP", "HTTPS", "GRPC", "GRPCS", "FCGI")
	nginxAliases       = looksAt(ofNGINX, "server-alias", aList).refusing()
	nginxAuthSnippet   = looksAt(ofNGINX, "auth-snippet", aScript)
	nginxSnippet       = looksAt(ofNGINX, "configuration-snippet", aScript)
	nginxServerSnippet = looksAt(ofNGINX, "server-snippet", aScript)

	traefikMiddlewares = looksAt(ofTraefik, "router.middlewares", aList)
	traefikPriority    = looksAt(ofTraefik, "router.priority", aNumber)
	_                  = looksAt(ofTraefik, "router.entrypoints", aList)
	traefikMatcher     = looksAt(ofTraefik, "router.pathmatcher", aChoice, "Path", "PathPrefix", "PathRegexp")
	traefikTLS         = looksAt(ofTraefik, "router.tls", aFlag)
	traefikResolver    = looksAt(ofTraefik, "router.tls.certresolver", aText)
	traefikTLSOptions  = looksAt(ofTraefik, "router.tls.options", aText)

	haproxyAuthURL     = looksAt(ofHAProxy, "auth-url", aText)
	haproxySets        = looksAt(ofHAProxy, "request-set-headers", aScript)
	haproxyPlacement   = looksAt(ofHAProxy, "auth-external-placement", aChoice, "backend", "frontend")
	haproxyCORS        = looksAt(ofHAProxy, "cors-enable", aFlag)
	haproxyPassthrough = looksAt(ofHAProxy, "ssl-passthrough", aFlag)
	haproxyPathType    = looksAt(ofHAProxy, "path-type", aChoice, "begin", "prefix", "exact", "regex")
)

// reads reports whether a proxy looks at a note. Of a proxy that nobody knows, any may be.
func (n *note) reads(proxy Proxy) bool {
	switch proxy {
	case IngressNGINX, TraefikNGINX:
		return n.family == ofNGINX
	case Traefik:
		return n.family == ofTraefik
	case HAProxyIngress:
		return n.family == ofHAProxy
	default:
		return true
	}
}

// key is the annotation as people write it.
func (n *note) key() string {
	return [...]string{ofNGINX: nginxPrefix, ofTraefik: traefikPrefix, ofHAProxy: haproxyPrefix}[n.family] + n.name
}

// raw is the value as it stands, and whether the proxy finds one. Traefik takes names in
// any case; of several spellings the last one counts, as it sorts them.
func (n *note) raw(annotations map[string]string) (value string, found bool) {
	switch n.family {
	case ofTraefik:
		for _, key := range n.spelled(annotations) {
			value, found = annotations[key], true
		}
		return value, found
	case ofHAProxy:
		for _, prefix := range haproxyPrefixes {
			if value, found = annotations[prefix+n.name]; found {
				return value, true
			}
		}
		return "", false
	default:
		value, found = annotations[nginxPrefix+n.name]
		return value, found
	}
}

// spelled lists the keys that Traefik takes for a note.
func (n *note) spelled(annotations map[string]string) []string {
	var out []string
	for _, key := range sortedKeys(annotations) {
		if name, ok := strings.CutPrefix(key, traefikPrefix); ok && strings.EqualFold(name, n.name) {
			out = append(out, key)
		}
	}
	return out
}

// A switching is what a flag says to a proxy.
type switching int

const (
	unsaid  switching = iota // not there, or as good as that
	off                      // false
	on                       // true
	unclear                  // the proxy cannot read it, or one version reads it as true, and another does not
)

// maybe: it is on, or one cannot tell.
func (s switching) maybe() bool { return s == on || s == unclear }

// flag reads a flag. A proxy that nobody knows is taken for the one that reads the note.
func (n *note) flag(proxy Proxy, annotations map[string]string) switching {
	value, found := n.raw(annotations)
	switch {
	case !found:
		return unsaid
	case n.family == ofTraefik: // its own idea of an empty structure
		return traefikSwitch(value)
	case n.family == ofNGINX && proxy == TraefikNGINX:
		return traefikNGINXSwitch(value)
	default:
		return parsed(value)
	}
}

// parsed is what strconv makes of a value, as it stands.
func parsed(value string) switching {
	is, err := strconv.ParseBool(value)
	switch {
	case value == "":
		return unsaid
	case err != nil:
		return unclear
	case is:
		return on
	default:
		return off
	}
}

// traefikNGINXSwitch: Traefik compares with "true" in any case; versions before that asked
// strconv, to which "1" is true.
func traefikNGINXSwitch(value string) switching {
	switch s := parsed(value); {
	case strings.EqualFold(value, "true"):
		return on
	case s == on:
		return unclear
	default:
		return s
	}
}

func traefikSwitch(value string) switching {
	switch {
	case value == "" || strings.EqualFold(value, "true"):
		return on
	case strings.EqualFold(value, "false"):
		return off
	default:
		return unclear
	}
}

// text is a value as the proxy takes it: ingress-nginx takes blanks off each line.
func (n *note) text(annotations map[string]string) string {
	value, _ := n.raw(annotations)
	if n.family != ofNGINX {
		return value
	}
	lines := strings.Split(value, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

// choice is a text in lower case, where the proxy does not care about case.
func (n *note) choice(annotations map[string]string) string {
	value := n.text(annotations)
	if n.exactCase() {
		return value
	}
	return strings.ToLower(value)
}

func (n *note) exactCase() bool { return n == nginxSatisfy || n.family == ofTraefik }

func (n *note) list(annotations map[string]string) []string { return list(n.text(annotations)) }

// number is what a proxy reads; 0 if that is none.
func (n *note) number(annotations map[string]string) int {
	value, _ := n.raw(annotations)
	number, err := strconv.Atoi(value)
	if err != nil {
		return 0
	}
	return number
}

// unread says why a proxy cannot read what somebody wrote; "": it can, or nothing is
// written.
func (n *note) unread(proxy Proxy, annotations map[string]string) string {
	value, found := n.raw(annotations)
	if !found || value == "" {
		return ""
	}
	if keys := n.spelled(annotations); n.family == ofTraefik && len(keys) > 1 {
		return fmt.Sprintf("is written in several ways (%s), of which Traefik takes one", strings.Join(keys, ", "))
	}
	switch n.kind {
	case aFlag:
		return words(n.flag(proxy, annotations) == unclear, `is no plain true or false: write "true" or "false", as it stands`)
	case aNumber:
		_, err := strconv.Atoi(value)
		return words(err != nil, "is no number")
	case aChoice:
		return n.unknownChoice(annotations)
	case aText, aList:
		return words(strings.ContainsFunc(n.text(annotations), func(c rune) bool { return c < ' ' }), "has a line break or a tab in it")
	case aScript: // no proxy has an opinion about these
	}
	return ""
}

func words(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func (n *note) unknownChoice(annotations map[string]string) string {
	value := n.choice(annotations)
	for _, c := range n.choices {
		if value == c || !n.exactCase() && value == strings.ToLower(c) {
			return ""
		}
	}
	why := "is none of " + strings.Join(n.choices, ", ")
	if n == haproxyPlacement {
		why += ", so that nobody is asked"
	}
	return why
}

// unread lists what of an Ingress its proxy cannot read, in words.
func unread(ing *networkingv1.Ingress, proxy Proxy) (problems []string, refused bool) {
	for _, n := range notes {
		if !n.reads(proxy) {
			continue
		}
		if why := n.unread(proxy, ing.Annotations); why != "" {
			value, _ := n.raw(ing.Annotations)
			problems = append(problems, fmt.Sprintf("%s: %q %s", n.key(), value, why))
			refused = refused || n.refused || n.family == ofTraefik && n.kind != aFlag
		}
	}
	return problems, refused
}

// unreadable words them.
func unreadable(ref Ref, problems []string, refused bool) string {
	does := "Its proxy goes on as if that were not there"
	if refused {
		does = "Its proxy does not take such an Ingress, and may go on with what it was before"
	}
	return fmt.Sprintf("%s has annotations that its proxy cannot read: %s. %s. Correct or remove them.", ref, strings.Join(problems, "; "), does)
}

// isExpressions reports whether an Ingress makes its proxy read the paths of its hosts as
// regular expressions; where one cannot tell, it does. rewritten: by a rewrite, with which
// ingress-nginx matches each from its beginning.
func isExpressions(annotations map[string]string, proxy Proxy) (regex, rewritten bool) {
	return nginxUseRegex.flag(proxy, annotations).maybe(), nginxRewrite.text(annotations) != ""
}

// Expressions is the same for who does not know which proxy serves an Ingress, nor which
// prefix it reads (a fork has its own): what any of them would read counts, so that too
// much is claimed and never too little.
func Expressions(annotations map[string]string) (regex, rewritten bool) {
	for key, value := range annotations {
		_, name, _ := strings.Cut(key, "/")
		switch name = strings.ToLower(name); name {
		case nginxUseRegex.name, nginxRewrite.name:
			one := map[string]string{nginxPrefix + name: value}
			for _, proxy := range []Proxy{IngressNGINX, TraefikNGINX} {
				isRegex, isRewritten := isExpressions(one, proxy)
				regex, rewritten = regex || isRegex, rewritten || isRewritten
			}
		case haproxyPathType.name, traefikMatcher.name:
			regex = regex || strings.Contains(strings.ToLower(value), "regex")
		case "path-regex": // nginx.org
			regex = regex || value != ""
		}
	}
	return regex, rewritten
}

// list splits what annotations and ConfigMaps separate by commas.
func list(text string) []string {
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

// configFlag reads a boolean of an ingress-nginx ConfigMap.
func configFlag(data map[string]string, key string) switching { return parsed(data[key]) }
