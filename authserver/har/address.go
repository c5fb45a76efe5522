// SPDX-License-Identifier: Apache-2.0

package har

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// An Address is a URL without what may be a secret: user, query, fragment, and segments of
// the path that look like one.
type Address struct {
	Scheme string // in lower case
	Host   string // with the port, if that is not the scheme's own
	Path   string
	Query  bool // there was one
	Cut    bool // there was a segment that is left out
}

// maxSegment is how long a segment of a path may be to be shown: a UUID has 36 characters, and
// 32 random bytes in base64 have 43.
const maxSegment = 36

// hidden is what stands for what is left out.
const hidden = "…"

// parseAddress reads a URL; the zero Address is for what is none.
func parseAddress(text string) (a Address) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return a
	}
	if u.Host == "" {
		if scheme := strings.ToLower(u.Scheme); scheme == "data" || scheme == "file" {
			a.Scheme = scheme
		}
		return a
	}
	a.Scheme, a.Query = strings.ToLower(u.Scheme), u.RawQuery != "" || u.ForceQuery
	a.Host = strings.ToLower(u.Host)
	if port := map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}[a.Scheme]; u.Port() == port && port != "" {
		a.Host = strings.TrimSuffix(a.Host, ":"+port)
	}
	segments := strings.Split(u.EscapedPath(), "/")
	for i, s := range segments {
		name, _, has := strings.Cut(s, ";") // behind it are parameters, such as jsessionid (RFC 3986 §3.3)
		if looksSecret(name) {
			name, has = "", true
		}
		if has {
			segments[i], a.Cut = name+hidden, true
		}
	}
	if a.Path = strings.Join(segments, "/"); a.Path == "" {
		a.Path = "/"
	}
	return a
}

// looksSecret reports whether a segment looks like a token: long, the JSON of a JWT in base64,
// 32 and more hexadecimal digits, or 20 and more characters of all three kinds.
func looksSecret(s string) bool {
	const lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	switch {
	case len(s) > maxSegment, strings.Contains(s, "eyJ"):
		return true
	case len(s) >= 32 && strings.Trim(s, digits+"abcdefABCDEF") == "":
		return true
	}
	return len(s) >= 20 && strings.ContainsAny(s, lower) && strings.ContainsAny(s, upper) && strings.ContainsAny(s, digits)
}

// relative is where a Location leads that an address answered; empty: nowhere.
func relative(base, location string) string {
	from, err := url.Parse(base)
	if err != nil || location == "" {
		return ""
	}
	to, err := from.Parse(location)
	if err != nil {
		return ""
	}
	return to.String()
}

// String is for people.
func (a Address) String() string {
	if a.Host == "" {
		return "(not a URL)"
	}
	text := a.Scheme + "://" + a.Host + a.Path
	if a.Query {
		text += "?" + hidden
	}
	return text
}

// Origin is the serialized origin (HTML standard), which is empty for none.
func (a Address) Origin() string {
	scheme := a.Scheme
	switch scheme { // WebSockets have the origin of a page's scheme
	case "ws":
		scheme = "http"
	case "wss":
		scheme = "https"
	}
	if a.Host == "" || scheme != "http" && scheme != "https" && !strings.HasSuffix(scheme, "-extension") {
		return ""
	}
	return scheme + "://" + a.Host
}

// isOpaque: pages of it have the origin null (HTML standard).
func (a Address) isOpaque() bool { return a.Host == "" && a.Scheme != "" }

// name is the host without its port.
func (a Address) name() string {
	u := url.URL{Host: a.Host}
	return u.Hostname()
}

// site is what SameSite compares: scheme and registrable domain, or address.
func (a Address) site() string {
	name := a.name()
	if domain, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		name = domain
	}
	return strings.TrimSuffix(a.Origin(), a.Host) + name
}

// isLoopback: a page with TLS may call it without (W3C Secure Contexts §3.1).
func (a Address) isLoopback() bool {
	name := a.name()
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback() || name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// isSecure: what it sends can be trusted by a page with TLS.
func (a Address) isSecure() bool { return a.Scheme == "https" || a.Scheme == "wss" || a.isLoopback() }
