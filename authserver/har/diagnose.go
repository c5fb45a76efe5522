// SPDX-License-Identifier: Apache-2.0

package har

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A Finding is one thing that went wrong, or that is worth a note, however often it did.
type Finding struct {
	Cause  Cause  `json:"cause"`
	Title  string `json:"title"`
	Method string `json:"method"`
	URL    string `json:"url"`
	// Page is the origin of the page that asked; empty: not known.
	Page   string `json:"page,omitempty"`
	Status int    `json:"status"`
	// Detail is what of the export shows it.
	Detail string `json:"detail"`
	Fix    string `json:"fix"`
	// Field is the one of the AccessPolicy that changes it.
	Field string `json:"field,omitempty"`
	// Reason is Ostiary's, if it answered, and RequestID what its log calls the request.
	Reason    string `json:"reason,omitempty"`
	RequestID string `json:"requestID,omitempty"`
	// Entries are the places in the file, from 0: of the request that failed, every time.
	Entries []int `json:"entries"`
	Note    bool  `json:"note,omitempty"`
	// Policy is what the policies at hand say of the request; nil: they were not asked.
	Policy *Opinion `json:"policy,omitempty"`

	entry *Entry
}

// A diagnosis is under way: what is known of all entries.
type diagnosis struct {
	log *Log
	// taken are entries that are told elsewhere: preflights with their requests, and what a
	// redirect led to. pairs are the preflights of requests.
	taken map[*Entry]bool
	pairs map[*Entry]*Entry
	// signIns is how often a host sent the browser to sign in.
	signIns map[string]int
	// sessions are what the export shows of those of each host.
	sessions map[string]*session
	// tells: the browser says which requests are made with credentials.
	tells   bool
	found   []*Finding
	byKey   map[uint64][]int       // places in the log, by address
	kept    map[uint64]*Entry      // what the browser may have in its cache
	byWords map[[5]string]*Finding // what is found, by all that is said of it
}

// Diagnose tells what went wrong in an export, in the order in which it did, and then notes
// about what worked.
func Diagnose(log *Log) []*Finding {
	d := &diagnosis{
		log: log, taken: map[*Entry]bool{}, pairs: map[*Entry]*Entry{}, signIns: map[string]int{}, sessions: map[string]*session{},
		byWords: map[[5]string]*Finding{}, byKey: map[uint64][]int{}, kept: map[uint64]*Entry{},
	}
	for i, e := range log.Entries {
		d.look(e)
		d.byKey[e.key] = append(d.byKey[e.key], i)
	}
	d.pair()
	for i, e := range log.Entries {
		told := d.taken[e]
		if !told {
			if cause, detail := d.cause(i, e); cause != "" {
				d.add(e, cause, detail)
				told = true
			}
		}
		d.keepAnswer(e)
		if e.mode() == "navigate" && e.Status == 200 {
			delete(d.signIns, e.URL.Host) // it is in
		}
		if next := d.next(i, e); told && next != nil {
			d.taken[next] = true // what a redirect leads to that failed is told there
		}
	}
	d.notes()
	slices.SortStableFunc(d.found, func(x, y *Finding) int {
		return cmp.Compare(fmt.Sprint(x.Note), fmt.Sprint(y.Note)) // false before true
	})
	return d.found
}

// pair finds the preflight of each request: the last one before it, of the same page, for
// its address and method. Chrome writes it before or behind the request.
func (d *diagnosis) pair() {
	type key struct {
		origin, method string
		url            uint64
	}
	open := map[key][]*Entry{}
	for _, e := range d.log.Entries {
		if e.isPreflight() {
			k := key{e.Request.Get("origin"), e.Request.Get("access-control-request-method"), e.key}
			open[k] = append(open[k], e)
		}
	}
	for _, e := range d.log.Entries {
		k := key{e.origin(), e.Method, e.key}
		if e.Request.Get("origin") == "null" {
			k.origin = "null"
		}
		if list := open[k]; len(list) > 0 && !e.isPreflight() && e.mode() != "navigate" {
			d.pairs[e], d.taken[list[0]] = list[0], true
			open[k] = list[1:]
		}
	}
}

