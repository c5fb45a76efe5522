// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// maxBounces is how many logins for one address may end there within a minute.
// One more, and something is wrong that going round again does not mend.
const maxBounces = 2

// appLogin begins a login on an application's host.
func (h *Handler) appLogin(x *exchange) {
	if !h.get(x) {
		return
	}
	if !x.table.Claims(x.host) {
		h.fail(x, http.StatusNotFound, "no-policy", "No application here", "No access rules exist for this host, so there is nothing to sign in to.")
		return
	}
	if !h.configured() {
		h.notConfigured(x)
		return
	}
	dest, cut := h.comeBack(x)
	n := h.hopsOf(x, dest)
	if n >= maxBounces {
		if x.query.Get("again") == "" {
			h.showLoop(x, dest)
			return
		}
		x.dropCookie(hopsCookie)
		n = 0
	}
	again, _ := strconv.Atoi(x.query.Get("began")) // no number: for the first time
	h.begin(x, attempt{Dest: text(dest), Hops: n, Cut: cut, Again: max(0, min(again, maxAgain))})
}

// begin makes an attempt of what is given, and takes it to the team host.
func (h *Handler) begin(x *exchange, a attempt) {
	a.ID, a.Host, a.At, a.Browser = randomID(), x.host, x.now.Unix(), digest(h.keep(x))
	h.toTeam(x, a, nil)
}

// toTeam sends the browser to the team host's page for an attempt.
func (h *Handler) toTeam(x *exchange, a attempt, more url.Values) {
	sealed, err := x.ring.Seal(purposeAttempt, a, x.now.Add(readTime), x.now)
	if err != nil {
		h.broken(x, err)
		return
	}
	q := url.Values{"attempt": {sealed}}
	for k, v := range more {
		q[k] = v
	}
	h.redirect(x, h.own(h.teamHost(), "login/"+a.Host, q))
}

// configured reports whether anybody can sign in.
func (h *Handler) configured() bool {
	return h.TeamURL.Hostname() != noTeamHost && len(h.Providers.Permitted(nil)) > 0
}

// noTeamHost is the team host of an installation that was given none.
const noTeamHost = "ostiary.invalid"

func (h *Handler) notConfigured(x *exchange) {
	h.fail(x, http.StatusServiceUnavailable, "not-configured", "Signing in is not set up",
		"This installation has no identity provider yet, so nobody can sign in here. Please tell whoever runs it.")
}

func (h *Handler) showLoop(x *exchange, dest string) {
	who := h.Subject(x.table.OnHost(x.host, x.now, h.SessionDuration), x.cookies(), "", x.now)
	s, reason := who.Subject, who.Refused
	if s != nil && x.table.Revoked(s) {
		s, reason = nil, policy.SessionRevoked
	}
	text := "Your browser does not send this site's cookie back. Allow cookies for it."
	switch {
	case s != nil:
		text = "You are signed in, but the application still asks for it. Its address may lead past the sign-in, or its rules have just changed."
	case reason == policy.SessionExpired:
		text = "Each new session is over at once: the clocks of this site's servers may be wrong."
	case reason != policy.NoReason:
		text = "The session that your browser sends is not valid here (" + reason.String() + ")."
	}
	h.Log.Warn("a login goes round in circles", "host", x.host, "reason", reason.String(), "requestID", x.id)
	x.w.Header().Set(contract.ReasonHeader, "login-loop")
	h.page(x, http.StatusConflict, "going round in circles", web.Loop(web.LoopView{
		Host: x.host, Why: text, RequestID: x.id, AgainURL: h.own(x.host, "login", url.Values{"rd": {dest}, "again": {"1"}})}))
}
