// SPDX-License-Identifier: Apache-2.0

package har

import (
	"fmt"
	"slices"
	"strings"
)

// A csp is a page's Content-Security-Policy, as far as it says from where things may come:
// sources by directive, without nonces and hashes.
type csp map[string][]string

// cspDirectives are those that are read, each for the types of requests that it is about.
// What none of them is for goes by default-src (CSP Level 3 §6.8).
var cspDirectives = map[string][]string{
	"connect-src": {"fetch", "xhr", "eventsource", "websocket", "ping", "preflight"}, "img-src": {"image"}, "script-src": {"script"},
	"script-src-elem": {"script"}, "style-src": {"stylesheet"}, "font-src": {"font"}, "media-src": {"media", "texttrack"},
	"manifest-src": {"manifest"}, "default-src": nil,
}

// parseCSP reads the headers of an answer. A policy that is there twice is enforced twice:
// the first that is read counts, which is no proof that the others allow it.
func parseCSP(raw []rawHeader) csp {
	out := csp{}
	for directive := range strings.SplitSeq(first(raw, "content-security-policy"), ";") {
		words := strings.Fields(strings.ToLower(directive))
		if len(words) == 0 || len(words) > maxHeaders || out[words[0]] != nil {
			continue
		}
		if _, known := cspDirectives[words[0]]; known {
			out[words[0]] = sources(words[1:])
		}
	}
	return out
}

// sources are those without nonces, hashes, and the paths of hosts.
func sources(words []string) []string {
	out := []string{}
	for _, w := range words {
		_, rest, has := strings.Cut(w, "://")
		if !has {
			rest = w
		}
		if host, _, _ := strings.Cut(rest, "/"); len(w) <= 128 && !strings.HasPrefix(w, "'nonce-") && !strings.HasPrefix(w, "'sha") {
			out = append(out, w[:len(w)-len(rest)]+host)
		}
	}
	return out
}

// blocks says which directive keeps a page from a request; empty: none does.
func (c csp) blocks(e *Entry, page Address) string {
	name := "default-src"
	for directive, types := range cspDirectives {
		if _, has := c[directive]; has && slices.Contains(types, e.Type) && (name == "default-src" || directive == "script-src-elem") {
			name = directive
		}
	}
	sources, has := c[name]
	if !has || slices.ContainsFunc(sources, func(s string) bool { return matchSource(s, e.URL, page) }) {
		return ""
	}
	return name
}

// matchSource: an address is one of a source expression (CSP Level 3 §6.7.2.8), whatever
// its path is: a source that is too narrow in that alone is not found.
func matchSource(source string, a, page Address) bool {
	switch {
	case source == "*":
		return true
	case source == "'self'":
		return a.Origin() == page.Origin()
	case strings.HasPrefix(source, "'"):
		return false
	case strings.HasSuffix(source, ":"):
		return matchScheme(strings.TrimSuffix(source, ":"), a.Scheme)
	}
	scheme, rest, has := strings.Cut(source, "://")
	if !has {
		scheme, rest = page.Scheme, source
	}
	return matchScheme(scheme, a.Scheme) && matchHost(rest, a)
}

// matchScheme: a safer one than was said will do.
func matchScheme(said, is string) bool {
	safer := map[string][]string{"http": {"https", "ws", "wss"}, "https": {"wss"}, "ws": {"wss"}}
	return said == is || slices.Contains(safer[said], is)
}

// matchHost compares a host-source, without its path.
func matchHost(source string, a Address) bool {
	host, _, _ := strings.Cut(source, "/")
	host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":*")
	if zone, wild := strings.CutPrefix(host, "*"); wild {
		return strings.HasSuffix(a.name(), zone)
	}
	return host == a.Host || host == a.name()
}

// ofCSP: the page's own policy kept it from a request, which Chrome exports without an error.
func (d *diagnosis) ofCSP(i int, e *Entry) (Cause, string) {
	if e.Error != "" || e.Type == "document" || e.Request.Has("sec-fetch-mode") {
		return "", ""
	}
	for j := i - 1; j >= 0; j-- {
		page := d.log.Entries[j]
		if page.csp == nil || page.redirects() || page.URL.Origin() != e.Page.Origin() {
			continue
		}
		if directive := page.csp.blocks(e, page.URL); directive != "" {
			listed := these(page.csp[directive])
			return BlockedByCSP, fmt.Sprintf("%s of the page %s lists %s, and not %s", directive, page.URL, listed, e.URL.Origin())
		}
		return "", ""
	}
	return "", ""
}
