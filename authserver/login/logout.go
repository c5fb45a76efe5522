// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// A farewell is what the application's host tells the team host of a sign-out
// everywhere: that it was meant, by whoever holds this session.
type farewell struct {
	Provider string `json:"idp"`
	ID       string `json:"sub"`
	Email    string `json:"email,omitempty"`
	To       string `json:"to"` // where to go afterwards; empty: stay
}

// isAbout reports whether it is about this person, or about anybody where nobody is
// signed in.
func (f *farewell) isAbout(s *policy.Subject) bool {
	return f.ID != "" && (s == nil || f.ID == s.ID && f.Provider == s.Provider)
}

// appLogout ends the session at an application, or with ?all every one.
func (h *Handler) appLogout(x *public.Exchange) {
	if x.R.Method == http.MethodPost && !h.Form(x) || x.Query.Has("end") && h.endHere(x) {
		return
	}
	if !h.isMeant(x) {
		return
	}
	to := ""
	if x.Query.Get("rd") != "" {
		to, _ = h.returnAddress(x)
	}
	subject := h.Session(x)
	h.dropSession(x)
	if !x.Query.Has("all") {
		h.SignIns.SignedOut("application")
		h.signedOut(x, to, false)
		return
	}
	f := farewell{To: to}
	if subject != nil {
		f.Provider, f.ID, f.Email = subject.Provider, subject.ID, subject.Email
		if !h.revoke(x, subject) {
			return
		}
	}
	sealed, err := x.Ring.Seal(purposeLogout, f, x.Now.Add(ticketTime), x.Now)
	if err != nil {
		h.Broken(x, err)
		return
	}
	h.GoTo(x, h.Own(h.TeamHost(), "logout", url.Values{"farewell": {sealed}}))
}

// teamLogout ends the session at the team host and all that came of it. An
// application's word is enough for the session that it names.
func (h *Handler) teamLogout(x *public.Exchange) {
	subject, _ := h.TeamSubject(x)
	var f farewell
	// Somebody else may be signed in here by now: then the page asks.
	if x.Query.Has("farewell") && x.Ring.Open(purposeLogout, x.Query.Get("farewell"), &f, x.Now) == nil && f.isAbout(subject) {
		dropTeam(x)
		h.endSession(x, f.Provider, f.Email, departure{f.To, true})
		return
	}
	if !h.isMeant(x) {
		return
	}
	dropTeam(x)
	// To be somebody else takes another session here, and voids none.
	everywhere := subject != nil && !x.Query.Has("switch")
	if everywhere && !h.revoke(x, subject) {
		return
	}
	if !everywhere {
		h.SignIns.SignedOut("team")
	}
	to := h.wayBackOf(x, subject)
	if x.Query.Get("rd") != "" {
		if to, _ = h.returnAddress(x); to == h.Origin(h.TeamHost())+"/" {
			to = ""
		}
	}
	if everywhere {
		h.endSession(x, subject.Provider, subject.Email, departure{to, true})
		return
	}
	h.signedOut(x, to, false)
}

// dropTeam removes the session at the team host from the browser, and what came of it there.
// The next sign-in is not one without a word.
func dropTeam(x *public.Exchange) {
	x.DropCookie(teamCookie)
	x.SetCookie(anewCookie, "1", anewTime)
	for _, name := range []string{openedCookie, agentsCookie, seenCookie} {
		if _, err := x.R.Cookie(name); err == nil {
			x.DropCookie(name)
		}
	}
}

// isMeant reports whether a request to sign out is the person's own wish. Another
// site's link or form is not: a page asks, then.
func (h *Handler) isMeant(x *public.Exchange) bool {
	switch x.R.Method {
	case http.MethodPost: // our own: see ServeHTTP
		return true
	case http.MethodGet:
		everywhere := !x.Query.Has("switch") && (x.Query.Has("all") || x.Host == h.TeamHost())
		// Where nothing says from where they came, a link of another site could have
		// led here: too little to end every session.
		if fromHere(x.R) && (!everywhere || saysFrom(x.R)) {
			return true
		}
		view := web.ConfirmLogoutView{Host: x.Host, Action: x.R.URL.RequestURI(), Everywhere: everywhere, StayURL: h.Here(x) + "/"}
		h.Page(x, http.StatusOK, "sign out?", web.ConfirmLogout(view))
	default:
		x.W.Header().Set("Allow", "GET, POST")
		h.Fail(x, web.GetAndPostOnly)
	}
	return false
}

// saysFrom reports whether a request says from where it comes.
func saysFrom(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site")+r.Header.Get("Origin")+r.Header.Get("Referer") != ""
}

