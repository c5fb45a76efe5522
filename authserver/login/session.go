// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/web"
)

// signedIn gives the browser a new session at the team host, and goes on from
// there: a ticket besides the cookie would not fit a proxy's buffer.
func (h *Handler) signedIn(x *public.Exchange, who idp.Identity, a attempt) {
	if h.startSession(x, who, &a) {
		h.toTeam(x, a, url.Values{"done": {"1"}})
	}
}

// startSession gives the browser that session. If it is false, the request is answered.
func (h *Handler) startSession(x *public.Exchange, who idp.Identity, a *attempt) bool {
	cookie, err := h.teamSession(x, who, a, h.signInTime(x, who))
	if err != nil {
		h.tooLarge(x, err, who.Provider, who.ID, len(who.Groups))
		return false
	}
	http.SetCookie(x.W, cookie)
	h.came(x, who.Provider, a.Host, telemetry.SignInSucceeded, slog.LevelInfo, "sign-in succeeded",
		slog.String("user", who.ID), slog.String("email", who.Email))
	h.SignIns.Took(who.Provider, x.Now.Sub(time.Unix(a.At, 0)))
	h.rememberDevice(x, who.Provider+"\x00"+who.ID)
	return true
}

// teamSession makes a session at the team host: with all groups if they fit, and
// otherwise with those that rules ask about; then, if need be, without claims.
func (h *Handler) teamSession(x *public.Exchange, who idp.Identity, a *attempt, signedIn time.Time) (*http.Cookie, error) {
	c := credential.Claims{Issuer: h.Issuer(), Audience: []string{h.Issuer()}, ID: who.ID, User: who.User, Email: who.Email,
		Groups: who.Groups, AMR: who.AMR, Provider: who.Provider, SignedInAt: signedIn, IssuedAt: x.Now, Lifetime: h.SessionDuration}
	if who.Unsaid.Groups { // no rule looks at any (saysEnough), and one that is made later must not take that for none
		c.Groups, c.Asked = nil, x.Table.AskedAll()
	}
	own, others := h.wanted(x, a)
	c.Custom = policy.CarryClaims(who.Claims, own, others)
	cookie, err := h.teamCookieOf(x, c)
	if errors.Is(err, credential.ErrTooLarge) {
		reads := x.Table.Reads()
		c.Groups, c.Asked = reads.Keep(who.Groups), x.Table.AskedAll()
		cookie, err = h.teamCookieOf(x, c)
	}
	if errors.Is(err, credential.ErrTooLarge) && len(others) > 0 { // who needs these is asked to renew
		c.Custom = policy.CarryClaims(who.Claims, own, nil)
		cookie, err = h.teamCookieOf(x, c)
	}
	if errors.Is(err, credential.ErrTooLarge) && len(c.Custom) > 0 {
		h.dropClaims(x, who.Provider, who.ID, c.Custom)
		c.Custom = policy.Unsaid(c.Custom)
		cookie, err = h.teamCookieOf(x, c)
	}
	return cookie, err
}

func (h *Handler) teamCookieOf(x *public.Exchange, c credential.Claims) (*http.Cookie, error) {
	token, err := x.Ring.MintTeam(c, x.Now)
	if err != nil {
		return nil, err
	}
	cookie := public.NewCookie(teamCookie, token, h.SessionDuration)
	if !h.Fits(x, cookie) {
		err = fmt.Errorf("%w: %d bytes, and an answer's header section has %d in all", credential.ErrTooLarge, len(token), public.MaxHeader)
	}
	return cookie, err
}

// tooLarge says that somebody has too many groups, and to whom it has to be said.
func (h *Handler) tooLarge(x *public.Exchange, err error, provider, user string, groups int) {
	x.W.Header().Del("Set-Cookie")
	h.Fail(x, web.GroupsTooLarge)
	h.came(x, provider, x.Host, telemetry.SessionTooLarge, slog.LevelWarn,
		"a session does not fit into a cookie: use fewer or shorter groups in the access policies, or at the identity provider",
		slog.Any("error", err), slog.String("user", user), slog.Int("groups", groups))
}

// signInTime is now, in whole seconds as tokens have them. Whoever signed out
// everywhere a moment ago waits until that second has passed: their new session
// would be void from the start.
func (h *Handler) signInTime(x *public.Exchange, who idp.Identity) time.Time {
	s := h.asTold(&policy.Subject{
		ID: who.ID, User: who.User, Email: who.Email, Provider: who.Provider, SignedInAt: x.Now.Truncate(time.Second),
	})
	if x.Table.Revoked(s) {
		s.SignedInAt = s.SignedInAt.Add(time.Second)
		if !x.Table.Revoked(s) {
			select {
			case <-time.After(s.SignedInAt.Sub(x.Now)):
			case <-x.R.Context().Done():
			}
			x.Now = h.Now()
		}
	}
	return s.SignedInAt
}

