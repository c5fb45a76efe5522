// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// Pages writes refusals for browsers: a redirect or a page for a navigation,
// JSON for a fetch, readable by pages of allowed origins.
type Pages struct {
	// Scheme and PathPrefix make the login address on the application's host.
	Scheme     string // "https"
	PathPrefix string // "/.access"
	// Port is that of the team host, with its colon: what resources are called has no other,
	// whatever a request came by (decision 22). Empty: the scheme's own.
	Port string
	// Look is how the pages for people look; nil: they are empty.
	Look *web.Look
	// Why is the address of the page that says why a request was denied; nil, or empty:
	// there is none.
	Why func(*Ask, *policy.Decision) string
	// Denied is what is shown to somebody who is signed in and may not pass; nil, or none: the
	// page that everybody gets.
	Denied func(*Ask, *policy.Decision) (web.DeniedView, bool)
	// Home is the start page; empty: there is none.
	Home string
	// Docs is where reasons are explained.
	Docs web.Docs
}

// problem is what a fetch can read.
type problem struct {
	Reason    string `json:"reason"`
	Message   string `json:"message,omitempty"`
	LoginURL  string `json:"login_url,omitempty"`
	RequestID string `json:"request_id"`
	Docs      string `json:"docs,omitempty"`
}

func (p *Pages) write(a *Answer, q *Ask, d *policy.Decision) { p.say(a, q, d, "") }

// say writes a refusal, with words for whoever reads it.
func (p *Pages) say(a *Answer, q *Ask, d *policy.Decision, words string) {
	a.Status = 403
	login, keep := p.loginFor(q, d)
	if d.Verdict == policy.Challenge {
		a.Status = 401
	}
	if d.Reason == policy.NotReady {
		a.Status = 503
	}
	why(a, q, d.Reason)
	rehearsed(a, d)
	p.challenged(a, q, d)
	if activate(a, q, d) {
		a.Set("Vary", "Origin, Sec-Fetch-Storage-Access")
	} else {
		vary(a, q)
	}
	a.Set("Cache-Control", "no-store")
	switch {
	case q.Method == "OPTIONS": // nobody would read a page
	case q.GRPC:
		a.Set("Grpc-Status", grpcStatus(a.Status))
		a.Set("Grpc-Message", d.Reason.String())
	case login != "" && !q.mayChange() && !keep && redirects(q, d):
		p.redirect(a, login)
	case q.Navigation:
		p.show(a, q, d, words, login, keep)
	default:
		a.Set("Content-Type", "application/json")
		a.Set("X-Content-Type-Options", "nosniff")
		a.Body, _ = json.Marshal(problem{d.Reason.String(), words, login, q.RequestID, p.Docs.Of(d.Reason.String())})
	}
}

// loginFor is loginURL where signing in helps; empty: it does not. keep: a page is to keep what
// that cannot carry, as a redirect does not (decision 50).
func (p *Pages) loginFor(q *Ask, d *policy.Decision) (address string, keep bool) {
	if d.Verdict != policy.Challenge || p.isOurs(q) || !d.Reason.AsksPeople() {
		return "", false
	}
	address, cut := p.loginURL(q)
	return address + stepUpQuery(d), cut && p.Look != nil && q.Navigation && q.Method == "GET" && redirects(q, d)
}

// show shows a refusal to a person, or keeps their address and goes on to the login.
func (p *Pages) show(a *Answer, q *Ask, d *policy.Decision, words, login string, keep bool) {
	a.Set("Content-Type", "text/html; charset=utf-8")
	a.Set("X-Content-Type-Options", "nosniff")
	switch {
	case p.Look == nil:
		a.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	case q.Framed:
		p.frame(a, q, d, login, words)
	case keep:
		a.Set("Content-Security-Policy", p.Look.KeepCSP())
		a.Set("Referrer-Policy", "no-referrer") // it is as long as the address
		a.Body = p.Look.Render(web.Keep(web.KeepView{Host: q.Target.Host(), Next: login}), q.Languages)
	default:
		a.Set("Content-Security-Policy", p.Look.CSP())
		a.Body = p.Look.Render(p.page(a, q, d, login, words), q.Languages)
	}
}

// page is what a person sees of a refusal.
func (p *Pages) page(a *Answer, q *Ask, d *policy.Decision, login, words string) web.Document {
	if p.Denied != nil && a.Status == 403 && words == "" {
		if v, ok := p.Denied(q, d); ok {
			v.WhyURL = p.why(a, q, d)
			return web.Denied(v)
		}
	}
	unsent := login != "" && q.mayChange()
	if unsent {
		login = p.besideURL(q) + stepUpQuery(d)
	}
	return web.Refusal(web.RefusalView{
		Status: a.Status, Reason: d.Reason.String(), Host: q.Target.Host(), LoginURL: login, RequestID: q.RequestID, Message: words,
		DocsURL: p.Docs.Of(d.Reason.String()), WhyURL: p.why(a, q, d), Unsent: unsent,
		RetryURL: p.retryURL(q), Looked: !q.mayChange(), HomeURL: p.Home,
	})
}

