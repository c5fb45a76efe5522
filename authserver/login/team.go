// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

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
	sealed string // the attempt as it came, to send along
	target policy.Target
	signIn policy.SignIn
}

// arrive opens the attempt of a request for login/HOST.
func (h *Handler) arrive(x *exchange, host, sealed string) (visit, bool) {
	v := visit{sealed: sealed}
	err := x.ring.Open(purposeAttempt, sealed, &v.attempt, x.now)
	if err == nil && v.Host != canonicalHost(host) {
		err = errOtherHost
	}
	if err == nil {
		v.target, err = policy.NewTarget(v.Host, v.Path)
	}
	if err != nil {
		h.startOver(x, canonicalHost(host), "expired-attempt", "This sign-in took too long",
			"Signing in has to be done within ten minutes, beginning at the application.")
		return v, false
	}
	var ok bool
	if v.signIn, ok = x.table.SignIn(v.target, h.origin(v.Host)); !ok {
		h.fail(x, http.StatusForbidden, "no-policy", "Not permitted", "No valid access rules exist for this address, so nobody can open it.")
		return v, false
	}
	return v, true
}

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
		x.redirect(h.own(canonicalHost(host), "login", url.Values{"rd": {x.query.Get("redirect_url")}}))
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
	case x.table.Revoked(s):
		return nil, policy.SessionRevoked
	}
	// A provider that was removed takes its users along, as does the list of the
	// built-in ones.
	if p := h.Providers.Find(s.Provider); p == nil || !p.Knows(s.ID) {
		return nil, policy.SessionRevoked
	}
	return s, policy.NoReason
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
		h.showForm(x, http.StatusOK, v, chosen, "", "")
	default:
		h.visitProvider(x, v, chosen, again || x.query.Has("again"))
	}
}

func (h *Handler) choose(x *exchange, v visit, permitted []*idp.Provider, again bool) {
	view := web.ChooserView{Host: v.Host}
	for _, p := range permitted {
		q := url.Values{"attempt": {v.sealed}, "idp": {p.Name()}}
		if again {
			q.Set("again", "1")
		}
		view.Providers = append(view.Providers, web.ProviderLink{Name: p.DisplayName(), URL: h.own(h.teamHost(), "login/"+v.Host, q)})
	}
	h.page(x, http.StatusOK, "choose a provider", web.Chooser(view))
}

// visitProvider sends the browser to an OpenID provider.
func (h *Handler) visitProvider(x *exchange, v visit, p *idp.Provider, again bool) {
	if !h.limits.start(h.Address(x.r), x.now) {
		h.tooMany(x)
		return
	}
	l := providerLogin{State: randomID(), Nonce: randomID(), Verifier: oauth2.GenerateVerifier(), Provider: p.Name(), Attempt: v.attempt, Again: again, At: x.now.Unix()}
	sealed, err := x.ring.Seal(purposeProvider, l, x.now.Add(attemptTime), x.now)
	if err != nil {
		h.broken(x, err)
		return
	}
	to, err := p.AuthCodeURL(x.r.Context(), idp.Start{State: l.State, Nonce: l.Nonce, Verifier: l.Verifier, RedirectURI: h.callbackURL(p.Name()), Reauthenticate: again})
	if err != nil {
		h.providerFailed(x, p, v.Host, err)
		return
	}
	x.setCookie(providerCookie+l.State, sealed, attemptTime)
	x.redirect(to)
}

func (h *Handler) callbackURL(provider string) string {
	return h.own(h.teamHost(), "idp/"+provider+"/callback", nil)
}

// callback is where an identity provider sends people back to.
func (h *Handler) callback(x *exchange, name string) {
	if !h.get(x) {
		return
	}
	l, ok := h.visitOf(x, name)
	if !ok {
		h.fail(x, http.StatusBadRequest, "no-state", "This sign-in cannot be finished here",
			"It was begun in another browser, was finished already, or took longer than ten minutes. Open the application again.")
		return
	}
	x.dropCookie(providerCookie + l.State)
	if !h.limits.start(h.Address(x.r), x.now) {
		h.tooMany(x)
		return
	}
	p := h.Providers.Find(name)
	if p == nil || p.Password() {
		h.fail(x, http.StatusBadRequest, "no-provider", "This way to sign in is gone", "Its settings were removed a moment ago. Open the application again.")
		return
	}
	if x.query.Has("error") || !x.query.Has("code") {
		h.providerRefused(x, p, &l)
		return
	}
	identity, err := p.Exchange(x.r.Context(), idp.Callback{Code: x.query.Get("code"), Issuer: x.query.Get("iss"), Nonce: l.Nonce,
		Verifier: l.Verifier, RedirectURI: h.callbackURL(name), Reauthenticate: l.Again, Started: time.Unix(l.At, 0)})
	if err != nil {
		h.providerFailed(x, p, l.Attempt.Host, err)
		return
	}
	h.signedIn(x, identity, l.Attempt)
}

// visitOf returns the visit that a callback ends, if this browser began it.
func (h *Handler) visitOf(x *exchange, provider string) (l providerLogin, ok bool) {
	state := x.query["state"]
	if len(state) != 1 || !isID(state[0]) {
		return l, false
	}
	err := x.ring.Open(purposeProvider, x.cookie(providerCookie+state[0]), &l, x.now)
	return l, err == nil && l.State == state[0] && l.Provider == provider
}

