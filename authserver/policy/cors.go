// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strconv"
	"strings"
)

// maxRequestHeaders bounds an Access-Control-Request-Headers that is echoed:
// proxies drop answers whose header section is larger than 4 KiB.
const maxRequestHeaders = 2 << 10

// maxOrigin bounds an Origin: a scheme, a DNS name and a port fit easily.
const maxOrigin = 512

// maxMethod bounds an Access-Control-Request-Method, which is echoed too.
const maxMethod = 64

// A Preflight is what a CORS-preflight fetch asks (Fetch standard §4.8). The
// zero Preflight is none.
type Preflight struct {
	Method         string // Access-Control-Request-Method; empty: this is no preflight
	Headers        string // Access-Control-Request-Headers, lines joined with ","
	PrivateNetwork bool   // Access-Control-Request-Private-Network: true
}

// CORSHeaders are values of Access-Control-* response headers. An empty string
// or false means that the header is absent.
type CORSHeaders struct {
	AllowOrigin         string
	AllowCredentials    bool
	AllowMethods        string
	AllowHeaders        string
	MaxAge              string
	ExposeHeaders       string
	AllowPrivateNetwork bool
}

// cors is a CORS compiled. The zero cors admits nothing.
type cors struct {
	bypass      bool
	allOrigins  bool
	origins     origins
	framers     string
	allMethods  bool
	methods     []string
	allHeaders  bool
	headers     set // lower case
	credentials bool
	maxAge      string
	expose      string
	private     bool
	manage      bool
	tokens      bool
}

func compileCORS(c *CORS) *cors {
	if c == nil {
		return nil
	}
	out := &cors{
		bypass:      c.BypassPreflight,
		allOrigins:  c.AllowAllOrigins,
		allMethods:  c.AllowAllMethods,
		allHeaders:  c.AllowAllHeaders,
		credentials: c.AllowCredentials && !c.AllowAllOrigins,
		expose:      strings.Join(c.ExposedHeaders, ", "),
		private:     c.AllowPrivateNetwork,
		manage:      c.ManageResponses,
		tokens:      c.Tokens && c.AllowCredentials && !c.AllowAllOrigins && !c.BypassPreflight,
	}
	switch {
	case c.MaxAge > 0:
		out.maxAge = strconv.Itoa(c.MaxAge)
	case c.MaxAge < 0:
		out.maxAge = "0"
	}
	out.lists(c)
	return out
}

// lists compiles the lists of a CORS.
func (out *cors) lists(c *CORS) {
	// All in one piece, as they are read one after the other.
	texts := make([]string, 0, len(c.AllowedMethods)+len(c.AllowedOrigins)+len(c.AllowedHeaders)+1)
	texts = append(texts, c.AllowedMethods...)
	out.methods, texts = texts[:len(texts):len(texts)], texts[len(texts):]
	texts = out.origins.compile(c.AllowedOrigins, texts)
	if !c.AllowAllOrigins {
		out.framers = framers(c.AllowedOrigins)
	}
	for _, h := range c.AllowedHeaders {
		texts = append(texts, strings.ToLower(h))
	}
	if out.tokens && !slices.Contains(texts, "authorization") { // it is how a token travels
		texts = append(texts, "authorization")
	}
	out.headers = newSet(texts)
}

// Lists reports whether pages of the origin are among those that may call.
func (c *CORS) Lists(origin string) bool { return compileCORS(c).allowsOrigin(origin) }

func isHTTP(scheme string) bool { return scheme == "http" || scheme == "https" }

// preflight answers, or refuses with a reason.
func (c *cors) preflight(origin string, p *Preflight) (CORSHeaders, Reason) {
	if !c.allowsOrigin(origin) {
		return CORSHeaders{}, OriginNotAllowed
	}
	if !c.allowsMethod(p.Method) {
		return CORSHeaders{}, MethodNotAllowed
	}
	if !c.allowsHeaders(p.Headers) {
		return CORSHeaders{}, HeaderNotAllowed
	}
	return CORSHeaders{
		AllowOrigin:         c.allowOrigin(origin),
		AllowCredentials:    c.credentials,
		AllowMethods:        p.Method,
		AllowHeaders:        strings.Trim(p.Headers, " \t,"),
		MaxAge:              c.maxAge,
		AllowPrivateNetwork: c.private && p.PrivateNetwork,
	}, NoReason
}

// readable returns the headers that let a page of origin read an answer, if
// it may. Whether an answer is the application's or ours makes no difference.
func (c *cors) readable(origin string) CORSHeaders {
	if c == nil || c.bypass || !c.allowsOrigin(origin) {
		return CORSHeaders{}
	}
	return CORSHeaders{
		AllowOrigin:      c.allowOrigin(origin),
		AllowCredentials: c.credentials,
		ExposeHeaders:    c.expose,
	}
}

// takesTokens reports whether pages of the origin may call with a token that they
// got at their own host.
func (c *cors) takesTokens(origin string) bool {
	return c != nil && c.tokens && c.allowsOrigin(origin)
}

// allowOrigin is what is echoed: an origin that equals a configured one but for
// case, so that nothing unvetted is ever sent back.
func (c *cors) allowOrigin(origin string) string {
	if c.allOrigins {
		return "*"
	}
	return origin
}

func (c *cors) allowsOrigin(origin string) bool {
	if origin == "" || len(origin) > maxOrigin {
		return false
	}
	if c.allOrigins {
		return true
	}
	return c.origins.allows(origin)
}

func (c *cors) allowsMethod(m string) bool {
	if c.allMethods {
		return len(m) <= maxMethod && isToken(m) && !isForbiddenMethod(m)
	}
	return slices.Contains(c.methods, m) // case-sensitive: RFC 9110 §9.1
}

// allowsHeaders checks a list of header names in one pass.
func (c *cors) allowsHeaders(list string) bool {
	if len(list) > maxRequestHeaders {
		return false
	}
	for list != "" {
		var name string
		name, list, _ = strings.Cut(list, ",")
		name = strings.Trim(name, " \t")
		if name == "" {
			continue // empty list elements are legal: RFC 9110 §5.6.1
		}
		if !c.allowsHeader(name) {
			return false
		}
	}
	return true
}

func (c *cors) allowsHeader(name string) bool {
	if c.allHeaders {
		return isToken(name)
	}
	if c.headers.has(name) {
		return true
	}
	var buf [128]byte
	if len(name) > len(buf) {
		return false
	}
	lower, changed := appendLower(buf[:0], name)
	return changed && c.headers.hasBytes(lower)
}

func appendLower(dst []byte, s string) (lower []byte, changed bool) {
	for i := range len(s) {
		ch := s[i]
		if ch >= 'A' && ch <= 'Z' {
			ch += 'a' - 'A'
			changed = true
		}
		dst = append(dst, ch)
	}
	return dst, changed
}

func isLabelByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// isToken: RFC 9110 §5.6.2.
func isToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// isForbiddenMethod: Fetch standard, "forbidden method".
func isForbiddenMethod(m string) bool {
	return strings.EqualFold(m, "CONNECT") || strings.EqualFold(m, "TRACE") || strings.EqualFold(m, "TRACK")
}
