// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"
	"strings"
)

// Messages that admission and Build share with the documentation.
const allOriginsWithCredentials = "CORS credentials are not permitted when all origins are allowed"

func (v *validator) cors(c *CORS) {
	const at = "spec.cors"
	if c.BypassPreflight {
		if c.hasOther() {
			v.wrong(at, "preflight: Bypass leaves all of CORS to the application, so no other field may be set")
		}
		return
	}
	v.oneOf(at, "allowAllOrigins", c.AllowAllOrigins, "allowedOrigins", len(c.AllowedOrigins), true)
	v.oneOf(at, "allowAllMethods", c.AllowAllMethods, "allowedMethods", len(c.AllowedMethods), true)
	v.oneOf(at, "allowAllHeaders", c.AllowAllHeaders, "allowedHeaders", len(c.AllowedHeaders), false)
	if c.AllowAllOrigins && c.AllowCredentials {
		v.wrong(at, "%s: list the origins in allowedOrigins", allOriginsWithCredentials)
	}
	if c.Tokens && (len(c.AllowedOrigins) == 0 || !c.AllowCredentials) {
		v.wrong(at+".tokens", "tokens are for the origins in allowedOrigins, and stand for credentials: list the origins, and set allowCredentials")
	}
	if c.MaxAge < -1 || c.MaxAge > 86400 {
		v.wrong(at+".maxAge", "%d: from -1 to 86400 seconds", c.MaxAge)
	}
	v.each(at+".allowedOrigins", c.AllowedOrigins, CheckOrigin)
	v.each(at+".allowedMethods", c.AllowedMethods, checkMethod)
	v.each(at+".allowedHeaders", c.AllowedHeaders, checkRequestHeader)
	v.each(at+".exposedHeaders", c.ExposedHeaders, checkExposedHeader)
	if c.AllowCredentials && slices.Contains(c.AllowedOrigins, "null") {
		v.unwise(at+".allowedOrigins", "\"null\" with allowCredentials: every sandboxed frame and data: document on the web has that origin, and may act as the signed-in user")
	}
}

func (c *CORS) hasOther() bool {
	return c.AllowAllOrigins || len(c.AllowedOrigins) > 0 || c.AllowAllMethods || len(c.AllowedMethods) > 0 ||
		c.AllowAllHeaders || len(c.AllowedHeaders) > 0 || c.AllowCredentials || c.MaxAge != 0 ||
		len(c.ExposedHeaders) > 0 || c.AllowPrivateNetwork || c.Tokens || c.ManageResponses
}

func (v *validator) oneOf(at, all string, allSet bool, list string, listed int, needed bool) {
	switch {
	case allSet && listed > 0:
		v.wrong(at, "%s and %s exclude each other; remove one of them", all, list)
	case needed && !allSet && listed == 0:
		v.wrong(at, "set one of %s and %s", all, list)
	}
}

func (v *validator) each(at string, values []string, check func(string) string) {
	twice := repeatsOf(values)
	for i, s := range values {
		if problem := check(s); problem != "" {
			v.wrong(item(at, i), "%q: %s", s, problem)
		} else if twice.again(i) {
			v.wrong(item(at, i), "%q: listed twice", s)
		}
	}
}

// CheckOrigin says what is wrong with an origin of a policy; empty: nothing. An
// origin is serialized as the HTML standard does ("ASCII serialization of an
// origin"), is "null", or has "*." as exactly one label.
func CheckOrigin(o string) string {
	if o == "null" {
		return ""
	}
	if o == "*" {
		return "for every origin, set allowAllOrigins"
	}
	scheme, rest, ok := strings.Cut(o, "://")
	switch {
	case !ok:
		return "the scheme is missing; write it like https://app.example.com"
	case !isScheme(scheme):
		return "the scheme is not one: letters, digits, \"+\", \"-\" and \".\", beginning with a letter"
	case strings.Contains(rest, "@"):
		return "an origin has no user information"
	case strings.ContainsAny(rest, "/?#"):
		return "an origin ends after the host and port; remove the path, the query and the trailing slash"
	case !isASCII(rest):
		return "write an international name in its xn-- form"
	case len(o) > maxOrigin:
		return "too long"
	default:
		return checkOriginHost(strings.ToLower(scheme), strings.ToLower(rest))
	}
}

