// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/authserver/idp/passkey"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// recently is how long ago somebody may have signed in who sets up a factor: whoever finds a
// browser open must not make it theirs.
const recently = 5 * time.Minute

// errThere: a factor was set up meanwhile.
var errThere = errors.New("a second factor was set up meanwhile")

// showEnrol shows how to set up an app with the secret of a step.
func (h *Handler) showEnrol(x *public.Exchange, status int, step *secondStep, problem string) {
	sealed, ok := h.sealStep(x, step)
	if !ok {
		return
	}
	v := web.EnrolView{Host: h.TeamHost(), Action: h.Own(h.TeamHost(), "second-factor", nil),
		Step: sealed, Account: step.User, Secret: factor.SecretText(step.Secret), Required: !step.Session, Problem: problem,
		HomeURL: h.Origin(h.TeamHost()) + "/", RequestID: x.ID}
	if form, err := h.firstPasskeyForm(step, sealed); err == nil && !step.Session { // else there is the app
		v.Passkey = form
		h.PasskeyPage(x, status, "set up a second factor", web.Enrol(v))
		return
	}
	h.Page(x, status, "set up a second factor", web.Enrol(v))
}

// takeEnrolment keeps the secret of an app that shows the right code.
func (h *Handler) takeEnrolment(x *public.Exchange, step *secondStep, p *idp.Provider, who idp.Identity) {
	s, _ := h.TeamSubject(x)
	if step.Session && (s == nil || s.Provider != p.Name() || s.ID != who.ID) {
		h.stateUsed(x) // they signed out meanwhile, or are somebody else by now
		return
	}
	app := factor.TOTP{Secret: step.Secret, Created: x.Now}
	if !app.Use(x.R.PostForm.Get("code"), x.Now) { // no guess: the secret is on the page
		h.showEnrol(x, http.StatusUnauthorized, step, web.WrongCode)
		return
	}
	codes, err := h.addTOTP(x, p, who.ID, app, step.Session && slices.Contains(s.AMR, "mfa"))
	switch {
	case errors.Is(err, errThere):
		h.Fail(x, web.FactorChanged)
		return
	case err != nil:
		h.factorsFailed(x, p, step.Attempt.Host, who.ID, err)
		return
	}
	h.changed(x, factor.AddedTOTP, p, who.ID)
	if step.Session {
		h.showCodes(x, codes, h.Own(h.TeamHost(), "second-factor", nil))
		return
	}
	h.enrolledIn(x, &step.Attempt, who, byTOTP, codes)
}

// addTOTP keeps an app, and returns the recovery codes that come with somebody's first factor.
// Only who is signed in by a second factor (proven) adds one to others.
func (h *Handler) addTOTP(x *public.Exchange, p *idp.Provider, id string, app factor.TOTP, proven bool) (codes []string, err error) {
	err = h.changeFactors(x, p, id, func(e *factor.Enrolled) error {
		if e.TOTP != nil || e.Any() && !proven {
			return errThere
		}
		one := app
		e.TOTP, codes = &one, nil
		if len(e.Recovery) == 0 {
			codes = e.NewRecovery()
		}
		e.Note(factor.AddedTOTP, x.Now, h.from(x))
		return nil
	})
	return codes, err
}

// enrolledIn signs in whoever has set up their first factor on the way, once they have seen their
// codes.
func (h *Handler) enrolledIn(x *public.Exchange, a *attempt, who idp.Identity, methods, codes []string) {
	who.AMR, who.Claims = methods, unclaimed(h.wanted(x, a))
	hasSignedInAnew(x)
	if !h.startSession(x, who, a) {
		return
	}
	if next, ok := h.teamAddress(x, *a, url.Values{"done": {"1"}}); ok {
		h.showCodes(x, codes, next)
	}
}

// showCodes shows recovery codes, this once, and leads on.
func (h *Handler) showCodes(x *public.Exchange, codes []string, next string) {
	if len(codes) == 0 {
		h.Redirect(x, next)
		return
	}
	h.Page(x, http.StatusOK, "recovery codes", web.Codes(web.CodesView{Host: h.TeamHost(), Codes: codes, Next: next}))
}

// secondFactor is the page of somebody's second factors, and takes the forms of those who sign in
// with one.
func (h *Handler) secondFactor(x *public.Exchange) {
	if x.R.Method != http.MethodPost {
		if h.Get(x) {
			h.showFactors(x, http.StatusOK, "")
		}
		return
	}
	if !h.ReadForm(x) {
		return
	}
	if x.R.PostForm.Has("step") {
		h.takeStep(x)
		return
	}
	h.takeWish(x)
}

// mine returns whose page it is. If it is false, the request is answered.
func (h *Handler) mine(x *public.Exchange) (s *policy.Subject, p *idp.Provider, ok bool) {
	if s, _ = h.TeamSubject(x); s == nil {
		own, _ := h.Ours(x.R.URL.Path)
		h.Redirect(x, h.Own(x.Host, "login", url.Values{"rd": {h.PathPrefix + "/" + own}}))
		return nil, nil, false
	}
	if p = h.Providers.Find(s.Provider); !hasFactors(p) {
		h.Fail(x, web.NothingHere)
		return nil, nil, false
	}
	return s, p, true
}

