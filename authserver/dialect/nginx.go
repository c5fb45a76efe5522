// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Nginx answers auth_request, which passes on a status and nothing else: 2xx
// is yes, 401 and 403 are no, anything else becomes a 500. No answer has a
// body: nginx would close its keep-alive connection over it.
type Nginx struct {
	Identity IdentityHeaders
	// PassPreflights answers 200 to preflights that the policy answers, so that
	// the proxy routes them on, to the preflight listener or to the application.
	PassPreflights bool
	// Canary says that all of those come to the preflight listener.
	Canary bool
	// Cold reports whether the proxy may not know yet of what takes those preflights,
	// and would give them to the application; nil: never. They are refused then.
	Cold func() bool
	// Pages make the challenge for programs that act for people; nil: there is none.
	Pages *Pages
}

func (n Nginx) String() string {
	switch {
	case n.Canary:
		return "nginx-canary"
	case n.PassPreflights:
		return "nginx-pass"
	}
	return "nginx"
}

func (n Nginx) prefix() string {
	switch {
	case n.Canary:
		return contract.NginxCanaryPrefix
	case n.PassPreflights:
		return contract.NginxPassPrefix
	}
	return contract.NginxPrefix
}

// Read believes the URL alone: nginx filled it in from its own routing, while
// a client can send any header.
func (n Nginx) Read(v View, a *Ask) *Refusal {
	readCommon(v, a)
	if refusal := readTunnel(v); refusal != nil {
		return refusal
	}
	return a.readURL(v, strings.TrimPrefix(v.RequestTarget(), n.prefix()))
}

// readURL reads what follows the prefix of an endpoint that carries the target in
// its own URL: "{method}/{host}{uri}", or pinned to the Ingress that routed the
// request, "{namespace}/{ingress}/{method}/{host}{uri}". A method has no lower-case
// letter and the names of Kubernetes no upper-case one, so neither passes for the other.
func (a *Ask) readURL(v View, s string) *Refusal {
	first, rest, ok := strings.Cut(s, "/")
	if ok && isObjectName(first) {
		if isMethodOf(v, first) {
			return visitorError(errMethod)
		}
		name, after, _ := strings.Cut(rest, "/")
		if !isObjectName(name) {
			return configError("after the namespace, the auth-url must have the name of the Ingress, and then $request_method/$host$request_uri")
		}
		a.Ingress = s[:len(first)+1+len(name)]
		first, rest, ok = strings.Cut(after, "/")
	}
	if ok && len(first) > maxMethod && isMethodText(first) {
		return visitorError(errMethod)
	}
	if !ok || !isMethod(first) {
		return configError("the auth-url must end in $request_method/$host$request_uri, filled in by the proxy; what came has no method there")
	}
	return a.readHost(first, rest)
}

// isMethodOf reports whether what stands where a namespace is expected is the method.
// nginx takes none in lower case, but Traefik does, and then the host would stand for
// an Ingress, and the path would choose the target. Both say the method in a header as
// well. That can only refuse: what else it says is not asked.
func isMethodOf(v View, namespace string) bool {
	for _, name := range [...]string{contract.ForwardedMethod, contract.OriginalMethod} {
		if method, _ := v.Header(name); method == namespace {
			return true
		}
	}
	return false
}

// isObjectName reports whether a namespace or an Ingress can have this name
// (RFC 1123): one that begins with a digit is one, a "$namespace" is none.
func isObjectName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 253 && s[0] != '-' && s[0] != '.'
}

// readHost splits "{host}{uri}".
func (a *Ask) readHost(method, rest string) *Refusal {
	host, uri := splitHost(rest)
	if rest == "" || uri == "" && isPlain(host) {
		return configError("the auth-url must end in $host$request_uri: after the host comes no path, so every request would be asked about as /")
	}
	return a.target(method, host, uri)
}

// Write adds WWW-Authenticate for programs alone: nginx puts it on whatever is shown in place
// of the 401, and people are shown a login page.
func (n Nginx) Write(a *Answer, q *Ask, d *policy.Decision) {
	switch d.Verdict {
	case policy.Admit:
		n.Identity.admit(a, q, d)
		return
	case policy.AnswerPreflight:
		if n.PassPreflights && n.Cold != nil && n.Cold() {
			a.Status = 403
			why(a, q, policy.NotReady)
			a.Set("Vary", preflightVary)
			return
		}
		if n.PassPreflights {
			n.Identity.admit(a, q, d)
			cors(a, &d.CORS)
			a.Set("Vary", preflightVary)
			return
		}
		a.Status = 401
	case policy.Challenge:
		a.Status = 401
	case policy.Deny:
		a.Status = 403
		if d.Reason == policy.NotReady {
			a.Status = 503
		}
	}
	why(a, q, d.Reason)
	rehearsed(a, d)
	n.Pages.challenged(a, q, d)
	vary(a, q)
}

// NginxHeaders is Nginx for a plain auth-url: the target comes in
// X-Original-URL and X-Original-Method, which only ingress-nginx overwrites.
//
// The host in X-Original-URL is the Host header, and a client can name another
// in the request line, by which nginx routes. So no relaxing rule applies here,
// unless the auth-url ends in ?host=NAME, which the host must then be.
type NginxHeaders struct{ Nginx }

func (NginxHeaders) String() string { return "nginx-headers" }

// Read refuses the headers of another proxy family: with them, the X-Original
// ones were not written by nginx.
func (NginxHeaders) Read(v View, a *Ask) *Refusal {
	readCommon(v, a)
	if refusal := readTunnel(v); refusal != nil {
		return refusal
	}
	for _, foreign := range [...]string{contract.ForwardedURI, contract.ForwardedMethod} {
		if _, n := v.Header(foreign); n > 0 {
			return configError("X-Original-URL came together with X-Forwarded-Uri or -Method: this endpoint is for ingress-nginx; use " +
				contract.ForwardPath + ", or put the target into the auth-url")
		}
	}
	rawURL, nu := v.Header(contract.OriginalURL)
	method, nm := v.Header(contract.OriginalMethod)
	if nu != 1 || nm != 1 || !isMethod(method) || isUnfilled(rawURL) {
		return configError("X-Original-URL and X-Original-Method must come once each: this endpoint is for ingress-nginx's auth-url")
	}
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok || scheme != "https" && scheme != "http" {
		return visitorError(errScheme)
	}
	if refusal := a.readHost(method, rest); refusal != nil {
		return refusal
	}
	a.HostUnproven = true
	return a.readBound(v.RequestTarget())
}

// readBound reads the host to which the endpoint is bound: "?host=NAME", and nothing
// else. A query that names none is noise.
func (a *Ask) readBound(target string) *Refusal {
	_, query, _ := strings.Cut(target, "?")
	if !strings.Contains(query, "host=") {
		return nil
	}
	bound, ok := strings.CutPrefix(query, "host=")
	t, err := policy.NewTarget(bound, "/")
	if !ok || err != nil {
		return configError("the query of the auth-url must be host=NAME, the name of the one host that this endpoint is for, and nothing else")
	}
	if t.Host() != a.Target.Host() {
		return visitorError(errOtherHost)
	}
	a.HostUnproven = false
	return nil
}

var (
	errScheme    = &policy.TargetError{Reason: policy.BadRequest, Message: "X-Original-URL does not begin with http:// or https://"}
	errOtherHost = &policy.TargetError{Reason: policy.BadRequest, Message: "X-Original-URL names another host than the auth-url is for"}
)
