// SPDX-License-Identifier: Apache-2.0

package policy

import "time"

// A Place is where credentials are presented: it tells which of several count there.
// At the zero Place all do, but for those of a part of a host.
type Place struct {
	table   *Table
	request *Request // nil: the host as a whole
	host    string
	now     time.Time
	unsaid  time.Duration
}

// Presented is what came along with a request to say who sent it.
type Presented struct {
	Subject *Subject // nil: nobody
	Refused Reason   // why a credential names nobody, if one came along
	// InHeader: Authorization says so, which no browser adds by itself. Cookies, it
	// sends along with what other sites make it ask for.
	InHeader bool
}

// Present enters who sent the request.
func (r *Request) Present(p Presented) {
	r.Subject, r.Refused, r.InHeader = p.Subject, p.Refused, p.InHeader
}

// At is the place of a request. It reads the request whenever it is asked.
func (t *Table) At(r *Request) Place { return Place{table: t, request: r} }

// OnHost is a host as a whole, where a session counts that is good for some policy
// there (Table.Session).
func (t *Table) OnHost(host string, now time.Time, unsaid time.Duration) Place {
	return Place{table: t, host: host, now: now, unsaid: unsaid}
}

// Asked returns the request for which credentials are presented there; nil: none, as it is
// a host as a whole.
func (p Place) Asked() *Request { return p.request }

// app is whose policy guards the place; nil: nobody's, or there is none.
func (p Place) app() *app {
	if p.table == nil || p.request == nil {
		return nil
	}
	if a, why := p.table.find(&p.request.Target, p.request.Ingress != ""); why == NoReason {
		return a
	}
	return nil
}

// PathScoped reports whether the sessions of the policy there have a cookie of their
// own. Nowhere else does such a cookie count: any other host of the domain can plant one.
func (p Place) PathScoped() bool {
	a := p.app()
	return a != nil && a.signIn.scoped()
}

// RefusesCookies reports whether no cookie is enough there, as another site may have
// made the browser ask.
func (p Place) RefusesCookies() bool {
	a := p.app()
	return a != nil && a.foreign(p.request)
}

// Counts reports whether a credential is good there now. Its age, the rules judge.
func (p Place) Counts(s *Subject) bool {
	switch {
	case p.table == nil:
		return true
	case p.request == nil:
		return p.table.Session(p.host, s, p.now, p.unsaid) == NoReason
	}
	a := p.app()
	if a == nil || s.Client == "" {
		return a != nil && p.table.judge(a, p.request, s) == NoReason
	}
	r := *p.request
	r.InHeader = true // where a client's token comes from, or it is none (credential)
	return p.table.judge(a, &r, s) == NoReason
}

// Name is what applications are told.
func (s *Subject) Name() string {
	if s.User != "" {
		return s.User
	}
	return s.ID
}

// SamePerson reports whether two credentials name one person.
func (s *Subject) SamePerson(o *Subject) bool { return s.ID == o.ID && s.Provider == o.Provider }