func (d *diagnosis) add(e *Entry, cause Cause, detail string) {
	doc := cause.Doc()
	f := &Finding{
		Cause: cause, Title: doc.Title, Method: e.Method, URL: e.URL.String(), Page: e.origin(), Status: e.Status, Detail: detail,
		Fix: doc.Fix, Field: doc.Field, Reason: e.reason(), RequestID: e.Response.Get("x-request-id"), Note: doc.IsNote, entry: e,
	}
	if p := d.pairs[e]; p != nil && strings.HasPrefix(string(cause), "preflight-") || e.isPreflight() {
		d.preflight(f, cmp.Or(p, e))
	}
	same := [...]string{string(f.Cause), f.Method, f.URL, f.Page, f.Detail}
	if known := d.byWords[same]; known != nil {
		known.Entries = append(known.Entries, e.Index)
		return
	}
	f.Entries = []int{e.Index}
	d.found, d.byWords[same] = append(d.found, f), f
}

// preflight has a finding be about a preflight.
func (d *diagnosis) preflight(f *Finding, p *Entry) {
	f.entry, f.Status, f.Reason, f.RequestID = p, p.Status, p.reason(), p.Response.Get("x-request-id")
	f.Method = cmp.Or(p.Request.Get("access-control-request-method"), f.Method)
}

// cause tells why a request failed; the empty Cause: it did not.
func (d *diagnosis) cause(i int, e *Entry) (Cause, string) {
	steps := []func(int, *Entry) (Cause, string){
		d.ofPreflight, d.ofNetwork, d.ofRedirect, d.ofCORS, d.ofRefusal, d.ofStatus, d.ofWebKit, d.ofSilence,
	}
	for _, step := range steps {
		if cause, detail := step(i, e); cause != "" {
			return cause, detail
		}
	}
	return "", ""
}

// ofPreflight: the preflight of a request was no permission, or an OPTIONS is none.
func (d *diagnosis) ofPreflight(_ int, e *Entry) (Cause, string) {
	p := d.pairs[e]
	if e.isPreflight() { // its request is not in the export
		p = e
	}
	switch {
	case p != nil && e != p && e.answered():
		return "", "" // the browser has sent it: the preflight was good enough
	case p != nil:
		return d.ofAnswer(p, e)
	case e.Method == "OPTIONS" && e.Request.Has("origin") && e.Status >= 400:
		return NoPreflightMethod, "it has no Access-Control-Request-Method, and was answered " + status(e.Status)
	case e.Method == "OPTIONS" && e.Request.Has("access-control-request-method") && e.Status >= 400:
		return NoPreflightMethod, "it has no Origin, and was answered " + status(e.Status)
	}
	return "", ""
}

func (d *diagnosis) ofAnswer(p, e *Entry) (Cause, string) {
	if cause, detail := d.ofNetwork(0, p); cause != "" {
		return cause, "the preflight: " + detail
	}
	if !p.answered() {
		return "", ""
	}
	for _, step := range []func(*Entry) (Cause, string){refusedPreflight, redirectedPreflight, preflightStatus} {
		if cause, detail := step(p); cause != "" {
			return cause, detail
		}
	}
	if cause, detail := checked(p, false); cause != "" || e == p {
		return cause, detail
	}
	// With all that is known the preflight permits. That nothing was sent is explained by the
	// credentials of a request that has not got as far as having them.
	if e.Error == "" || strings.Contains(e.Error, "ERR_FAILED") {
		return checked(p, true)
	}
	return "", ""
}

// checked is whether a preflight's answer permits its request.
func checked(p *Entry, credentials bool) (Cause, string) {
	cause, detail := corsCheck(p.Response, p.Request.Get("origin"), credentials)
	if cause == "" {
		cause, detail = preflightCheck(p, credentials)
	}
	if cause == AllowOriginMissing || cause == AllowOriginDiffers {
		cause, detail = special(cause, p, detail)
	}
	if cause != "" {
		detail = "the preflight's answer: " + detail
	}
	return cause, detail
}