// signedIn gives the browser a new session at the team host, and goes on from
// there: a ticket besides the cookie would not fit a proxy's buffer.
func (h *Handler) signedIn(x *exchange, who idp.Identity, a attempt) {
	token, err := h.teamToken(x, who)
	if err != nil {
		h.fail(x, http.StatusInternalServerError, "token-too-large", "Signing in did not work",
			"What your identity provider says about you cannot be kept in a cookie. Tell whoever runs this site, with the lines below.")
		h.Log.Warn("no session can be made", "error", err, "provider", who.Provider, "user", who.ID, "requestID", x.id)
		return
	}
	x.setCookie(teamCookie, token, h.SessionDuration)
	if err := h.toTeam(x, a, url.Values{"done": {"1"}}); err != nil {
		h.broken(x, err)
	}
}

// teamToken makes a session at the team host: with all groups if they fit, and
// otherwise with those that rules ask about.
func (h *Handler) teamToken(x *exchange, who idp.Identity) (string, error) {
	c := credential.Claims{Issuer: h.issuer(), Audience: []string{h.issuer()}, ID: who.ID, Email: who.Email,
		Groups: who.Groups, AMR: who.AMR, Provider: who.Provider, SignedInAt: h.signInTime(x, who), IssuedAt: x.now, Lifetime: h.SessionDuration}
	token, err := x.ring.MintTeam(c, x.now)
	if errors.Is(err, credential.ErrTooLarge) {
		reads := x.table.Reads()
		c.Groups, c.Asked = reads.Keep(who.Groups), reads.Asked()
		token, err = x.ring.MintTeam(c, x.now)
	}
	return token, err
}

// signInTime is now, in whole seconds as tokens have them. Whoever signed out
// everywhere a moment ago waits until that second has passed: their new session
// would be void from the start.
func (h *Handler) signInTime(x *exchange, who idp.Identity) time.Time {
	s := &policy.Subject{ID: who.ID, Email: who.Email, Provider: who.Provider, SignedInAt: x.now.Truncate(time.Second)}
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
	t := ticket{Attempt: v.ID, Host: v.Host, ID: s.ID, Email: s.Email, Groups: v.signIn.Reads.Keep(s.Groups), Asked: cmp.Or(s.Asked, v.signIn.Reads.Asked()), Provider: s.Provider, SignedIn: s.SignedInAt.Unix()}
	if v.signIn.Reads.AMR {
		t.AMR = s.AMR
	}
	sealed, err := x.ring.Seal(purposeTicket, t, x.now.Add(ticketTime), x.now)
	if err != nil {
		h.broken(x, err)
		return
	}
	x.redirect(h.own(v.Host, "authorized", url.Values{"ticket": {sealed}}))
}

// maxForm bounds the body of a form.
const maxForm = 16 << 10

// password takes the form of the built-in users.
func (h *Handler) password(x *exchange, host string) {
	x.r.Body = http.MaxBytesReader(x.w, x.r.Body, maxForm)
	if err := x.r.ParseForm(); err != nil {
		h.fail(x, http.StatusBadRequest, "bad-request", "This form cannot be read", "Open the application again.")
		return
	}
	form := x.r.PostForm
	v, ok := h.arrive(x, host, form.Get("attempt"))
	if !ok {
		return
	}
	var p *idp.Provider
	for _, permitted := range h.Providers.Permitted(v.signIn.Providers) {
		if permitted.Name() == form.Get("idp") && permitted.Password() {
			p = permitted
		}
	}
	if p == nil {
		h.fail(x, http.StatusBadRequest, "no-provider", "This way to sign in is gone", "Its settings were changed a moment ago. Open the application again.")
		return
	}
	name := form.Get("username")
	account := p.Name() + "\x00" + strings.ToLower(name)
	if !h.limits.guess(h.Address(x.r), account, x.deviceOf(account), x.now) {
		h.tooMany(x)
		return
	}
	identity, err := p.CheckPassword(x.r.Context(), name, form.Get("password"))
	switch {
	case errors.Is(err, idp.ErrWrongPassword):
		h.Log.Info("sign-in failed", "provider", p.Name(), "host", v.Host, "requestID", x.id)
		h.showForm(x, http.StatusUnauthorized, v, p, name, "The name or the password is wrong.")
	case errors.Is(err, idp.ErrBusy):
		x.w.Header().Set("Retry-After", "5")
		h.showForm(x, http.StatusServiceUnavailable, v, p, name, "Too many people are signing in right now. Try again in a moment.")
	case err != nil:
		h.providerFailed(x, p, v.Host, err)
	default:
		x.rememberDevice(account)
		h.signedIn(x, identity, v.attempt)
	}
}

func (h *Handler) showForm(x *exchange, status int, v visit, p *idp.Provider, name, problem string) {
	h.page(x, status, "sign in", web.Login(web.LoginView{
		Host: v.Host, Provider: p.DisplayName(), Action: h.own(h.teamHost(), "login/"+v.Host, nil),
		Hidden:   []web.Field{{Name: "attempt", Value: v.sealed}, {Name: "idp", Value: p.Name()}},
		Username: name, Problem: problem, RequestID: x.id,
	}))
}
