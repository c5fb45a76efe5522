// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// configured reports whether anybody can sign in.
func (h *Handler) configured() bool {
	return h.TeamURL.Hostname() != noTeamHost && len(h.Providers.Permitted(nil)) > 0
}

// noTeamHost is the team host of an installation that was given none.
const noTeamHost = "ostiary.invalid"

// A visit is an attempt that has arrived at the team host.
type visit struct {
	attempt
	target policy.Target
	signIn policy.SignIn
}

// arrive opens the attempt of a request for login/HOST.
func (h *Handler) arrive(x *exchange, host, sealed string) (visit, bool) {
	var a attempt
	err := x.ring.Open(purposeAttempt, sealed, &a, x.now)
	if err == nil && a.Host != canonicalHost(host) {
		err = errOtherHost
	}
	if err == nil {
		x.dest = string(a.Dest)
	}
	if err == nil && a.over(x.now) {
		if s, _ := h.teamSubject(x); s != nil && x.r.Method == http.MethodGet {
			// Somebody came back to this address. The application begins anew.
			h.redirect(x, h.own(a.Host, "login", url.Values{"rd": {x.dest}}))
			return visit{}, false
		}
		err = errOver
	}
	if err != nil {
		h.startOver(x, canonicalHost(host), "expired-attempt", "This sign-in took too long",
			"Signing in has to be done within ten minutes, beginning at the application.")
		return visit{}, false
	}
	return h.visitFor(x, a)
}

// visitFor finds out what an attempt takes.
func (h *Handler) visitFor(x *exchange, a attempt) (v visit, ok bool) {
	v.attempt = a
	var err error
	if v.target, err = targetOf(string(a.Dest)); err != nil || v.target.Host() != a.Host {
		v.target = h.root(a.Host)
	}
	if v.signIn, ok = x.table.SignIn(v.target, h.origin(v.Host)); !ok {
		h.fail(x, http.StatusForbidden, "no-policy", "Not permitted", "No valid access rules exist for this address, so nobody can open it.")
	}
	return v, ok
}

var errOver = errors.New("the time for the attempt is over")

var errOtherHost = errors.New("the attempt is for another host")

func canonicalHost(host string) string {
	t, err := policy.NewTarget(host, "/")
	if err != nil {
		return ""
	}
	return t.Host()
}

// teamLogin is the team host's page for an attempt: straight back with a ticket
// for whoever has a session here, and otherwise a way to get one.
func (h *Handler) teamLogin(x *exchange, host string) {
	if x.r.Method == http.MethodPost {
		h.password(x, host)
		return
	}
	if !h.get(x) {
		return
	}
	if !x.query.Has("attempt") && x.table.Claims(canonicalHost(host)) {
		// A link to sign in, as Cloudflare's own library makes them: it begins at
		// the application, which alone can remember who began.
		h.redirect(x, h.own(canonicalHost(host), "login", url.Values{"rd": {x.query.Get("redirect_url")}}))
		return
	}
	if !h.configured() { // or not yet: a session that is there must not be dropped for it
		h.notConfigured(x)
		return
	}
	v, ok := h.arrive(x, host, x.query.Get("attempt"))
	if !ok {
		return
	}
	subject, why := h.teamSubject(x)
	if subject != nil {
		h.known(x, v, subject)
		return
	}
	if x.query.Has("done") {
		h.fail(x, http.StatusForbidden, "no-cookie", "Your browser keeps no cookies for this site",
			"Signing in worked, but the session did not arrive. Allow cookies for "+h.teamHost()+" and open the application again.")
		return
	}
	if x.cookie(teamCookie) != "" {
		x.dropCookie(teamCookie) // it is of no use, or somebody else planted it
	}
	h.offer(x, v, why == policy.SessionRevoked) // the provider may still know them
}

