// SPDX-License-Identifier: Apache-2.0

package har

import (
	"slices"
	"strings"
	"time"
)

// corsCheck is the CORS check of the Fetch standard (§4.10) of an answer, for an origin as the
// request had it. Whether the request was made with credentials is known only if it had
// some: asks says so. The empty Cause: the page may read the answer.
func corsCheck(h Headers, origin string, credentials bool) (Cause, string) {
	allowed := h["access-control-allow-origin"]
	value := strings.TrimSpace(h.Get("access-control-allow-origin"))
	switch {
	case len(allowed) == 0:
		return AllowOriginMissing, "the answer has no Access-Control-Allow-Origin"
	case len(allowed) > 1 || strings.Contains(value, ","):
		return AllowOriginTwice, "Access-Control-Allow-Origin is " + quote(value) + ": browsers take one value only"
	case value == "*" && credentials:
		return WildcardCredentials, `Access-Control-Allow-Origin is "*", and the request has credentials`
	case value == "*":
		return "", ""
	case value != origin:
		return AllowOriginDiffers, "Access-Control-Allow-Origin is " + quote(value) + ", and the page's origin is " + quote(origin)
	case credentials && h.Get("access-control-allow-credentials") != "true":
		is := "is missing"
		if v := h.Get("access-control-allow-credentials"); v != "" {
			is = "is " + quote(v) + `, and only "true" counts`
		}
		return CredentialsNotAllowed, "the request has credentials, and Access-Control-Allow-Credentials " + is
	}
	return "", ""
}

// preflightCheck is what follows it in a CORS-preflight fetch (§4.8), once the status is 2xx:
// method and headers, for what the preflight asked.
func preflightCheck(p *Entry, credentials bool) (Cause, string) {
	asked := p.Request.Get("access-control-request-method")
	if list := p.Response.List("access-control-allow-methods"); !slices.Contains(list, asked) && !isSimpleMethod(asked) &&
		(credentials || !slices.Contains(list, "*")) {
		return MethodNotListed, "Access-Control-Allow-Methods lists " + these(list) + ", and not " + asked
	}
	list := p.Response.List("access-control-allow-headers")
	for _, name := range p.Request.List("access-control-request-headers") {
		all := slices.Contains(list, "*") && !credentials
		switch {
		case listed(list, name), all && !strings.EqualFold(name, "authorization"):
		case all:
			return HeaderNotListed, `Access-Control-Allow-Headers is "*", which does not cover Authorization`
		default:
			return HeaderNotListed, "Access-Control-Allow-Headers lists " + these(list) + ", and not " + name
		}
	}
	return "", ""
}

// isSimpleMethod: CORS-safelisted, so that it need not be listed.
func isSimpleMethod(m string) bool { return m == "GET" || m == "HEAD" || m == "POST" }

// hasCredentials reports whether a request was made with credentials. What it had tells; a
// preflight has none itself, whatever the request that follows has.
func (e *Entry) hasCredentials() bool {
	return len(e.Cookies) > 0 || e.Request.Has("sec-fetch-storage-access") // Chrome sends that with credentials alone
}

// over reports whether a cookie that was set was gone by a time.
func (c *SetCookie) over(by time.Time) bool {
	return c.MaxAge > 0 && !c.at.IsZero() && by.After(c.at.Add(c.MaxAge))
}

// rejected says why no browser keeps a cookie (RFC 6265bis §5.7); empty: it does.
func (c *SetCookie) rejected(from Address) string {
	name := strings.ToLower(c.Name)
	for _, rule := range []struct {
		broken bool
		why    string
	}{
		{c.Size > 4096, "name and value have more than 4096 bytes"},
		{c.Secure && !from.isSecure(), "it is Secure, and was set without TLS"},
		{c.SameSite == "none" && !c.Secure, "it is SameSite=None without Secure"},
		{c.Partitioned && !c.Secure, "it is Partitioned without Secure"},
		{strings.HasPrefix(name, "__host-") && (!c.Secure || c.Domain != "" || c.Path != "/"),
			"__Host- in its name wants Secure, Path=/ and no Domain"},
		{strings.HasPrefix(name, "__secure-") && !c.Secure, "__Secure- in its name wants Secure"},
		{c.Domain != "" && !within(from.name(), c.Domain), "its Domain " + quote(c.Domain) + " is not that of " + from.name()},
	} {
		if rule.broken {
			return rule.why
		}
	}
	return ""
}

// within: a host is a domain, or below it (RFC 6265bis §5.1.3).
func within(host, domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }
