// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Render writes what a browser sees in place of a proxy's 401 or 403
// (error_page). It may shape an answer, and can never grant: the request that
// it sees was refused already.
type Render struct{ Pages *Pages }

func (Render) String() string { return "render" }

// Read believes Host, X-Original-URI and X-Code, which the proxy's error
// location sets; or, under RenderPrefix, the URL alone.
func (Render) Read(v View, a *Ask) *Refusal {
	readCommon(v, a)
	if refusal := readTunnel(v); refusal != nil {
		return refusal
	}
	if rest, ok := strings.CutPrefix(v.RequestTarget(), contract.RenderCertificatePrefix); ok {
		return a.readCertifiedRender(rest, v.Host())
	}
	if rest, ok := strings.CutPrefix(v.RequestTarget(), contract.RenderPrefix); ok {
		return a.readRender(rest, v.Host())
	}
	code, _ := v.Header("X-Code")
	if a.Code = readCode(code); a.Code >= 500 {
		return plain(a.Code)
	}
	uri, n := v.Header(contract.OriginalURI)
	if n > 1 || n == 1 && uri == "" {
		return configError("X-Original-URI must come once, filled in by the proxy")
	}
	if n == 0 {
		uri = "/" // nothing is granted here, and any refusal of ours is better than none
	}
	if !isMethod(v.Method()) {
		return visitorError(errMethod)
	}
	return a.target(v.Method(), v.Host(), uri)
}

// readCertifiedRender reads what nginx verified, and then what readRender does.
func (a *Ask) readCertifiedRender(s, host string) *Refusal {
	verified, rest, _ := strings.Cut(strings.TrimPrefix(s, contract.CertificateInURL+"/"), "/")
	said, rest, ok := strings.Cut(rest, "/")
	if !ok || !strings.HasPrefix(s, contract.CertificateInURL+"/") {
		return configError("the render URL must be " + contract.RenderCertificatePrefix + contract.CertificateInURL +
			"/$ssl_client_verify/$ssl_client_escaped_cert/{code}/$request_method/$host$request_uri, filled in by the proxy")
	}
	if refusal := a.readCertificateURL(verified, said); refusal != nil {
		return refusal
	}
	return a.readRender(rest, host)
}

// readRender splits "{code}/{method}/{host}{uri}".
func (a *Ask) readRender(rest, host string) *Refusal {
	code, rest, _ := strings.Cut(rest, "/")
	method, rest, ok := strings.Cut(rest, "/")
	if !ok || !isMethod(method) {
		return configError("the render URL must be " + contract.RenderPrefix + "{code}/$request_method/$host$request_uri, filled in by the proxy")
	}
	if a.Code = readCode(code); a.Code >= 500 {
		return plain(a.Code)
	}
	return a.readHostPort(a.readHost(method, rest), host)
}

// readHostPort keeps the port that the browser used, which $host leaves out.
func (a *Ask) readHostPort(r *Refusal, host string) *Refusal {
	if r == nil {
		if t, err := policy.NewTarget(host, "/"); err == nil && t.Host() == a.Target.Host() {
			a.setHost(host)
		}
	}
	return r
}

// readCode: what is no status of a refusal is answered with 404.
func readCode(s string) int {
	code, err := strconv.Atoi(s)
	if err != nil || len(s) != 3 || code < 400 || code > 599 {
		return 404
	}
	return code
}

// plain repeats the status that the proxy was about to send.
func plain(code int) *Refusal {
	return &Refusal{Status: code, Message: "the proxy's own answer"}
}

// Write decides by what the proxy was told, too: it shapes a 401 or a 403 that
// this policy gave, and repeats any other.
func (r Render) Write(a *Answer, q *Ask, d *policy.Decision) {
	switch {
	case d.Reason == policy.NotReady:
		writeRefusal(a, q, &Refusal{Status: 503, Reason: d.Reason})
	case d.Verdict == policy.AnswerPreflight && q.Code == 401:
		writePreflight(a, q, d)
	case d.Verdict == policy.Challenge && q.Code == 401, isOurs(q, d):
		r.Pages.write(a, q, d)
	case d.Verdict == policy.Deny:
		writeRefusal(a, q, &Refusal{Status: q.Code, Reason: d.Reason})
	default: // the proxy's own refusal: an address list, basic auth
		writeRefusal(a, q, plain(q.Code))
	}
}

// isOurs reports whether the refusal is one that this policy gave. A host
// without a policy may be refused for any reason; but a page that says so helps
// with the commonest mistake of a first day.
func isOurs(q *Ask, d *policy.Decision) bool {
	switch {
	case d.Verdict != policy.Deny:
		return false
	case d.Reason == policy.NoPolicy:
		return q.Code == 403 && q.Navigation
	default:
		return q.Code == 401 || q.Code == 403
	}
}

func (r Render) refuse(a *Answer, q *Ask, why *Refusal) { r.Pages.refuse(a, q, why) }