// refusedPreflight is one that Ostiary refused.
func refusedPreflight(p *Entry) (Cause, string) {
	asked := p.Request.Get("access-control-request-method")
	switch reason := p.reason(); reason {
	case "", "preflight-answered", "preflight-bypass":
		return "", ""
	case "origin-not-allowed":
		return PreflightOrigin, "origin " + p.Request.Get("origin") + " is not in allowedOrigins"
	case "method-not-allowed":
		return PreflightMethod, "method " + asked + " is not in allowedMethods"
	case "header-not-allowed":
		return PreflightHeader, "of the headers " + these(p.Request.List("access-control-request-headers")) + ", one is not in allowedHeaders"
	case "preflight-not-configured":
		return PreflightNoCORS, "the policy of " + p.URL.Host + " has no spec.cors"
	case "no-policy":
		return PreflightNoPolicy, "no policy claims " + p.URL.Host + p.URL.Path
	default:
		return PreflightOtherReason, "reason " + reason
	}
}

// redirectedPreflight is one that was sent elsewhere, which browsers never follow.
func redirectedPreflight(p *Entry) (Cause, string) {
	if !p.redirects() {
		return "", ""
	}
	to, detail := p.Redirect, status(p.Status)+" to "+p.Redirect.String()
	switch {
	case to.name() == p.URL.name() && to.Scheme == "https" && p.URL.Scheme == "http":
		return PreflightToHTTPS, detail
	case isLogin(to):
		return PreflightToLogin, detail
	case to.Origin() == p.URL.Origin() && strings.TrimSuffix(to.Path, "/") == strings.TrimSuffix(p.URL.Path, "/"):
		return PreflightSlash, detail
	default:
		return PreflightRedirected, detail
	}
}

// preflightStatus is one whose status is not 2xx, and which is none of Ostiary's refusals.
func preflightStatus(p *Entry) (Cause, string) {
	detail := "answered " + status(p.Status) + by(p)
	switch {
	case p.Status >= 200 && p.Status < 300:
		return "", ""
	case p.Status == http.StatusUnauthorized, p.Status == http.StatusForbidden, p.Status == http.StatusProxyAuthRequired:
		return PreflightUnauthorize, detail
	case p.Status == http.StatusNotFound, p.Status == http.StatusMethodNotAllowed, p.Status == http.StatusNotImplemented:
		return PreflightUnknown, detail
	case p.Status == http.StatusTooManyRequests:
		return RateLimited, detail
	case p.Status >= 500:
		return PreflightServerError, detail
	default:
		return PreflightStatus, detail
	}
}

// special tells apart why an answer does not name the page's origin.
func special(cause Cause, e *Entry, detail string) (Cause, string) {
	value := e.Response.Get("access-control-allow-origin")
	_, proxy := statuses[e.Status]
	switch {
	case cause == AllowOriginDiffers && e.Cached:
		return CachedForOther, detail
	case cause == AllowOriginMissing && e.Cached:
		return CachedWithout, detail
	case cause == AllowOriginMissing && e.reason() != "":
		return RefusalUnreadable, status(e.Status) + " for " + e.reason() + ", and " + detail
	case cause == AllowOriginMissing && proxy:
		return ProxyErrorUnreadable, status(e.Status) + by(e) + ", and " + detail
	case cause == AllowOriginDiffers && value != "null" && parseAddress(value).Origin() != value:
		return AllowOriginSlash, detail
	}
	return cause, detail
}

// loginWords are in addresses of logins of this kind of software.
var loginWords = []string{
	"login", "signin", "sign_in", "sign-in", "/oauth2/", "/oauth/", "/authorize", "/auth/", "/saml", "/sso", "openid-connect",
}

// isLogin reports whether an address looks like one where people sign in.
func isLogin(a Address) bool {
	path := strings.ToLower(a.Path)
	return slices.ContainsFunc(loginWords, func(w string) bool { return strings.Contains(path, w) })
}

// by says what answered, if it says so itself.
func by(e *Entry) string {
	if server := e.Response.Get("server"); server != "" {
		return " by " + server
	}
	return ""
}

func status(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

// these is a list in words, cut where it is long.
func these(list []string) string {
	switch {
	case len(list) == 0:
		return "nothing"
	case len(list) > 8:
		return strings.Join(list[:8], ", ") + fmt.Sprintf(" and %d more", len(list)-8)
	}
	return strings.Join(list, ", ")
}
