// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// opened is what a browser remembers of where it was signed in by its session at the team
// host: nobody else does. It lets nobody in.
type opened struct {
	Provider string         `json:"p"`
	ID       string         `json:"s"`
	Apps     []openedByHost `json:"a"` // the latest first
}

type openedByHost struct {
	Host string `json:"h"`
	Port string `json:"o,omitempty"`
	At   int64  `json:"t"`
}

// What is remembered has to leave room for a ticket, and for the other cookies of the team
// host in what browsers send.
const (
	maxOpened      = 16
	maxOpenedBytes = 600 // of hosts
	maxBesideIt    = 2200
)

// remember notes that a session at an application is about to be given, in an answer that has an
// address of size bytes besides.
func (h *Handler) remember(x *public.Exchange, app openedByHost, s *policy.Subject, size int) {
	o := h.openedBy(x, s)
	o.Apps = slices.DeleteFunc(o.Apps, func(a openedByHost) bool { return a.Host == app.Host })
	app.At = x.Now.Unix()
	o.Apps = slices.Insert(o.Apps, 0, app)
	h.keepOpened(x, &o, size)
}

// keepOpened sets the cookie, or leaves it where that would be too much beside size bytes.
func (h *Handler) keepOpened(x *public.Exchange, o *opened, size int) {
	n, room := 0, maxOpenedBytes
	for n < len(o.Apps) && n < maxOpened && len(o.Apps[n].Host) <= room {
		room -= len(o.Apps[n].Host)
		n++
	}
	o.Apps = o.Apps[:n]
	sealed, err := x.Ring.Seal(purposeOpened, *o, x.Now.Add(policy.MaxSessionDuration), x.Now)
	if err == nil && len(sealed)+size <= maxBesideIt {
		x.SetCookie(openedCookie, sealed, policy.MaxSessionDuration)
	}
}

// openedBy returns what the browser remembers of a person.
func (h *Handler) openedBy(x *public.Exchange, s *policy.Subject) opened {
	var o opened
	if x.Ring.Open(purposeOpened, x.Cookie(openedCookie), &o, x.Now) != nil || o.Provider != s.Provider || o.ID != s.ID {
		return opened{Provider: s.Provider, ID: s.ID}
	}
	return o
}

// sessions shows a person where this browser is signed in, and ends one.
func (h *Handler) sessions(x *public.Exchange) {
	s, _ := h.TeamSubject(x)
	switch x.R.Method {
	case http.MethodGet, http.MethodHead:
		h.showSessions(x, s)
	case http.MethodPost:
		h.endOne(x, s)
	default:
		x.W.Header().Set("Allow", "GET, HEAD, POST")
		h.Fail(x, web.GetAndPostOnly)
	}
}

// toldFor is how long a change of their second factors is told to people with their sessions.
const toldFor = 30 * 24 * time.Hour

func (h *Handler) showSessions(x *public.Exchange, s *policy.Subject) {
	v := web.SessionsView{Host: x.Host, HomeURL: h.Origin(x.Host) + "/"}
	if s == nil {
		v.SignInURL = h.Own(x.Host, "login", url.Values{"rd": {h.PathPrefix + "/sessions"}})
		h.Page(x, http.StatusOK, "sessions", web.Sessions(v))
		return
	}
	v.SignedInAs, v.Provider, v.Action = cmp.Or(s.Email, s.Name()), s.Provider, h.Own(x.Host, "sessions", nil)
	if p := h.Providers.Find(s.Provider); p != nil {
		v.Provider = p.DisplayName()
	}
	v.Since, v.Until = s.SignedInAt, s.SignedInAt.Add(h.SessionDuration)
	v.SignOutURL = h.Own(x.Host, "logout", nil)
	for _, a := range h.openedBy(x, s).Apps {
		if one, ok := h.openedSession(x, a, s); ok {
			v.Apps = append(v.Apps, one)
		}
	}
	v.Agents = h.shownAgents(x, s)
	if p := h.Providers.Find(s.Provider); hasFactors(p) {
		v.FactorURL = h.Own(x.Host, "second-factor", nil)
		// What cannot be read is said where it is needed: at a sign-in, and on that page.
		e, _ := h.enrolled(x.R.Context(), p, s.ID)
		v.Changes = shownChanges(&e)
		v.Changes = slices.DeleteFunc(v.Changes, func(c web.FactorChange) bool { return x.Now.Sub(c.At) > toldFor })
	}
	h.Page(x, http.StatusOK, "sessions", web.Sessions(v))
}

// openedSession is what can still be there of a session.
func (h *Handler) openedSession(x *public.Exchange, a openedByHost, s *policy.Subject) (out web.SessionAt, ok bool) {
	signIn, ok := x.Table.SignIn(h.root(a.Host), h.Origin(a.Host))
	since := time.Unix(a.At, 0).UTC()
	duration := h.SessionDuration
	if ok {
		duration = h.duration(&signIn)
	}
	until := since.Add(duration)
	// One from before they signed in here anew may be void by now; it is over in any case
	// when its time is.
	if !x.Table.Claims(a.Host) || !x.Now.Before(until) || since.Before(s.SignedInAt) {
		return out, false
	}
	return web.SessionAt{Host: a.Host, URL: h.originOf(a.Host, a.Port) + "/", Since: since, Until: until}, true
}

// A lastWord is what the team host tells an application's host: that this person ended
// their session there.
type lastWord struct {
	farewell
	Host string `json:"h"`
}

// endOne ends the session of this browser at one application, and comes back.
func (h *Handler) endOne(x *public.Exchange, s *policy.Subject) {
	if !h.ReadForm(x) {
		return
	}
	if client := x.R.PostForm.Get("client"); s != nil && client != "" {
		h.endAgent(x, s, client, x.R.PostForm.Get("policy"))
		return
	}
	back := h.Own(x.Host, "sessions", nil)
	host := x.R.PostForm.Get("host")
	if s == nil || public.CanonicalHost(host) != host || !x.Table.Claims(host) {
		h.Redirect(x, back) // it is over, there or here
		return
	}
	o, origin := h.openedBy(x, s), h.Origin(host)
	o.Apps = slices.DeleteFunc(o.Apps, func(a openedByHost) bool {
		if a.Host == host {
			origin = h.originOf(host, a.Port)
		}
		return a.Host == host
	})
	word := lastWord{farewell{Provider: s.Provider, ID: s.ID, To: back}, host}
	sealed, err := x.Ring.Seal(purposeEnd, word, x.Now.Add(ticketTime), x.Now)
	if err != nil {
		h.Broken(x, err)
		return
	}
	h.keepOpened(x, &o, len(sealed))
	h.Onward(x, web.OnwardView{Host: host, Origin: origin, Action: h.OwnAt(origin, "logout", nil),
		Hidden: []web.Field{{Name: "end", Value: sealed}}, To: back})
}

// endHere ends the session at an application on the team host's word, and leads back there.
// It is false if that word is none.
func (h *Handler) endHere(x *public.Exchange) bool {
	var w lastWord
	if x.Ring.Open(purposeEnd, x.Query.Get("end"), &w, x.Now) != nil || w.Host != x.Host {
		return false
	}
	if x.R.Method != http.MethodPost && !h.Visit(x) {
		return true
	}
	if w.isAbout(h.Session(x)) {
		h.dropSession(x)
		h.SignIns.SignedOut("application")
	}
	h.GoTo(x, w.To)
	return true
}
