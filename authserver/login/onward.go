// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// A service worker of an application may answer each visit to its host from a cache, our
// own paths with the rest: what is visited there may never arrive (decision 49). What
// arrives is what a script sends: one of the application's own pages, to its own host,
// or one of the team host's, where both are one site. And most workers let forms pass.
// So a sign-in that did not begin by a visit does not end by one.

// beginAt begins a sign-in for an application at the team host: where the application
// remembers who began.
func (h *Handler) beginAt(x *public.Exchange, host, rd string, wanted text, cut bool) {
	origin := h.Origin(host)
	if name, port, _, ok := h.split(rd); ok && name == host {
		origin = h.OriginAt(host, port)
	}
	rd, short := dialect.Shorten(within(origin, rd))
	q, fields := url.Values{"rd": {rd}}, []web.Field{{Name: "rd", Value: rd}}
	also := func(name, value string) {
		q.Set(name, value)
		fields = append(fields, web.Field{Name: name, Value: value})
	}
	if cut || short {
		also("cut", "1")
	}
	if wanted != "" {
		also("for", string(wanted))
	}
	h.Onward(x, web.OnwardView{Host: host, Origin: origin, Action: h.OwnAt(origin, "login", nil), Hidden: fields,
		Next: h.Own(h.TeamHost(), "login/"+host, nil) + "?attempt=", Plain: h.OwnAt(origin, "login", q)})
}

// endBy takes a ticket to the application.
func (h *Handler) endBy(x *public.Exchange, a *attempt, sealed string) {
	origin := h.originOf(a.Host, a.Port)
	page, _, _ := strings.Cut(string(a.Dest), "?")
	h.Onward(x, web.OnwardView{Host: a.Host, Origin: origin, Action: h.OwnAt(origin, "authorized", nil),
		Hidden: []web.Field{{Name: "ticket", Value: sealed}}, To: string(a.Dest), Shown: a.Cut,
		Popup: page == h.OwnAt(origin, "done", nil), Hand: h.isNear(x, a), Only: a.Jar})
}

// arrives reports whether a request is a form that is taken here, or a visit as it may be.
func (h *Handler) arrives(x *public.Exchange, visit func(*public.Exchange) bool) bool {
	if x.R.Method == http.MethodPost {
		return h.Form(x)
	}
	return visit(x)
}

// mayCome reports whether a ticket may come in the way it does. Pages of the application
// itself are believed less than those of the team host.
func (h *Handler) mayCome(x *public.Exchange, a *attempt) bool {
	return x.R.Method != http.MethodPost || a.Script && (h.FromTeam(x.R) || h.isNear(x, a))
}

// isKept reports whether this browser keeps what answers to the team host's page set: some take
// hosts of one site for sites of their own, as WebKitGTK does below a top-level name that is on no
// list of public suffixes (.corp, .lan), send the cookies that there are, and drop those that
// come. So a ticket is used up only once a cookie of its own has come back; the page asks twice.
func (h *Handler) isKept(x *public.Exchange, a *attempt) bool {
	if !x.ByScript() || !h.FromTeam(x.R) || x.Cookie(keptCookie) == digest(a.ID) {
		return true
	}
	x.SetCookie(keptCookie, digest(a.ID), ticketTime)
	return false
}

// isNear reports whether a request comes from the network that an attempt was begun in.
// A ticket that pages of the application get to see could be sent away by a script that
// somebody smuggled in there: to whoever began the attempt, and holds its key. So they
// only see one if that would be somebody in the same network.
func (h *Handler) isNear(x *public.Exchange, a *attempt) bool {
	return a.Script && a.Network != "" && a.Network == h.networkOf(x)
}

// networkOf stands for the network of a client; empty: it is not known.
func (h *Handler) networkOf(x *public.Exchange) string {
	if a := h.Address(x.R); a.IsValid() {
		return digest(public.Network(a))
	}
	return ""
}
