// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
	"github.com/ostiary/ostiary/authserver/web"
)

// issueTicket sends the browser back to the application with a ticket. elsewhere: the
// claims are all that policies elsewhere look at, too.
func (h *Handler) issueTicket(x *public.Exchange, v visit, s *policy.Subject, elsewhere bool) {
	_, step := span.Within(x.R.Context(), "sign-in ticket")
	defer step.End()
	reads := &v.signIn.Reads
	t := ticket{Attempt: v.attempt, IssuedAt: x.Now.Unix(), Person: public.PersonOf(s)}
	t.Groups, t.AMR, t.Asked = reads.Keep(s.Groups), reads.KeepAMR(s.AMR), reads.Asked()
	if !elsewhere {
		t.Asked = reads.AskedHere()
	}
	seal := func() (string, error) { return x.Ring.Seal(purposeTicket, t, x.Now.Add(readTime), x.Now) }
	sealed, err := seal()
	if errors.Is(err, credential.ErrTooLarge) { // who it is matters more than the query
		dest, _, cut := strings.Cut(x.Dest, "?")
		t.Attempt.Dest, t.Attempt.Cut = text(dest), t.Attempt.Cut || cut
		sealed, err = seal()
	}
	if errors.Is(err, credential.ErrTooLarge) && len(t.Claims) > 0 {
		h.dropClaims(x, s.Provider, s.ID, t.Claims)
		t.Claims, t.Asked = policy.Unsaid(t.Claims), reads.AskedHere()
		sealed, err = seal()
	}
	switch {
	case errors.Is(err, credential.ErrTooLarge):
		h.tooLarge(x, err, s.Provider, s.ID, len(t.Groups))
	case err != nil:
		h.Broken(x, err)
	default:
		to := h.OwnAt(h.originOf(v.Host, v.Port), "authorized", url.Values{"ticket": {sealed}})
		h.remember(x, openedByHost{Host: v.Host, Port: v.Port}, s, len(to))
		h.keepSeen(x, &v.signIn, s)
		if v.Script {
			h.endBy(x, &v.attempt, sealed)
			return
		}
		h.Redirect(x, to)
	}
}

// authorized ends a login on the application's host: the ticket becomes a
// session, if this browser is the one that asked for it. It answers a visit alone:
// what only looks, as HEAD does, must not use a ticket up; or a form (onward.go).
func (h *Handler) authorized(x *public.Exchange) {
	if !h.arrives(x, h.Visit) {
		return
	}
	if !x.Query.Has("ticket") {
		if x.R.Method == http.MethodGet && h.Session(x) != nil { // a form had it, and this address came back
			h.Redirect(x, h.Here(x)+"/")
			return
		}
		h.cannotFinish(x)
		return
	}
	var t ticket
	err := x.Ring.Open(purposeTicket, x.Query.Get("ticket"), &t, x.Now)
	if err != nil || t.Attempt.Host != x.Host {
		h.Fail(x, web.TicketExpired)
		return
	}
	x.Dest = string(t.Attempt.Dest)
	h.redeem(x, &t)
}

// redeem takes a ticket of this host, from whoever brings it.
func (h *Handler) redeem(x *public.Exchange, t *ticket) {
	_, mine := holds(x, t.Attempt.Browser)
	mine = mine && h.mayCome(x, &t.Attempt)
	over := x.Now.Sub(time.Unix(t.IssuedAt, 0)) >= ticketTime
	switch {
	case mine && !over && !h.isKept(x, &t.Attempt):
		h.RefuseJSON(x, http.StatusConflict, "no-state")
	case mine && !over && h.firstUse(x, t.Attempt.ID):
		h.admit(x, &t.Attempt, t.subject())
	case h.Session(x) != nil:
		// Whoever has a session needs no other: another tab got it, or they came back
		// to this address. Where it leads is a link like any other.
		h.GoTo(x, h.endOf(&t.Attempt))
	case !mine && !over:
		h.beginAgain(x, &t.Attempt)
	default:
		h.comesTooLate(x, &t.Attempt)
	}
}

// comesTooLate answers a ticket whose time is over, or that was used. Back or a reload may have sent a
// form again, in the name of the team host's page: of another site, so the session's cookie stayed
// behind. It goes along with what a page of this host begins.
func (h *Handler) comesTooLate(x *public.Exchange, a *attempt) {
	if x.R.Method == http.MethodPost && !x.ByScript() {
		h.MoveOn(x, h.endOf(a))
		return
	}
	h.Fail(x, web.TicketUsed)
}

// beginAgain takes a browser on whose ticket is of no use to it: the sign-in was
// begun elsewhere, or by this browser with a key that a sign-in beside it has
// overwritten. Of the ticket nothing counts but where it leads: this browser gets
// there as who it is itself. It must not stay in the address, where a script of this
// host could read it from the window that it opened.
func (h *Handler) beginAgain(x *public.Exchange, a *attempt) {
	if x.ByScript() { // it has another way, which ends here again
		h.RefuseJSON(x, http.StatusConflict, "no-state")
		return
	}
	if a.Again >= maxAgain {
		h.Redirect(x, h.OwnAt(h.Here(x), "authorized", nil))
		return
	}
	q := url.Values{"rd": {within(h.Here(x), x.Dest)}, "began": {strconv.Itoa(a.Again + 1)}}
	if a.Cut {
		q.Set("cut", "1")
	}
	if a.For != "" {
		q.Set("for", string(a.For))
	}
	h.Redirect(x, h.OwnAt(h.Here(x), "login", q))
}

// maxAgain is how often a login is begun anew without asking: once more than other
// tabs can be in the way, and seldom enough for browsers that keep no cookie.
const maxAgain = 2

func (h *Handler) cannotFinish(x *public.Exchange) {
	h.Fail(x, web.NotThisBrowser)
}

// done is where a window that was opened to sign in ends up. Its query is that window's own.
func (h *Handler) done(x *public.Exchange) {
	if !h.Get(x) {
		return
	}
	h.SignedInPage(x, h.Here(x)+"/")
}

// What a browser remembers itself of the tickets that it used, as the next one may
// go to another replica: enough for the minute that a ticket is good for.
const (
	spentSize = 8
	maxSpent  = 8
)

// spentForm stands for an id.
func spentForm(id string) string { return digest(id)[:spentSize] }

// spentHere returns the tickets that this browser says it has used.
func (h *Handler) spentHere(x *public.Exchange) string {
	var p hops
	if x.Ring.Open(purposeHops, x.Cookie(hopsCookie), &p, x.Now) != nil {
		return ""
	}
	return p.Spent[:len(p.Spent)/spentSize*spentSize]
}

// firstUse reports whether a ticket was not used before, as far as this replica
// and the browser itself know.
func (h *Handler) firstUse(x *public.Exchange, id string) bool {
	want := spentForm(id)
	for rest := h.spentHere(x); rest != ""; rest = rest[spentSize:] {
		if rest[:spentSize] == want {
			return false
		}
	}
	return h.tickets.Use(id)
}