// fromHere reports whether a link was followed on this very site, or typed.
// Without Fetch Metadata, no other site may be named as where it came from.
func fromHere(r *http.Request) bool {
	// An image is no link, wherever it stands.
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
		from := r.Header.Get("Origin") + r.Header.Get("Referer")
		_, rest, _ := strings.Cut(from, "://")
		return from == "" || rest == r.Host || strings.HasPrefix(rest, r.Host+"/")
	}
	return false
}

// A Revoke puts a revocation in force on every replica: of all that was issued to a user of a
// provider before a time, or what they let one client do. The user is the provider's own ID.
type Revoke = func(ctx context.Context, what policy.Revocation) error

// A Revoker is a Revoke that is known later. Its zero value fails until then.
type Revoker struct{ p atomic.Pointer[Revoke] }

// Set says how it is done from now on.
func (r *Revoker) Set(f Revoke) { r.p.Store(&f) }

// Revoke does it.
func (r *Revoker) Revoke(ctx context.Context, what policy.Revocation) error {
	if f := r.p.Load(); f != nil {
		return (*f)(ctx, what)
	}
	return errors.New("login: not ready to revoke anything")
}

// revoke voids what a person holds, everywhere, and waits until this replica
// knows. Without a way to tell the others, it says so: a sign-out that leaves
// sessions behind must not look like one that does not.
func (h *Handler) revoke(x *public.Exchange, s *policy.Subject) bool {
	if h.Revoke == nil {
		h.Fail(x, web.CannotRevoke)
		return false
	}
	before := x.Now.Truncate(time.Second)
	if before.Before(s.SignedInAt) { // at a replica whose clock is ahead
		before = s.SignedInAt
	}
	before = before.Add(time.Second) // sign-ins have whole seconds
	if err := h.Revoke(x.R.Context(), policy.Revocation{Provider: s.Provider, User: s.ID, Before: before}); err != nil {
		h.SignIns.Revoked("failed")
		h.Log.Error("signing out everywhere failed", "error", err, "user", s.ID, "provider", s.Provider, "requestID", x.ID)
		h.Fail(x, web.NotRevoked)
		return false
	}
	old := h.asTold(s)
	old.SignedInAt = before.Add(-time.Second)
	h.await(x.R.Context(), func() bool { return h.Table().Revoked(old) })
	h.SignIns.Revoked("done")
	h.SignIns.SignedOut("everywhere")
	h.tell(x, slog.LevelInfo, "signed out everywhere",
		slog.String("user", s.ID), slog.String("email", s.Email), slog.String("provider", s.Provider))
	return true
}

// await waits for something that comes within moments, or not for long.
func (h *Handler) await(ctx context.Context, done func() bool) {
	for range 100 {
		if done() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (h *Handler) signedOut(x *public.Exchange, to string, everywhere bool) {
	if to != "" {
		h.Redirect(x, to)
		return
	}
	v := web.SignedOutView{Host: x.Host, Everywhere: everywhere}
	if x.Host != h.TeamHost() {
		v.SignInURL = h.OwnAt(h.Here(x), "login", nil)
		v.EverywhereURL = h.OwnAt(h.Here(x), "logout", url.Values{"all": {""}})
	} else {
		v.HomeURL = h.Origin(x.Host) + "/"
	}
	h.Page(x, http.StatusOK, "signed out", web.SignedOut(v))
}

// maxPaths bounds for how many parts of a host a sign-out removes the cookie: its
// answer has to fit a proxy's buffer. The others no longer count, see dropSession.
const maxPaths = 4

// dropSession removes the session from the browser, whatever the policy made of its
// cookie: under each name, from each jar, at each path that has one. Those of paths
// that no policy has any more, or that do not fit here, are bound to another browser
// from now on, and so is what another host planted.
func (h *Handler) dropSession(x *public.Exchange) {
	h.keepHops(x, hops{Spent: h.spentHere(x)}) // whoever signs out goes round in no circle
	dropKeys(x)
	paths := x.Table.CookiePaths(x.Host)
	for _, partitioned := range []bool{false, true} {
		dropSessionCookie(x, credential.CookieName, "/", partitioned)
		dropSessionCookie(x, credential.PathCookieName, "/", partitioned)
		for _, path := range paths[:min(len(paths), maxPaths)] {
			dropSessionCookie(x, credential.PathCookieName, path, partitioned)
		}
	}
	bind := public.RandomID()
	if _, err := x.R.Cookie(credential.BindCookieName); err == nil || len(paths) > 0 {
		setBind(x, bind, false)
		setBind(x, bind, true)
	}
}

func dropSessionCookie(x *public.Exchange, name, path string, partitioned bool) {
	http.SetCookie(x.W, droppedCookie(name, path, partitioned))
}

func droppedCookie(name, path string, partitioned bool) *http.Cookie {
	return &http.Cookie{Name: name, Path: path, MaxAge: -1, Secure: true, HttpOnly: true, //nolint:gosec // of whatever SameSite it was
		SameSite: http.SameSiteNoneMode, Partitioned: partitioned}
}
