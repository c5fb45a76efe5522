// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Messages that admission and Build share with the documentation.
const allOriginsWithCredentials = "CORS credentials are not permitted when all origins are allowed"

func (v *validator) cors(c *CORS) {
	const at = "spec.cors"
	if c.BypassPreflight {
		if c.hasOther() {
			v.wrong(at, codeBypassAlone, "preflight: Bypass leaves all of CORS to the application, so no other field may be set")
		}
		return
	}
	v.oneOf(at, "allowAllOrigins", c.AllowAllOrigins, "allowedOrigins", len(c.AllowedOrigins), true)
	v.oneOf(at, "allowAllMethods", c.AllowAllMethods, "allowedMethods", len(c.AllowedMethods), true)
	v.oneOf(at, "allowAllHeaders", c.AllowAllHeaders, "allowedHeaders", len(c.AllowedHeaders), false)
	if c.AllowAllOrigins && c.AllowCredentials {
		v.wrong(at, codeAllCredentials, "%s: list the origins in allowedOrigins", allOriginsWithCredentials)
	}
	if c.Tokens && (len(c.AllowedOrigins) == 0 || !c.AllowCredentials) {
		v.wrong(at+".tokens", codeTokens, "tokens are for the origins in allowedOrigins, and stand for credentials: list "+
			"the origins, and set allowCredentials")
	}
	if c.MaxAge < -1 || c.MaxAge > 86400 {
		v.wrong(at+".maxAge", codeMaxAge, "%d: from -1 to 86400 seconds", c.MaxAge)
	}
	v.each(at+".allowedOrigins", c.AllowedOrigins, checkOrigin)
	v.each(at+".allowedMethods", c.AllowedMethods, checkMethod)
	v.each(at+".allowedHeaders", c.AllowedHeaders, checkRequestHeader)
	v.each(at+".exposedHeaders", c.ExposedHeaders, checkExposedHeader)
	if c.AllowPrivateNetwork {
		v.unwise(at+".allowPrivateNetwork", codePrivateNetwork, "no browser asks for it any more: since Chromium 142 the person is asked "+
			"whether a page may reach devices on the local network (Local Network Access), and no header takes part in that")
	}
	if c.AllowCredentials {
		v.trusted(at+".allowedOrigins", c.AllowedOrigins)
	}
}

// trusted warns of origins that others can have, where their pages act as the signed-in user.
func (v *validator) trusted(at string, list []string) {
	if slices.Contains(list, "null") {
		v.unwise(at, codeNullOrigin, "\"null\" with allowCredentials: every sandboxed frame and data: "+
			"document on the web has that origin, and may act as the signed-in user")
	}
	for i, o := range list {
		if isPlain(o) {
			v.unwise(item(at, i), codePlainOrigin, strconv.Quote(o)+" with allowCredentials: plain http, so whoever is on the network "+
				"between can put a script into its pages, which may act as the signed-in user; use https")
		}
	}
}

// isPlain reports whether pages of a valid origin cross a network unencrypted.
func isPlain(o string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(o), "http://")
	host, _, wrong := splitOriginPort(rest)
	return ok && !wrong.found() && !checkOrigin(o).found() && !isLoopback(host)
}

func (c *CORS) hasOther() bool {
	return c.AllowAllOrigins || len(c.AllowedOrigins) > 0 || c.AllowAllMethods || len(c.AllowedMethods) > 0 ||
		c.AllowAllHeaders || len(c.AllowedHeaders) > 0 || c.AllowCredentials || c.MaxAge != 0 ||
		len(c.ExposedHeaders) > 0 || c.AllowPrivateNetwork || c.Tokens || c.ManageResponses
}

func (v *validator) oneOf(at, all string, allSet bool, list string, listed int, needed bool) {
	switch {
	case allSet && listed > 0:
		v.wrong(at, codeExclusive, "%s and %s exclude each other; remove one of them", all, list)
	case needed && !allSet && listed == 0:
		v.wrong(at, codeOneOf, "set one of %s and %s", all, list)
	}
}

