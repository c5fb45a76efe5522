// SPDX-License-Identifier: Apache-2.0

package login

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// teamBegin begins a sign-in for the team host's own pages: no application asked for it.
func (h *Handler) teamBegin(x *public.Exchange) {
	if !h.Get(x) {
		return
	}
	if !h.configured() {
		h.notConfigured(x)
		return
	}
	h.begin(x, attempt{Dest: text(h.teamPage(x.Query.Get("rd")))})
}

// teamPages are below our prefix at the team host: they show something, and do nothing.
var teamPages = []string{"sessions", "second-factor", "passkeys", "why", "console"}

// teamPage turns what a request asks to come back to into an address of a page of the team
// host: that one, or the start page.
func (h *Handler) teamPage(rd string) string {
	home := h.Origin(h.TeamHost()) + "/"
	rd, _ = dialect.Shorten(rd)
	if rd == "" || rd[0] != '/' || strings.IndexFunc(rd, unsafeInReturn) >= 0 || !plainPath(h.TeamHost(), rd) {
		return home
	}
	path, _, _ := strings.Cut(rd, "?")
	own, ours := h.Ours(path)
	first, _, _ := strings.Cut(own, "/")
	if path != "/" && (!ours || !slices.Contains(teamPages, first) || strings.Contains(path, "%")) {
		return home
	}
	return h.Origin(h.TeamHost()) + rd
}

// MayOpen reports whether an application lets a visit pass, of somebody who signs in now;
// nil: of anybody. Services that the application has asked about people are not asked.
func (h *Handler) MayOpen(x *public.Exchange, target policy.Target, s *policy.Subject) bool {
	signIn, ok := x.Table.SignIn(target, h.Origin(target.Host()))
	if !ok {
		return false
	}
	r := policy.Request{
		Target: target, Method: "GET", Address: h.Address(x.R), Countries: h.Countries, SessionDuration: h.SessionDuration, Now: x.Now,
	}
	if s == nil {
		return x.Table.Decide(r).Verdict == policy.Admit
	}
	fresh := *s
	fresh.IssuedAt = x.Now // if that is too long ago, it is found out anew on the way
	return h.judgeMethod(x, &r, &fresh, &signIn).Verdict == policy.Admit
}
