// SPDX-License-Identifier: Apache-2.0

package login

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
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

// authorized ends a login on the application's host: the ticket becomes a
// session, if this browser is the one that asked for it. It answers a visit alone:
// what only looks, as HEAD does, must not use a ticket up.
func (h *Handler) authorized(x *exchange) {
	if !h.visit(x) {
		return
	}
	if !x.query.Has("ticket") {
		h.cannotFinish(x)
		return
	}
	var t ticket
	err := x.ring.Open(purposeTicket, x.query.Get("ticket"), &t, x.now)
	if err != nil || t.Attempt.Host != x.host {
		h.fail(x, http.StatusBadRequest, "bad-ticket", "This sign-in took too long",
			"The address you came by is good for one minute, once, at one site. Open the application again.")
		return
	}
	x.dest = string(t.Attempt.Dest)
	_, mine := x.holds(t.Attempt.Browser)
	over := x.now.Sub(time.Unix(t.IssuedAt, 0)) >= ticketTime
	switch {
	case mine && !over && h.firstUse(x, t.Attempt.ID):
		h.admit(x, &t.Attempt, t.subject())
	case h.session(x) != nil:
		// Whoever has a session needs no other: another tab got it, or they came back
		// to this address. Where it leads is a link like any other.
		h.redirect(x, x.dest)
	case mine || over:
		h.fail(x, http.StatusBadRequest, "bad-ticket", "This sign-in is over",
			"It was finished already, or took longer than a minute. Open the application again.")
	default:
		h.beginAgain(x, &t.Attempt)
	}
}

// beginAgain takes a browser on whose ticket is of no use to it: the sign-in was
// begun elsewhere, or by this browser with a key that a sign-in beside it has
// overwritten. Of the ticket nothing counts but where it leads: this browser gets
// there as who it is itself. It must not stay in the address, where a script of this
// host could read it from the window that it opened.
func (h *Handler) beginAgain(x *exchange, a *attempt) {
	if a.Again >= maxAgain {
		h.redirect(x, h.own(x.host, "authorized", nil))
		return
	}
	q := url.Values{"rd": {x.dest}, "began": {strconv.Itoa(a.Again + 1)}}
	if a.Cut {
		q.Set("cut", "1")
	}
	h.redirect(x, h.own(x.host, "login", q))
}

// maxAgain is how often a login is begun anew without asking: once more than other
// tabs can be in the way, and seldom enough for browsers that keep no cookie.
const maxAgain = 2

func (h *Handler) cannotFinish(x *exchange) {
	h.fail(x, http.StatusBadRequest, "no-state", "This sign-in cannot be finished here",
		"It was begun in another browser, was finished already, or this browser keeps no cookies for this site. Open the application again; if that leads back here, allow cookies for it.")
}

// admit gives a session to whom the application admits.
func (h *Handler) admit(x *exchange, a *attempt, subject *policy.Subject) {
	target, err := targetOf(string(a.Dest))
	if err != nil || target.Host() != x.host {
		target, _ = policy.NewTarget(x.host, "/") // the host was read from one
	}
	signIn, ok := x.table.SignIn(target, h.origin(x.host))
	if !ok {
		h.fail(x, http.StatusForbidden, "no-policy", "Not permitted", "No valid access rules exist for this address, so nobody can open it.")
		return
	}
	if d := h.judge(x, target, subject, &signIn); d.Verdict != policy.Admit {
		h.deny(x, x.host, &d, subject, &signIn)
		return
	}
	h.enter(x, a, subject, &signIn)
}

