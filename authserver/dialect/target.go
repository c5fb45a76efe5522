// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// target is the one door from what a proxy says to a host and a path. Every dialect
// takes it, so that no two of them read a host or the beginning of a path differently.
func (a *Ask) target(method, host, uri string) *Refusal {
	a.Method, a.URI = method, uri
	a.setHost(host)
	switch {
	case isUnfilled(host), isUnfilled(uri), isUnfilledPath(uri):
		return configError("a variable stands where the host or the path should: the proxy did not fill it in")
	case method == "CONNECT":
		return visitorError(errConnect)
	case uri == "":
		return visitorError(errNoPath)
	case uri[0] != '/':
		return visitorError(errPathStart)
	}
	t, err := policy.NewTarget(host, uri)
	if err != nil {
		return visitorError(err)
	}
	a.Target = t
	return nil
}

var (
	errConnect = &policy.TargetError{Reason: policy.BadRequest,
		Message: "CONNECT opens a tunnel, and the requests inside it would be unprotected"}
	errNoPath    = &policy.TargetError{Reason: policy.BadRequest, Message: "the request has no path"}
	errPathStart = &policy.TargetError{Reason: policy.BadRequest,
		Message: "between the host and the path of the request stands something else than /"}
)

// splitHost splits "{host}{uri}". A path begins with "/"; what else can end a host is
// left at the beginning of the uri, where target refuses it: to whoever routed the
// request it was a part of the host, or of a query that may not be one.
func splitHost(s string) (host, uri string) {
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// isPlain reports whether a host holds nothing that only a visitor would write. What
// comes without a path behind it then is a wrong configuration.
func isPlain(host string) bool {
	_, err := policy.NewTarget(host, "/")
	return err == nil || isUnfilled(host)
}

// isUnfilledPath reports whether a path is such a variable behind a slash. Only those
// that are named for it: /$metadata is a path of OData.
func isUnfilledPath(uri string) bool {
	if len(uri) < 2 || uri[1] != '$' && uri[1] != '{' || !isUnfilled(uri[1:]) {
		return false
	}
	name := strings.ToLower(uri)
	return strings.Contains(name, "uri") || strings.Contains(name, "path")
}

// isUnfilled reports whether a text is a variable of some proxy's configuration and
// nothing more: $host, ${uri}, {path}, {{ .Path }}, %REQ(:PATH)%, %[path]. A visitor who
// writes one is refused in the same way.
func isUnfilled(s string) bool {
	if len(s) < 2 {
		return false
	}
	last := s[len(s)-1]
	switch {
	case strings.HasPrefix(s, "%["):
		return last == ']'
	case s[0] == '%':
		return s[1] >= 'A' && s[1] <= 'Z' && last == '%'
	case s[0] == '{', strings.HasPrefix(s, "${"):
		return last == '}'
	default:
		return s[0] == '$' && strings.IndexFunc(s[1:], notInVariable) < 0
	}
}

// notInVariable: several may follow each other, as in "$host$request_uri".
func notInVariable(r rune) bool {
	return (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && r != '_' && r != '$'
}