// TeamSubject returns who is signed in at the team host.
func (h *Handler) TeamSubject(x *public.Exchange) (*policy.Subject, policy.Reason) {
	value := x.Cookie(teamCookie)
	if value == "" {
		return nil, policy.NoSession
	}
	s, why := x.Ring.OpenTeam(value, h.Issuer(), x.Now)
	switch {
	case s == nil:
		return nil, why
	case x.Now.Sub(s.SignedInAt) >= h.SessionDuration:
		return nil, policy.SessionExpired
	case x.Table.Revoked(h.asTold(s)):
		return nil, policy.SessionRevoked
	}
	// Not all of their groups fitted. If rules look at others by now, the provider has
	// to be asked; if not, what is there is all that there is to know.
	if s.Asked != "" && s.Asked != x.Table.AskedAll() {
		return nil, policy.SessionExpired
	}
	s.Asked = ""
	// A provider that was removed takes its users along, as does the list of the
	// built-in ones.
	if p := h.Providers.Find(s.Provider); p == nil || !p.Knows(s.ID) {
		return nil, policy.SessionRevoked
	}
	return s, policy.NoReason
}

// asTold is a subject as applications know it, and as revocations may name it.
func (h *Handler) asTold(s *policy.Subject) *policy.Subject {
	told := *s
	told.User = h.Providers.UserName(s.Provider, s.Name())
	return &told
}

// admit gives a session to whom the application admits.
func (h *Handler) admit(x *public.Exchange, a *attempt, subject *policy.Subject) {
	target, err := targetOf(string(a.Dest))
	if err != nil || target.Host() != x.Host {
		target, _ = policy.NewTarget(x.Host, "/") // the host was read from one
	}
	signIn, ok := x.Table.SignIn(target, h.Origin(x.Host))
	if !ok {
		h.Fail(x, web.NoRules)
		return
	}
	switch d := h.judge(x, target, subject, &signIn); {
	case d.Verdict == policy.Admit:
		h.giveSession(x, a, subject, &signIn)
	case d.Verdict == policy.Challenge && d.Reason == policy.SessionExpired: // on the way here
		h.beginAgain(x, a)
	default:
		h.deny(x, target, &d, subject, &signIn)
	}
}

// giveSession gives the browser its session and sends it where it wanted to go.
func (h *Handler) giveSession(x *public.Exchange, a *attempt, s *policy.Subject, signIn *policy.SignIn) {
	claims := h.claims(x, s, signIn)
	if claims.PathScoped {
		claims.Bind = bind(x, signIn.Cookie.Partitioned)
	}
	token, err := x.Ring.Mint(claims, x.Now)
	if errors.Is(err, credential.ErrTooLarge) && len(claims.Custom) > 0 {
		h.dropClaims(x, s.Provider, s.ID, claims.Custom)
		claims.Custom = policy.Unsaid(claims.Custom)
		token, err = x.Ring.Mint(claims, x.Now)
	}
	if err != nil && !errors.Is(err, credential.ErrTooLarge) {
		h.Broken(x, err)
		return
	}
	h.addHop(x, a)
	cookie := h.sessionCookie(signIn, token, s.IssuedAt.Add(claims.Lifetime).Sub(x.Now))
	if err == nil && !h.Fits(x, cookie) {
		err = fmt.Errorf("%w: %d bytes, and an answer's header section has %d in all", credential.ErrTooLarge, len(token), public.MaxHeader)
	}
	if err != nil {
		h.tooLarge(x, err, s.Provider, s.ID, len(signIn.Reads.Keep(s.Groups)))
		return
	}
	h.dropOther(x, cookie)
	http.SetCookie(x.W, cookie)
	h.tell(x, slog.LevelInfo, "signed in", slog.String("host", x.Host), slog.String("user", s.ID), slog.String("email", s.Email),
		slog.String("provider", s.Provider), slog.String("policy", signIn.Policy.String()))
	h.leave(x, a, signIn)
}