// enter gives the browser its session and sends it where it wanted to go.
func (h *Handler) enter(x *exchange, a *attempt, s *policy.Subject, signIn *policy.SignIn) {
	claims := h.claims(x, s, signIn)
	if claims.PathScoped {
		claims.Bind = x.bind(signIn.Cookie.Partitioned)
	}
	token, err := x.ring.Mint(claims, x.now)
	if err != nil && !errors.Is(err, credential.ErrTooLarge) {
		h.broken(x, err)
		return
	}
	h.addHop(x, a)
	cookie := h.sessionCookie(signIn, token, h.duration(signIn))
	if err == nil && !h.fits(x, cookie) {
		err = fmt.Errorf("%w: %d bytes, and an answer's header section has %d in all", credential.ErrTooLarge, len(token), MaxHeader)
	}
	if err != nil {
		h.tooLarge(x, err, s.Provider, s.ID, len(signIn.Reads.Keep(s.Groups)))
		return
	}
	h.dropOther(x, cookie)
	http.SetCookie(x.w, cookie)
	h.Log.Info("signed in", "host", x.host, "user", s.ID, "provider", s.Provider, "policy", signIn.Policy.String(), "requestID", x.id)
	switch {
	case a.Cut:
		h.showCut(x, string(a.Dest))
	case signIn.Cookie.SameSite == policy.SameSiteStrict:
		// A cookie of SameSite=Strict does not go along with a request that another
		// site began, and this one began at the team host. Moving on from a page of
		// this very site does.
		h.moveOn(x, string(a.Dest))
	default:
		h.redirect(x, string(a.Dest))
	}
}

// claims are what an application is told: no more than its rules can read.
func (h *Handler) claims(x *exchange, s *policy.Subject, signIn *policy.SignIn) credential.Claims {
	c := credential.Claims{
		Issuer: h.issuer(), Audience: signIn.Audience, ID: s.ID, User: h.told(s).User, Email: s.Email, Provider: s.Provider, Host: x.host,
		Groups: s.Groups, AMR: s.AMR, Asked: s.Asked,
		PathScoped: partOf(signIn), SignedInAt: s.SignedInAt, IssuedAt: x.now, Lifetime: h.duration(signIn),
	}
	if c.Asked == "" { // else it is what is left already, and goes with what it says of itself
		c.Groups, c.AMR, c.Asked = signIn.Reads.Keep(s.Groups), signIn.Reads.KeepAMR(s.AMR), signIn.Reads.Asked()
	}
	return c
}

// duration is how long a session at an application lasts.
func (h *Handler) duration(signIn *policy.SignIn) time.Duration {
	if signIn.Unsaid || signIn.Duration == 0 {
		return max(signIn.Duration, h.SessionDuration)
	}
	return signIn.Duration
}

// partOf reports whether a session is for a part of its host.
func partOf(signIn *policy.SignIn) bool {
	return signIn.Cookie.PathScoped && signIn.Path != "" && signIn.Path != "/"
}

// sessionCookie is the cookie of an application, as its policy wants it.
func (h *Handler) sessionCookie(signIn *policy.SignIn, token string, age time.Duration) *http.Cookie {
	c := &http.Cookie{Name: credential.CookieName, Value: token, Path: "/", MaxAge: int(age / time.Second), //nolint:gosec // the policy says what it is to be
		Secure: true, HttpOnly: !signIn.Cookie.ScriptReadable, Partitioned: signIn.Cookie.Partitioned}
	if partOf(signIn) {
		c.Name, c.Path = credential.PathCookieName, signIn.Path
	}
	switch signIn.Cookie.SameSite {
	case policy.SameSiteLax, policy.SameSiteUnsaid: // SignIn always says
		c.SameSite = http.SameSiteLaxMode
	case policy.SameSiteStrict:
		c.SameSite = http.SameSiteStrictMode
	case policy.SameSiteNone:
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// methods are tried one after the other: a person signs in to an application,
// not to a GET.
var methods = [...]string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// judge says what would be decided about a request of somebody who signs in now.
func (h *Handler) judge(x *exchange, target policy.Target, s *policy.Subject, signIn *policy.SignIn) policy.Decision {
	as := *s
	as.Audience, as.Host, as.IssuedAt, as.ExpiresAt = signIn.Audience, "", x.now, x.now.Add(h.duration(signIn))
	var first policy.Decision
	for i, m := range methods {
		d := x.table.Decide(policy.Request{Target: target, Method: m, Subject: &as, Address: h.Address(x.r), SessionDuration: h.SessionDuration, Now: x.now})
		if d.Verdict == policy.Admit {
			return d
		}
		if i == 0 {
			first = d
		}
	}
	return first
}

// subject is whom a ticket names.
func (t *ticket) subject() *policy.Subject {
	return &policy.Subject{ID: t.ID, User: t.User, Email: t.Email, Groups: t.Groups, AMR: t.AMR, Asked: t.Asked, Provider: t.Provider, SignedInAt: time.Unix(t.SignedIn, 0).UTC()}
}

// digest stands for a text where its length is not welcome.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
