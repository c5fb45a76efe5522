// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

// A Site is what a browser says of who made it ask (Fetch Metadata, Sec-Fetch-Site).
// The zero Site is nothing: a client that is no browser, or an old one.
type Site uint8

// The values of Sec-Fetch-Site.
const (
	SiteUnsaid Site = iota
	SiteOwn         // "same-origin"; and "none": the person did, no page
	SiteNear        // "same-site": another host of the domain
	SiteOther       // "cross-site", and whatever cannot be read
)

// foreign reports whether a page that the policy does not know may have made the
// browser ask for what changes something, or opens a WebSocket. For such a request no
// cookie is enough: browsers send those along whoever makes them.
//
// The policy knows pages of the host itself and of the origins that its CORS lists.
// Without Fetch Metadata the Origin tells, which browsers send along with every such
// request; where there is neither, no browser asks.
func (a *app) foreign(r *Request) bool {
	switch {
	case a.crossSite, !r.changes() && !r.WebSocket:
		return false
	case r.OriginUnread:
		return true
	case r.Site == SiteOwn, r.Site == SiteUnsaid && r.Origin == "", r.Site != SiteOther && r.fromOwnHost():
		return false
	}
	return !a.cors.listsOrigin(r.Origin)
}

// changes reports whether the request is none that only reads (RFC 9110 §9.2.1).
// TRACE is none that anybody needs.
func (r *Request) changes() bool {
	return r.Method != "GET" && r.Method != "HEAD" && r.Method != "OPTIONS"
}

// fromOwnHost reports whether the Origin is the host's own. Its scheme cannot be told:
// the proxy may end TLS. Nor can its port, where the proxy does not show it; but browsers
// send the cookies of a host to all of its ports anyway.
func (r *Request) fromOwnHost() bool {
	scheme, host, ok := strings.Cut(r.Origin, "://")
	if !ok || !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, "http") {
		return false
	}
	host, port, hasPort := strings.Cut(host, ":") // a policy's host is a name, and has no colon
	if hasPort && (port == "" || strings.Trim(port, "0123456789") != "") {
		return false
	}
	if r.Port != "" && standardPort(r.Port) != standardPort(port) {
		return false
	}
	return r.Target.host != "" && strings.EqualFold(strings.TrimSuffix(host, "."), r.Target.host)
}

// standardPort leaves out a port that browsers leave out.
func standardPort(port string) string {
	if port == "80" || port == "443" {
		return ""
	}
	return port
}

// listsOrigin reports whether an origin is one of the allowed ones. Where all are allowed,
// it is without credentials, and none is listed.
func (c *cors) listsOrigin(origin string) bool {
	return c != nil && !c.allOrigins && c.allowsOrigin(origin)
}