// retryURL is what was asked for, or the application if that was no look. Empty: it is not known
// what that is.
func (p *Pages) retryURL(q *Ask) string {
	origin := p.Scheme + "://" + q.Target.Host() + q.port()
	switch {
	case q.Target.Host() == "":
		return ""
	case q.mayChange() || q.URI == "" || q.URI[0] != '/' || len(q.URI) > MaxReturn:
		return origin + "/"
	}
	return origin + q.URI
}

// why is where the page leads that says that a request was denied.
func (p *Pages) why(a *Answer, q *Ask, d *policy.Decision) string {
	if p.Why == nil || a.Status != 403 {
		return ""
	}
	return p.Why(q, d)
}

// grpcStatus is what gRPC calls a status of ours: UNAUTHENTICATED, UNAVAILABLE or
// PERMISSION_DENIED. Envoy would find the same one, others may not.
func grpcStatus(status int) string {
	switch status {
	case 401:
		return "16"
	case 503:
		return "14"
	}
	return "7"
}

// redirects: in a frame, the login would show nothing.
func redirects(q *Ask, d *policy.Decision) bool {
	if q.Framed {
		return false
	}
	switch d.Unauthenticated {
	case policy.Redirect:
		return true
	case policy.Unauthorized:
		return false
	case policy.Auto:
	}
	return q.Navigation
}

// mayChange reports whether a request may be more than a look (RFC 9110 §9.2.1). A browser
// would come back from the login with a GET of its address and without what it sent, and
// whoever sent it would see some page, and believe it saved.
func (q *Ask) mayChange() bool { return q.Method != "GET" && q.Method != "HEAD" }

func (p *Pages) redirect(a *Answer, login string) {
	a.Status = 302
	a.Set("Location", login)
}

// MaxReturn is the length, in bytes, of the longest address that a login comes back
// to, escaped as a query's value: proxies drop answers whose header section is
// larger than 4 KiB.
const MaxReturn = 2 << 10

// Shorten returns an address that is no longer than MaxReturn: without its query if
// that is too much, and the root if its path is. It reports whether something is
// missing.
func Shorten(address string) (string, bool) {
	if len(url.QueryEscape(address)) <= MaxReturn {
		return address, false
	}
	if i := strings.IndexAny(address, "?#"); i >= 0 { // the page is worth more than its query
		address = address[:i]
	}
	if len(url.QueryEscape(address)) > MaxReturn {
		address = "/"
	}
	return address, true
}

// loginURL is on the application's own host: only there can its cookie be set.
// cut: it does not hold the whole address to come back to.
func (p *Pages) loginURL(q *Ask) (address string, cut bool) {
	uri, cut := Shorten(q.rooted())
	back := url.QueryEscape(uri)
	if cut {
		back += "&cut=1" // so that the login can say so
	}
	return p.origin(q) + p.PathPrefix + "/login?rd=" + back, cut
}

// origin is the application's, as the browser reaches it.
func (p *Pages) origin(q *Ask) string { return p.Scheme + "://" + q.Target.Host() + q.port() }

// rooted is the path and query that were asked for.
func (q *Ask) rooted() string {
	if q.URI == "" || q.URI[0] != '/' {
		return "/" + q.URI
	}
	return q.URI
}

// besideURL signs in for what was asked, in a window of its own, and leads nowhere: what was
// asked is not to be repeated as a GET, or goes on where it was asked.
func (p *Pages) besideURL(q *Ask) string {
	path, _, _ := strings.Cut(q.URI, "?")
	return p.origin(q) + p.PathPrefix + "/login?rd=" + url.QueryEscape(p.PathPrefix+"/done") +
		"&for=" + url.QueryEscape(path)
}

// port returns the port of the browser's host, with its colon.
func (q *Ask) port() string {
	if i := strings.LastIndexByte(q.HostPort, ':'); i >= 0 && strings.IndexByte(q.HostPort[i:], ']') < 0 {
		return q.HostPort[i:]
	}
	return ""
}

// isOurs reports whether the request asks for our own path, which a proxy should
// have sent to the public listener: to redirect it there would never end.
func (p *Pages) isOurs(q *Ask) bool {
	rest, ok := strings.CutPrefix(q.Target.Path(), p.PathPrefix)
	return ok && (rest == "" || rest[0] == '/')
}

// refuse shows what writeRefusal says in headers only.
func (p *Pages) refuse(a *Answer, q *Ask, r *Refusal) {
	if r.Status != 403 || q.Method == "OPTIONS" {
		writeRefusal(a, q, r)
		return
	}
	p.say(a, q, &policy.Decision{Reason: r.Reason}, r.Words)
}
