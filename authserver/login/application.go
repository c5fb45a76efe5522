// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
)

// maxBounces is how many logins for one address may end there within a minute.
// One more, and something is wrong that going round again does not mend.
const maxBounces = 2

// maxPath bounds the path that the team host is told of.
const maxPath = 512

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
	dest := h.destination(x.query.Get("rd"), x.host, x.table)
	n := h.hopsOf(x, dest)
	if n >= maxBounces {
		if x.query.Get("again") == "" {
			h.showLoop(x, dest)
			return
		}
		x.dropCookie(hopsCookie)
		n = 0
	}
	a := attempt{ID: randomID(), Host: x.host, Path: pathOn(dest, h.origin(x.host))}
	err := h.begin(x, begun{ID: a.ID, Host: x.host, Dest: dest, At: x.now.Unix(), Hops: n})
	if err == nil {
		err = h.toTeam(x, a, nil)
	}
	if err != nil {
		h.broken(x, err)
	}
}

// toTeam sends the browser to the team host's page for an attempt.
func (h *Handler) toTeam(x *exchange, a attempt, more url.Values) error {
	sealed, err := x.ring.Seal(purposeAttempt, a, x.now.Add(attemptTime), x.now)
	if err != nil {
		return err
	}
	q := url.Values{"attempt": {sealed}}
	for k, v := range more {
		q[k] = v
	}
	x.redirect(h.own(h.teamHost(), "login/"+a.Host, q))
	return nil
}

// pathOn returns the path of an address on an origin, and "/" of any other.
func pathOn(dest, origin string) string {
	path, ok := strings.CutPrefix(dest, origin)
	if !ok {
		return "/"
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	for len(path) > maxPath {
		path = path[:strings.LastIndexByte(path[:len(path)-1], '/')+1]
	}
	return path
}

// authorized ends a login on the application's host: the ticket becomes a
// session, if this browser is the one that asked for it.
func (h *Handler) authorized(x *exchange) {
	if !h.get(x) {
		return
	}
	var t ticket
	var err error
	if x.query.Has("ticket") {
		err = x.ring.Open(purposeTicket, x.query.Get("ticket"), &t, x.now)
	}
	b, mine := h.begunHere(x, t.Attempt)
	switch {
	case err != nil || t.Host != x.host && t.Host != "":
		h.fail(x, http.StatusBadRequest, "bad-ticket", "This sign-in took too long",
			"The address you came by is good for one minute, once, at one site. Open the application again.")
		return
	case !mine && x.query.Has("ticket"):
		// Somebody else's ticket must not stay in the address, where a script of this
		// host could read it from the window that it opened.
		x.redirect(h.own(x.host, "authorized", nil))
		return
	case !mine:
		h.fail(x, http.StatusBadRequest, "no-state", "This sign-in cannot be finished here",
			"It was begun in another browser, was finished already, or this browser keeps no cookies for this site. Open the application again; if that leads back here, allow cookies for it.")
		return
	}
	x.dropCookie(attemptCookie + t.Attempt)
	h.admit(x, b, t.subject())
}

// admit gives a session to whom the application admits.
func (h *Handler) admit(x *exchange, b begun, subject *policy.Subject) {
	target, err := targetOf(b.Dest)
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
	h.enter(x, b, subject, &signIn)
}

// enter gives the browser its session and sends it where it wanted to go.
func (h *Handler) enter(x *exchange, b begun, s *policy.Subject, signIn *policy.SignIn) {
	token, err := x.ring.Mint(h.claims(x, s, signIn), x.now)
	if errors.Is(err, credential.ErrTooLarge) {
		h.fail(x, http.StatusInternalServerError, "token-too-large", "Too much to remember",
			"Your account has more groups than fit into a cookie. Tell whoever runs this site: fewer or shorter groups in its access rules help.")
		h.Log.Warn("a session does not fit a cookie", "error", err, "user", s.ID, "requestID", x.id)
		return
	}
	if err != nil {
		h.broken(x, err)
		return
	}
	h.addHop(x, b)
	http.SetCookie(x.w, h.sessionCookie(signIn, token, h.duration(signIn)))
	h.Log.Info("signed in", "host", x.host, "user", s.ID, "provider", s.Provider, "policy", signIn.Policy.String(), "requestID", x.id)
	// A cookie of SameSite=Strict does not go along with a request that another
	// site began, and this one began at the team host. Moving on from a page of
	// this very site does. And a cookie and an address may be more together than
	// a proxy's buffer holds: a page has room.
	if signIn.Cookie.SameSite == policy.SameSiteStrict || len(token)+len(b.Dest) > maxHeaders {
		h.moveOn(x, b.Dest)
		return
	}
	x.redirect(b.Dest)
}

// maxHeaders keeps an answer's header section below the 4 KiB of a proxy's buffer.
const maxHeaders = 2800

// claims are what an application is told: no more than its rules can read.
func (h *Handler) claims(x *exchange, s *policy.Subject, signIn *policy.SignIn) credential.Claims {
	c := credential.Claims{
		Issuer: h.issuer(), Audience: signIn.Audience, ID: s.ID, Email: s.Email, Provider: s.Provider, Host: x.host, Asked: cmp.Or(s.Asked, signIn.Reads.Asked()),
		Groups: signIn.Reads.Keep(s.Groups), SignedInAt: s.SignedInAt, IssuedAt: x.now, Lifetime: h.duration(signIn),
	}
	if signIn.Reads.AMR {
		c.AMR = s.AMR
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

// sessionCookie is the cookie of an application, as its policy wants it.
func (h *Handler) sessionCookie(signIn *policy.SignIn, token string, age time.Duration) *http.Cookie {
	c := &http.Cookie{Name: credential.CookieName, Value: token, Path: "/", MaxAge: int(age / time.Second), //nolint:gosec // the policy says what it is to be
		Secure: true, HttpOnly: !signIn.Cookie.ScriptReadable, Partitioned: signIn.Cookie.Partitioned}
	if signIn.Cookie.PathScoped && signIn.Path != "" && signIn.Path != "/" {
		c.Name, c.Path = credential.PathCookieName, signIn.Path
	}
	switch signIn.Cookie.SameSite {
	case policy.SameSiteLax:
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
	return &policy.Subject{ID: t.ID, Email: t.Email, Groups: t.Groups, AMR: t.AMR, Asked: t.Asked, Provider: t.Provider, SignedInAt: time.Unix(t.SignedIn, 0).UTC()}
}

// digest stands for a text where its length is not welcome.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