// hasFactors reports whether users of a provider can have second factors here.
func hasFactors(p *idp.Provider) bool {
	if p == nil || !p.Password() {
		return false
	}
	mode, _ := p.SecondFactor()
	return mode != ""
}

func (h *Handler) showFactors(x *public.Exchange, status int, problem string) {
	s, p, ok := h.mine(x)
	if !ok {
		return
	}
	e, err := h.enrolled(x.R.Context(), p, s.ID)
	if err != nil {
		h.factorsFailed(x, p, x.Host, s.ID, err)
		return
	}
	if x.Query.Has("again") && x.R.Method == http.MethodGet && !h.mayChange(x, s, &e) {
		h.askAgain(x, p, "second-factor")
		return
	}
	v := web.FactorsView{Host: x.Host, SignedInAs: cmp.Or(s.Email, s.Name()), Action: h.Own(x.Host, "second-factor", nil),
		Left: len(e.Recovery), Problem: problem, Changes: shownChanges(&e), SessionsURL: h.Own(x.Host, "sessions", nil), RequestID: x.ID}
	if _, err := passkey.New(h.Origin(x.Host)); err == nil {
		v.PasskeysURL = h.Own(x.Host, "passkeys", nil)
	}
	if e.TOTP != nil {
		v.App, v.Since = true, e.TOTP.Created
	}
	h.Page(x, status, "second factors", web.Factors(v))
}

// shownChanges are the latest changes, the last one first.
func shownChanges(e *factor.Enrolled) (out []web.FactorChange) {
	for i := len(e.Changes) - 1; i >= 0; i-- {
		c := e.Changes[i]
		out = append(out, web.FactorChange{What: web.FactorWords(string(c.What)), At: c.At, From: c.From})
	}
	return out
}

// isRecent reports whether somebody has just signed in.
func (h *Handler) isRecent(x *public.Exchange, s *policy.Subject) bool {
	return x.Now.Sub(s.SignedInAt) <= recently
}

// askAgain has somebody sign in once more, and come back to a page.
func (h *Handler) askAgain(x *public.Exchange, p *idp.Provider, page string) {
	v, ok := h.errand(x, &Errand{Page: h.Own(h.TeamHost(), page, nil)})
	if ok {
		h.showForm(x, http.StatusOK, v, x.Query.Get("attempt"), p, "", "")
	}
}

// takeWish takes what somebody wants to do with their second factors.
func (h *Handler) takeWish(x *public.Exchange) {
	s, p, ok := h.mine(x)
	if !ok {
		return
	}
	switch x.R.PostForm.Get("do") {
	case "add":
		h.beginEnrolment(x, s, p)
	case "remove":
		h.changeMine(x, s, p, factor.RemovedTOTP, func(e *factor.Enrolled) []string { e.TOTP = nil; return nil })
	case "codes":
		h.changeMine(x, s, p, factor.NewRecovery, func(e *factor.Enrolled) []string { return e.NewRecovery() })
	default:
		h.Fail(x, web.DamagedForm)
	}
}

// beginEnrolment shows somebody who is signed in how to set up an app.
func (h *Handler) beginEnrolment(x *public.Exchange, s *policy.Subject, p *idp.Provider) {
	page := h.Own(x.Host, "second-factor", nil)
	e, err := h.enrolled(x.R.Context(), p, s.ID)
	switch {
	case err != nil:
		h.factorsFailed(x, p, x.Host, s.ID, err)
	case !h.mayChange(x, s, &e):
		h.Redirect(x, page+"?again=1")
	case e.TOTP != nil:
		h.Redirect(x, page)
	default:
		h.showEnrol(x, http.StatusOK, &secondStep{Provider: p.Name(), User: s.ID, Attempt: attempt{Host: x.Host, Dest: text(page)},
			Browser: digest(h.keepKey(x, false)), At: x.Now.Unix(), Secret: factor.NewSecret(), Session: true}, "")
	}
}

// changeMine makes a change for whoever has the right code.
func (h *Handler) changeMine(x *public.Exchange, s *policy.Subject, p *idp.Provider, what factor.What,
	change func(*factor.Enrolled) []string) {
	var used proof
	var codes []string
	err := h.useCode(x, p, s.ID, x.Host, &used, func(e *factor.Enrolled) {
		codes = change(e)
		e.Note(what, x.Now, h.from(x))
	})
	switch {
	case errors.Is(err, errLimited):
	case errors.Is(err, factor.ErrUsed):
		h.showFactors(x, http.StatusUnauthorized, web.WrongCode)
	case errors.Is(err, errNoFactor):
		h.Fail(x, web.FactorChanged)
	case err != nil:
		h.factorsFailed(x, p, x.Host, s.ID, err)
	default:
		h.changed(x, what, p, s.ID)
		h.showCodes(x, codes, h.Own(x.Host, "second-factor", nil))
	}
}