func (v *validator) each(at string, values []string, check func(string) problem) {
	twice := repeatsOf(values)
	for i, s := range values {
		if p := check(s); p.found() {
			v.wrong(item(at, i), p.code, "%q: %s", s, p.text)
		} else if twice.again(i) {
			v.wrong(item(at, i), codeListedTwice, "%q: listed twice", s)
		}
	}
}

// CheckOrigin says what is wrong with an origin of a policy; empty: nothing. An
// origin is serialized as the HTML standard does ("ASCII serialization of an
// origin"), is "null", has "*" within the first label, or ":*" for the ports of this machine.
func CheckOrigin(o string) string { return checkOrigin(o).text }

func checkOrigin(o string) problem {
	if o == "null" {
		return problem{}
	}
	if o == "*" {
		return problem{codeOriginAll, "for every origin, set allowAllOrigins"}
	}
	scheme, rest, ok := strings.Cut(o, "://")
	switch {
	case o == "", strings.EqualFold(o, "null"):
		return problem{codeOriginNoScheme, "the scheme is missing; for the origin null, write \"null\" in quotes and lower case"}
	case !ok:
		return problem{codeOriginNoScheme, "the scheme is missing; write it like https://app.example.com"}
	case !isScheme(scheme):
		return problem{codeOriginScheme, "the scheme is not one: letters, digits, \"+\", \"-\" and \".\", beginning with a letter"}
	case strings.Contains(rest, "@"):
		return problem{codeOriginUser, "an origin has no user information"}
	case strings.ContainsAny(rest, "/?#"):
		return problem{originEnd(rest), "an origin ends after the host and port; remove the path, the query and the trailing slash"}
	case !isASCII(rest):
		return problem{codeOriginUnicode, "write an international name in its xn-- form"}
	case len(o) > maxOrigin:
		return problem{codeOriginLength, "too long"}
	default:
		return checkOriginHost(strings.ToLower(scheme), strings.ToLower(rest))
	}
}

// originEnd tells a mere trailing slash from a path.
func originEnd(rest string) Code {
	if strings.IndexAny(rest, "/?#") == len(rest)-1 && strings.HasSuffix(rest, "/") {
		return codeOriginSlash
	}
	return codeOriginPath
}

func checkOriginHost(scheme, rest string) problem {
	host, port, wrong := splitOriginPort(rest)
	switch {
	case wrong.found():
		return wrong
	case isHTTP(scheme) && isDefaultPort(scheme == "https", port):
		return problem{codeDefaultPort, "remove :" + port + ", the default port; browsers never send it"}
	case strings.Contains(rest, "*"):
		return checkOriginPattern(scheme, host, port)
	default:
		return checkOriginName(host)
	}
}

func checkOriginName(host string) problem {
	switch {
	case strings.HasPrefix(host, "["):
		return checkOriginIPv6(host)
	case checkLabels(host) != nil:
		return problem{codeOriginHost, "the host is not a DNS name or an address"}
	default:
		return problem{}
	}
}

// checkOriginIPv6 insists on the form that browsers send (RFC 5952), as any
// other would never match.
func checkOriginIPv6(host string) problem {
	a, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
	switch {
	case err != nil || !a.Is6() || a.Zone() != "" || !strings.HasSuffix(host, "]"):
		return problem{codeIPv6, "what stands in the brackets is not an IPv6 address"}
	case a.Is4In6():
		return problem{codeIPv6Mapped, "write the IPv4 address"}
	case host != "["+a.String()+"]":
		return problem{codeIPv6Form, "write the address in its short form, [" + a.String() + "]"}
	default:
		return problem{}
	}
}

func splitOriginPort(rest string) (host, port string, wrong problem) {
	i := strings.LastIndexByte(rest, ':')
	if i < 0 || strings.Contains(rest[i:], "]") {
		return rest, "", problem{}
	}
	if rest[i+1:] == "*" {
		return rest[:i], "*", problem{}
	}
	if !validPort(rest[i+1:]) || rest[i+1] == '0' {
		return "", "", problem{codeOriginPort, "the port is not a number from 1 to 65535"}
	}
	return rest[:i], rest[i+1:], problem{}
}

