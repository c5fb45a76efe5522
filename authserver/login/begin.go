// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// maxBounces is how many logins for one address may end there within a minute.
// One more, and something is wrong that going round again does not mend.
const maxBounces = 2

// appLogin begins a login on an application's host.
func (h *Handler) appLogin(x *public.Exchange) {
	if !h.arrives(x, h.Get) {
		return
	}
	if !x.Table.Claims(x.Host) {
		h.Fail(x, web.NoApplication)
		return
	}
	if !h.configured() {
		h.notConfigured(x)
		return
	}
	if h.keepAddress(x) {
		return
	}
	dest, cut := h.returnAddress(x)
	n := h.hopsOf(x, dest)
	if n >= maxBounces {
		if x.Query.Get("again") == "" {
			h.showLoop(x, dest)
			return
		}
		x.DropCookie(hopsCookie)
		n = 0
	}
	again, _ := strconv.Atoi(x.Query.Get("began")) // no number: for the first time
	a := attempt{Dest: text(dest), Hops: n, Cut: cut, Again: max(0, min(again, maxAgain)), For: h.wantedFor(x),
		StepUp: stepWanted(x)}
	if x.R.Method == http.MethodPost && !h.byForm(x, &a) {
		return
	}
	h.begin(x, a)
}

// byForm is what else belongs to an attempt that a form begins; false: it waits for the key to come
// back, as isKept does.
func (h *Handler) byForm(x *public.Exchange, a *attempt) bool {
	a.Script, a.Network = true, h.networkOf(x)
	switch {
	case !x.ByScript():
	case !h.FromTeam(x.R):
		a.Jar = x.Query.Has("jar")
	case len(keys(x)) == 0:
		h.keepKey(x, false)
		h.RefuseJSON(x, http.StatusConflict, "no-state")
		return false
	}
	return true
}

// begin makes an attempt of what is given, and takes it to the team host.
func (h *Handler) begin(x *public.Exchange, a attempt) {
	a.ID, a.Host, a.Port, a.At, a.Browser = public.RandomID(), x.Host, h.portIn(x), x.Now.Unix(), digest(h.keepKey(x, a.Jar))
	h.toTeam(x, a, nil)
}

// toTeam sends the browser to the team host's page for an attempt.
func (h *Handler) toTeam(x *public.Exchange, a attempt, more url.Values) {
	if to, ok := h.teamAddress(x, a, more); ok {
		h.GoTo(x, to)
	}
}

// teamAddress is the address of that page. If it is false, the request is answered.
func (h *Handler) teamAddress(x *public.Exchange, a attempt, more url.Values) (string, bool) {
	sealed, err := x.Ring.Seal(purposeAttempt, a, x.Now.Add(readTime), x.Now)
	if err != nil {
		h.Broken(x, err)
		return "", false
	}
	q := url.Values{"attempt": {sealed}}
	for k, v := range more {
		q[k] = v
	}
	return h.Own(h.TeamHost(), "login/"+a.Host, q), true
}

// configured reports whether anybody can sign in.
func (h *Handler) configured() bool {
	return HasTeamHost(h.TeamURL) && len(h.Providers.Permitted(nil)) > 0
}

// HasTeamHost reports whether an installation was given a team host.
func HasTeamHost(u *url.URL) bool { return u.Hostname() != noTeamHost }

// noTeamHost is the team host of an installation that was given none.
const noTeamHost = "ostiary.invalid"

func (h *Handler) notConfigured(x *public.Exchange) {
	h.Fail(x, web.NotConfigured)
}

func (h *Handler) showLoop(x *public.Exchange, dest string) {
	who := h.Subject(x.Table.OnHost(x.Host, x.Now, h.SessionDuration), x.Cookies(), "", x.Now)
	s, reason := who.Subject, who.Refused
	if s != nil && x.Table.Revoked(s) {
		s, reason = nil, policy.SessionRevoked
	}
	h.Log.Warn("a sign-in loop was stopped", "host", x.Host, "reason", reason.String(), "requestID", x.ID)
	x.W.Header().Set(contract.ReasonHeader, "login-loop")
	h.Page(x, http.StatusConflict, "sign-in loop", web.Loop(web.LoopView{
		Host: x.Host, Why: web.WhyLoop(s != nil, reason), RequestID: x.ID, DocsURL: h.Docs.Of("login-loop"),
		AgainURL: h.OwnAt(h.Here(x), "login", url.Values{"rd": {within(h.Here(x), dest)}, "again": {"1"}})}))
}