// known goes on with somebody who has a session at the team host.
func (h *Handler) known(x *exchange, v visit, s *policy.Subject) {
	d := h.judge(x, v.target, s, &v.signIn)
	switch {
	case d.Verdict == policy.Admit:
		h.issue(x, v, s)
	case d.Verdict == policy.Challenge && !x.query.Has("done"):
		h.offer(x, v, true)
	default:
		h.deny(x, v.Host, &d, s, &v.signIn)
	}
}

// teamSubject returns who is signed in at the team host.
func (h *Handler) teamSubject(x *exchange) (*policy.Subject, policy.Reason) {
	value := x.cookie(teamCookie)
	if value == "" {
		return nil, policy.NoSession
	}
	s, why := x.ring.OpenTeam(value, h.issuer(), x.now)
	switch {
	case s == nil:
		return nil, why
	case x.now.Sub(s.SignedInAt) >= h.SessionDuration:
		return nil, policy.SessionExpired
	case x.table.Revoked(h.told(s)):
		return nil, policy.SessionRevoked
	}
	// Not all of their groups fitted. If rules look at others by now, the provider has
	// to be asked; if not, what is there is all that there is to know.
	if s.Asked != "" && s.Asked != x.table.AskedAll() {
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

// told is a subject as applications know it, and as revocations may name it.
func (h *Handler) told(s *policy.Subject) *policy.Subject {
	told := *s
	told.User = h.Providers.UserName(s.Provider, s.Name())
	return &told
}

// offer shows the ways to sign in; the only one is taken without asking.
func (h *Handler) offer(x *exchange, v visit, again bool) {
	permitted := h.Providers.Permitted(v.signIn.Providers)
	named := x.query.Get("idp")
	var chosen *idp.Provider
	for _, p := range permitted {
		if p.Name() == named || len(permitted) == 1 {
			chosen = p
		}
	}
	switch {
	case len(permitted) == 0:
		h.fail(x, http.StatusServiceUnavailable, "not-configured", "Nobody can sign in to this application",
			"None of the identity providers that its access rules allow is set up. Please tell whoever runs it.")
	case chosen == nil:
		h.choose(x, v, permitted, again)
	case chosen.Password():
		h.showForm(x, http.StatusOK, v, x.query.Get("attempt"), chosen, "", "")
	default:
		h.visitProvider(x, v, chosen, providerLogin{Anew: again || x.query.Has("again")})
	}
}

func (h *Handler) choose(x *exchange, v visit, permitted []*idp.Provider, again bool) {
	view := web.ChooserView{Host: v.Host}
	for _, p := range permitted {
		q := url.Values{"attempt": {x.query.Get("attempt")}, "idp": {p.Name()}}
		if again {
			q.Set("again", "1")
		}
		view.Providers = append(view.Providers, web.ProviderLink{Name: p.DisplayName(), URL: h.own(h.teamHost(), "login/"+v.Host, q)})
	}
	h.page(x, http.StatusOK, "choose a provider", web.Chooser(view))
}

// signedIn gives the browser a new session at the team host, and goes on from
// there: a ticket besides the cookie would not fit a proxy's buffer.
func (h *Handler) signedIn(x *exchange, who idp.Identity, a attempt) {
	cookie, err := h.teamSession(x, who)
	if err != nil {
		h.tooLarge(x, err, who.Provider, who.ID, len(who.Groups))
		return
	}
	http.SetCookie(x.w, cookie)
	h.rememberDevice(x, who.Provider+"\x00"+who.ID)
	h.toTeam(x, a, url.Values{"done": {"1"}})
}

// teamSession makes a session at the team host: with all groups if they fit, and
// otherwise with those that rules ask about.
func (h *Handler) teamSession(x *exchange, who idp.Identity) (*http.Cookie, error) {
	c := credential.Claims{Issuer: h.issuer(), Audience: []string{h.issuer()}, ID: who.ID, User: who.User, Email: who.Email,
		Groups: who.Groups, AMR: who.AMR, Provider: who.Provider, SignedInAt: h.signInTime(x, who), IssuedAt: x.now, Lifetime: h.SessionDuration}
	if who.Unsaid.Groups { // no rule looks at any (saysEnough), and one that is made later must not take that for none
		c.Groups, c.Asked = nil, x.table.AskedAll()
	}
	cookie, err := h.teamCookieOf(x, c)
	if errors.Is(err, credential.ErrTooLarge) {
		reads := x.table.Reads()
		c.Groups, c.Asked = reads.Keep(who.Groups), x.table.AskedAll()
		cookie, err = h.teamCookieOf(x, c)
	}
	return cookie, err
}

func (h *Handler) teamCookieOf(x *exchange, c credential.Claims) (*http.Cookie, error) {
	token, err := x.ring.MintTeam(c, x.now)
	if err != nil {
		return nil, err
	}
	cookie := newCookie(teamCookie, token, h.SessionDuration)
	if !h.fits(x, cookie) {
		err = fmt.Errorf("%w: %d bytes, and an answer's header section has %d in all", credential.ErrTooLarge, len(token), MaxHeader)
	}
	return cookie, err
}

// tooLarge says that somebody has too many groups, and to whom it has to be said.
func (h *Handler) tooLarge(x *exchange, err error, provider, user string, groups int) {
	x.w.Header().Del("Set-Cookie")
	h.fail(x, http.StatusInternalServerError, "token-too-large", "Too much to remember",
		"Your account has more groups than fit into a cookie. Tell whoever runs this site: fewer or shorter groups in the access rules, or at the identity provider, help.")
	h.Log.Warn("no session can be made: it does not fit a cookie. Fewer or shorter groups in the access rules, or at the identity provider, help",
		"error", err, "provider", provider, "user", user, "groups", groups, "host", x.host, "requestID", x.id)
}

// signInTime is now, in whole seconds as tokens have them. Whoever signed out
// everywhere a moment ago waits until that second has passed: their new session
// would be void from the start.
func (h *Handler) signInTime(x *exchange, who idp.Identity) time.Time {
	s := h.told(&policy.Subject{ID: who.ID, User: who.User, Email: who.Email, Provider: who.Provider, SignedInAt: x.now.Truncate(time.Second)})
	if x.table.Revoked(s) {
		s.SignedInAt = s.SignedInAt.Add(time.Second)
		if !x.table.Revoked(s) {
			select {
			case <-time.After(s.SignedInAt.Sub(x.now)):
			case <-x.r.Context().Done():
			}
			x.now = h.Now()
		}
	}
	return s.SignedInAt
}

// issue sends the browser back to the application with a ticket.
func (h *Handler) issue(x *exchange, v visit, s *policy.Subject) {
	t := ticket{Attempt: v.attempt, IssuedAt: x.now.Unix(), ID: s.ID, User: s.User, Email: s.Email, Groups: v.signIn.Reads.Keep(s.Groups), AMR: v.signIn.Reads.KeepAMR(s.AMR), Asked: v.signIn.Reads.Asked(), Provider: s.Provider, SignedIn: s.SignedInAt.Unix()}
	seal := func() (string, error) { return x.ring.Seal(purposeTicket, t, x.now.Add(readTime), x.now) }
	sealed, err := seal()
	if errors.Is(err, credential.ErrTooLarge) { // who it is matters more than the query
		dest, _, cut := strings.Cut(x.dest, "?")
		t.Attempt.Dest, t.Attempt.Cut = text(dest), t.Attempt.Cut || cut
		sealed, err = seal()
	}
	switch {
	case errors.Is(err, credential.ErrTooLarge):
		h.tooLarge(x, err, s.Provider, s.ID, len(t.Groups))
	case err != nil:
		h.broken(x, err)
	default:
		h.redirect(x, h.own(v.Host, "authorized", url.Values{"ticket": {sealed}}))
	}
}