func checkOriginHost(scheme, rest string) string {
	host, port, problem := splitOriginPort(rest)
	switch {
	case problem != "":
		return problem
	case scheme == "http" && port == "80", scheme == "https" && port == "443":
		return "remove :" + port + ", the default port; browsers never send it"
	case strings.Contains(host, "*"):
		return checkOriginPattern(scheme, host)
	case strings.HasPrefix(host, "["):
		return checkOriginIPv6(host)
	case checkLabels(host) != nil:
		return "the host is not a DNS name or an address"
	default:
		return ""
	}
}

// checkOriginIPv6 insists on the form that browsers send (RFC 5952), as any
// other would never match.
func checkOriginIPv6(host string) string {
	a, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
	switch {
	case err != nil || !a.Is6() || a.Zone() != "" || !strings.HasSuffix(host, "]"):
		return "what stands in the brackets is not an IPv6 address"
	case a.Is4In6():
		return "write the IPv4 address"
	case host != "["+a.String()+"]":
		return "write the address in its short form, [" + a.String() + "]"
	default:
		return ""
	}
}

func splitOriginPort(rest string) (host, port, problem string) {
	i := strings.LastIndexByte(rest, ':')
	if i < 0 || strings.IndexByte(rest[i:], ']') >= 0 {
		return rest, "", ""
	}
	if !validPort(rest[i+1:]) || rest[i+1] == '0' {
		return "", "", "the port is not a number from 1 to 65535"
	}
	return rest[:i], rest[i+1:], ""
}

func checkOriginPattern(scheme, host string) string {
	labels, ok := strings.CutPrefix(host, "*.")
	switch {
	case !ok || strings.Contains(labels, "*"):
		return "\"*\" can only be the whole first label of the host, as in https://*.example.com"
	case !isHTTP(scheme):
		return "a pattern needs http or https"
	case checkLabels(labels) != nil:
		return "the host is not a DNS name"
	case isNumericTLD(labels):
		return "an address has no subdomains"
	case !strings.Contains(labels, ".") && labels != "localhost":
		return "too wide: \"*.\" needs at least two labels after it"
	default:
		return ""
	}
}

// isScheme: RFC 3986 §3.1.
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

func checkMethod(m string) string {
	switch {
	case m == "*":
		return "for every method, set allowAllMethods"
	case !isToken(m) || len(m) > maxMethod:
		return "not a method (RFC 9110 token of at most 64 characters)"
	case isForbiddenMethod(m):
		return "browsers never send it (forbidden method of the Fetch standard)"
	case m == strings.ToLower(m) && m != strings.ToUpper(m):
		return "methods are case-sensitive; write " + strings.ToUpper(m)
	default:
		return ""
	}
}

// Forbidden request-headers of the Fetch standard, §2.2.2.
var forbiddenRequestHeaders = []string{
	"accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-local-network",
	"access-control-request-method", "access-control-request-private-network", "connection", "content-length", "cookie", "cookie2", "date", "dnt",
	"expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te", "trailer", "transfer-encoding",
	"upgrade", "via",
}

func checkRequestHeader(h string) string {
	l := strings.ToLower(h)
	switch {
	case h == "*":
		return "for every header, set allowAllHeaders"
	case !isToken(h) || len(h) > 128:
		return "not a header name (RFC 9110 token of at most 128 characters)"
	case strings.HasPrefix(l, "sec-"), strings.HasPrefix(l, "proxy-"), slices.Contains(forbiddenRequestHeaders, l):
		return "scripts cannot set it (forbidden request-header of the Fetch standard)"
	default:
		return ""
	}
}

func checkExposedHeader(h string) string {
	switch {
	case h == "*":
		return "list the names; \"*\" is a literal name on requests with credentials"
	case !isToken(h) || len(h) > 128:
		return "not a header name (RFC 9110 token of at most 128 characters)"
	case strings.EqualFold(h, "set-cookie"), strings.EqualFold(h, "set-cookie2"):
		return "scripts cannot read it (forbidden response-header name of the Fetch standard)"
	default:
		return ""
	}
}
