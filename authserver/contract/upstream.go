// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
)

// MaxUpstream is how many headers for applications an installation can have beside ours.
const MaxUpstream = 16

// An upstream header is named by the platform for applications that read who is calling
// from a header of their own, such as X-Webauth-User. It is an identity header as ours
// are: proxies set it to what our answer says on every request that passes.

// upstreamName: proxies drop names with an underscore, and each hyphen doubles the
// spellings that have to be taken off.
var upstreamName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+){0,4}$`)

const maxUpstreamName = 48

// ParseUpstream checks the names of upstream headers, and returns them in canonical form.
// The error holds all that is wrong.
func ParseUpstream(names []string) ([]string, error) {
	var out []string
	var errs []error
	for _, name := range names {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		problem := checkUpstream(name, canonical)
		if slices.Contains(out, canonical) {
			problem = "it is listed twice"
		}
		if problem != "" {
			errs = append(errs, fmt.Errorf("%q: %s", name, problem))
			continue
		}
		out = append(out, canonical)
	}
	if len(names) > MaxUpstream {
		errs = append(errs, fmt.Errorf("%d headers, at most %d", len(names), MaxUpstream))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

func checkUpstream(name, canonical string) string {
	switch {
	case len(name) > maxUpstreamName || !upstreamName.MatchString(name):
		return fmt.Sprintf("write a header's name such as X-Webauth-User: letters, digits and at most four hyphens, no underscore, "+
			"at most %d characters", maxUpstreamName)
	case slices.Contains(forUsers, canonical):
		return ""
	case slices.Contains(taken, canonical), slices.Contains(Asked(), canonical), slices.Contains(AllIdentity(), canonical):
		return "proxies, browsers or Ostiary itself use this header for something else; choose one that only tells who is calling"
	}
	for _, family := range takenFamilies {
		if strings.HasPrefix(canonical, family) {
			return fmt.Sprintf("proxies, browsers or Ostiary itself use headers that begin with %s for something else; "+
				"choose one that only tells who is calling", family)
		}
	}
	return ""
}

// forUsers tell who is calling, in families that are taken: as oauth2-proxy names them, and
// the Reverse Proxy Auth plugin of Jenkins.
var forUsers = []string{
	"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
	"X-Forwarded-Mail", "X-Forwarded-Displayname",
}

// takenFamilies begin the names of what says where a request came from, where it goes, how
// it is to be handled, or what a proxy or Ostiary decides by. A header there that we set
// would mislead the proxy or the application.
var takenFamilies = []string{
	"Accept-", "Access-Control-", "Alt-", "Cache-", "Cdn-", "Cf-", "Client-", "Cloudfront-", "Content-", "Fastly-", "Grpc-", "Http-",
	"Http2-", "If-",
	"Proxy-", "Sec-", "Ssl-", "Strict-", "X-Access-", "X-Accel-", "X-Amzn-", "X-Appengine-", "X-Azure-", "X-B3-",
	"X-Client-", "X-Cluster-", "X-Csrf-", "X-Envoy-", "X-Forwarded-", "X-Google-", "X-Http-", "X-Original-", "X-Ostiary-", "X-Real-",
	"X-Request", "X-Rewrite-",
	"X-Ssl-", "X-Tls-", "X-Traefik-", "X-Xsrf-",
}

// taken are the others: of one connection (RFC 9110 §7.6.1), of messages and their
// authentication, and those in which proxies tell us or an application of a request.
var taken = []string{
	"Accept", "Age", "Allow", "Authority", "Authorization", "Baggage", "Connection", "Cookie", "Cookie2", "Date", "Destination", "Dnt",
	"Early-Data", "Etag", "Expect",
	"Expires", "Forwarded", "From", "Front-End-Https", "Host", "Keep-Alive", "Last-Event-Id", "Link", "Location", "Max-Forwards",
	"Method", "Origin", "Overwrite",
	"Path", "Pragma", "Priority", "Range", "Referer", "Refresh", "Remote-Addr", "Scheme", "Server", "Set-Cookie", "Set-Cookie2",
	"Status", "Te", "Trailer",
	"Transfer-Encoding", "True-Client-Ip", "Traceparent", "Tracestate", "Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "Vary",
	"Via", "Warning", "Www-Authenticate",
	"X-Auth-Request-Redirect", "X-Code", "X-Correlation-Id", "X-Format", "X-Method-Override", "X-Scheme", "X-Namespace",
	"X-Ingress-Name", "X-Service-Name", "X-Service-Port",
	"X-Powered-By", "X-Frame-Options", "X-Content-Type-Options", "X-Country-Code", "X-Sendfile",
}