// leave sends whoever has a session by now where they wanted to go.
func (h *Handler) leave(x *public.Exchange, a *attempt, signIn *policy.SignIn) {
	switch {
	case x.ByScript():
		h.GoTo(x, string(a.Dest))
	case a.Cut:
		h.showKept(x, string(a.Dest))
	case x.R.Method == http.MethodPost:
		// The fragment of a form's address would go along with a redirect (Fetch, HTTP-redirect
		// fetch), and that is the ticket.
		h.MoveOn(x, string(a.Dest))
	case signIn.Cookie.SameSite == policy.SameSiteStrict:
		// A cookie of SameSite=Strict does not go along with a request that another
		// site began, and this one began at the team host. Moving on from a page of
		// this very site does.
		h.MoveOn(x, string(a.Dest))
	default:
		h.Redirect(x, string(a.Dest))
	}
}

// Session returns whose session a request to an application's host carries; nil
// if that is over, void, or none.
func (h *Handler) Session(x *public.Exchange) *policy.Subject {
	s := h.Subject(x.Table.OnHost(x.Host, x.Now, h.SessionDuration), x.Cookies(), "", x.Now).Subject
	if s == nil || s.AuthorizedParty != "" || s.Client != "" || x.Table.Session(x.Host, s, x.Now, h.SessionDuration) != policy.NoReason {
		return nil
	}
	return s
}

// claims are what an application is told: no more than its rules can read.
func (h *Handler) claims(x *public.Exchange, s *policy.Subject, signIn *policy.SignIn) credential.Claims {
	c := credential.Claims{
		Issuer: h.Issuer(), Audience: signIn.Audience, ID: s.ID, User: h.asTold(s).User, Email: s.Email, Provider: s.Provider, Host: x.Host,
		Groups: s.Groups, Custom: s.Claims, AMR: s.AMR, Asked: s.Asked, Evaluations: s.Evaluations,
		PathScoped: isPathScoped(signIn), SignedInAt: s.SignedInAt, IssuedAt: s.IssuedAt, Lifetime: h.lifetime(signIn, s, x.Now),
	}
	if c.Asked == "" { // else it is what is left already, and goes with what it says of itself
		c.Groups, c.AMR, c.Asked = signIn.Reads.Keep(s.Groups), signIn.Reads.KeepAMR(s.AMR), signIn.Reads.Asked()
		var elsewhere bool
		if c.Custom, elsewhere = x.Table.KeepClaims(&signIn.Reads, s.Claims); !elsewhere {
			c.Asked = signIn.Reads.AskedHere()
		}
	}
	return c
}

// duration is how long a session at an application lasts, from when the provider said what
// it says.
func (h *Handler) duration(signIn *policy.SignIn) time.Duration {
	if signIn.Unsaid || signIn.Duration == 0 {
		return max(signIn.Duration, h.SessionDuration)
	}
	return signIn.Duration
}

// isPathScoped reports whether a session is for a part of its host.
func isPathScoped(signIn *policy.SignIn) bool {
	return signIn.Cookie.PathScoped && signIn.Path != "" && signIn.Path != "/"
}

// sessionCookie is the cookie of an application, as its policy wants it.
func (h *Handler) sessionCookie(signIn *policy.SignIn, token string, age time.Duration) *http.Cookie {
	c := &http.Cookie{Name: credential.CookieName, Value: token, Path: "/", //nolint:gosec // the policy says what it is to be
		MaxAge: int(age / time.Second),
		Secure: true, HttpOnly: !signIn.Cookie.ScriptReadable, Partitioned: signIn.Cookie.Partitioned}
	if isPathScoped(signIn) {
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

// bind returns what tells this browser's sessions for parts of the host from those
// that another host planted, and keeps it there. It is no secret and lets nobody in.
func bind(x *public.Exchange, partitioned bool) string {
	bind := x.Cookie(credential.BindCookieName)
	if !isID(bind) {
		bind = public.RandomID()
	}
	setBind(x, bind, partitioned)
	return bind
}

// setBind lets it go along wherever a session may, whatever its SameSite.
func setBind(x *public.Exchange, bind string, partitioned bool) {
	http.SetCookie(x.W, &http.Cookie{Name: credential.BindCookieName, Value: bind, Path: "/", //nolint:gosec // no secret
		MaxAge: int(deviceTime / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode, Partitioned: partitioned})
}

// dropOther removes what would stand beside a session's cookie, and could not be told
// from it: one of the same name in the other jar. It comes first, as browsers that know
// of one jar only would take it for the same.
func (h *Handler) dropOther(x *public.Exchange, c *http.Cookie) {
	other := droppedCookie(c.Name, c.Path, !c.Partitioned)
	if _, err := x.R.Cookie(c.Name); err == nil && c.Name == credential.CookieName && h.Fits(x, c, other) {
		http.SetCookie(x.W, other)
	}
}