// checkOriginPattern judges an origin with "*", in lower case.
func checkOriginPattern(scheme, host, port string) problem {
	switch {
	case strings.Count(host+port, "*") > 1:
		return problem{codeOriginWildcard, "at most one \"*\""}
	case !isHTTP(scheme):
		return problem{codePatternScheme, "a pattern needs http or https"}
	case port != "*":
		return checkOriginLabel(host)
	case checkOriginName(host).found():
		return checkOriginName(host)
	case !isLoopback(host):
		return problem{codePortWildcard, "\":*\", any port, is for this machine only: localhost, a name below .localhost, 127.0.0.1 " +
			"and [::1]; list each port of another host"}
	default:
		return problem{}
	}
}

// checkOriginLabel: "*" cannot be anywhere but in the label that the owner of a domain
// gives out last.
func checkOriginLabel(host string) problem {
	label, zone, ok := strings.Cut(host, ".")
	switch {
	case !strings.Contains(label, "*"):
		return problem{codeOriginWildcard, "\"*\" can only be within the first label of the host, as in https://*.example.com and " +
			"https://pr-*.example.com"}
	case checkLabels(strings.Replace(host, "*", "x", 1)) != nil:
		return problem{codeOriginHost, "the host is not a DNS name"}
	case isNumericTLD(zone) && ok:
		return problem{codePatternAddress, "an address has no subdomains"}
	case !strings.Contains(zone, ".") && zone != "localhost":
		return problem{codePatternWide, "too wide: at least two labels follow the one with \"*\", as in https://*.example.com"}
	default:
		return problem{}
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

func checkMethod(m string) problem {
	switch {
	case m == "*":
		return problem{codeMethodAll, "for every method, set allowAllMethods"}
	case !isToken(m) || len(m) > maxMethod:
		return problem{codeMethod, "not a method (RFC 9110 token of at most 64 characters)"}
	case isForbiddenMethod(m):
		return problem{codeMethodForbidden, "browsers never send it (forbidden method of the Fetch standard)"}
	case m == strings.ToLower(m) && m != strings.ToUpper(m):
		return problem{codeMethodCase, "methods are case-sensitive; write " + strings.ToUpper(m)}
	default:
		return problem{}
	}
}

// Forbidden request-headers of the Fetch standard, §2.2.2.
var forbiddenRequestHeaders = []string{
	"accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-local-network",
	"access-control-request-method", "access-control-request-private-network", "connection", "content-length",
	"cookie", "cookie2", "date", "dnt", "expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te", "trailer",
	"transfer-encoding",
	"upgrade", "via",
}

func checkRequestHeader(h string) problem {
	l := strings.ToLower(h)
	switch {
	case h == "*":
		return problem{codeHeaderAll, "for every header, set allowAllHeaders"}
	case !isToken(h) || len(h) > 128:
		return problem{codeHeader, "not a header name (RFC 9110 token of at most 128 characters)"}
	case strings.HasPrefix(l, "sec-"), strings.HasPrefix(l, "proxy-"), slices.Contains(forbiddenRequestHeaders, l):
		return problem{codeHeaderForbidden, "scripts cannot set it (forbidden request-header of the Fetch standard)"}
	default:
		return problem{}
	}
}

func checkExposedHeader(h string) problem {
	switch {
	case h == "*":
		return problem{codeExposedAll, "list the names; \"*\" is a literal name on requests with credentials"}
	case !isToken(h) || len(h) > 128:
		return problem{codeHeader, "not a header name (RFC 9110 token of at most 128 characters)"}
	case strings.EqualFold(h, "set-cookie"), strings.EqualFold(h, "set-cookie2"):
		return problem{codeExposedHidden, "scripts cannot read it (forbidden response-header name of the Fetch standard)"}
	default:
		return problem{}
	}
}
