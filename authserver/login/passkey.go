// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/authserver/idp/passkey"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// A newPasskey is what somebody has to do to add one. It travels sealed, in a form, and is void
// without the browser's key.
type newPasskey struct {
	Provider string `json:"p"`
	User     string `json:"u"`
	Browser  string `json:"b"`
	Handle   []byte `json:"h"`
}

// challengeOf is what a passkey has to sign for a form of this browser. Each form is sealed with
// randomness of its own, and so has another one.
func challengeOf(key, sealed string) string { return derive(key, "passkey", sealed) }

// keysOf are somebody's passkeys. If one cannot be read, none is: it may be the one that was
// to be asked for.
func keysOf(e *factor.Enrolled) ([]passkey.Key, error) {
	keys := make([]passkey.Key, len(e.Passkeys))
	for i, one := range e.Passkeys {
		var err error
		if keys[i], err = passkey.Parse(one.Credential); err != nil {
			return nil, fmt.Errorf("%w: %w", factor.ErrRecord, err)
		}
	}
	return keys, nil
}

// passkeyForm is what asks for one of somebody's passkeys; nil: they have none.
func (h *Handler) passkeyForm(key, sealed string, e *factor.Enrolled) (*web.PasskeyForm, error) {
	keys, err := keysOf(e)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	party, err := passkey.New(h.Origin(h.TeamHost()))
	if err != nil {
		if e.TOTP != nil || len(e.Recovery) > 0 { // the installation has moved: what else they have is good
			return nil, nil
		}
		return nil, err
	}
	asked, err := party.Request(challengeOf(key, sealed), keys)
	return &web.PasskeyForm{Action: h.Own(h.TeamHost(), "second-factor", nil),
		Hidden: []web.Field{{Name: "step", Value: sealed}}, Get: string(asked)}, err
}

// provePasskey uses the answer of a passkey up, to the challenge of the form that it came with.
func (h *Handler) provePasskey(x *public.Exchange, p *idp.Provider, id string, e *factor.Enrolled) (proof, error) {
	var step secondStep
	sealed := x.R.PostForm.Get("step")
	if err := x.Ring.Open(purposeFactor, sealed, &step, x.Now); err != nil {
		return proof{}, factor.ErrUsed
	}
	key, mine := holds(x, step.Browser)
	if !mine || step.Provider != p.Name() || step.User != id {
		return proof{}, factor.ErrUsed
	}
	keys, err := keysOf(e)
	if err != nil {
		return proof{}, err
	}
	party, err := passkey.New(h.Origin(h.TeamHost()))
	if err != nil {
		return proof{}, fmt.Errorf("%w: %w", factor.ErrUsed, err)
	}
	i, used, err := party.Assert(challengeOf(key, sealed), keys, x.R.PostForm.Get("passkey"), x.Now, time.Unix(step.At, 0).Add(attemptTime))
	if err != nil {
		return proof{}, fmt.Errorf("%w: %w", factor.ErrUsed, err)
	}
	if e.Passkeys[i].Credential, err = used.Marshal(); err != nil {
		return proof{}, err
	}
	return proof{methods: append(slices.Clone(byPassword), used.AMR()...), left: len(e.Recovery)}, nil
}

// passkeyProblem is what people are told is wrong with an answer.
func passkeyProblem(err error) string {
	switch {
	case errors.Is(err, passkey.ErrUnverified):
		return web.KeyUnverified
	case errors.Is(err, passkey.ErrCounter):
		return web.KeyCopied
	case errors.Is(err, passkey.ErrUnknown):
		return web.KeyUnknown
	case errors.Is(err, passkey.ErrRegistered):
		return web.KeyRegistered
	case errors.Is(err, passkey.ErrSpent), errors.Is(err, passkey.ErrTooOften):
		return web.KeyLate
	}
	return web.KeyInvalid
}

// refusedPasskey leaves a line in the log on what was wrong with an answer: whoever operates the
// installation has to hear of copies.
func (h *Handler) refusedPasskey(x *public.Exchange, p *idp.Provider, id string, err error) {
	h.Log.Warn("a passkey was refused", "error", err, "provider", p.Name(), "user", id, "address", h.from(x), "requestID", x.ID)
}

// passkeys is the page of somebody's passkeys.
func (h *Handler) passkeys(x *public.Exchange) {
	if x.R.Method != http.MethodPost {
		if h.Get(x) {
			h.showPasskeys(x, http.StatusOK, "")
		}
		return
	}
	if !h.ReadForm(x) {
		return
	}
	s, p, ok := h.mine(x)
	if !ok {
		return
	}
	switch {
	case x.R.PostForm.Has("remove"):
		h.removePasskey(x, s, p, x.R.PostForm.Get("remove"))
	case x.R.PostForm.Has("passkey"):
		h.addPasskey(x, s, p)
	default:
		h.Fail(x, web.DamagedForm)
	}
}

// errNotNow: they have to sign in again first.
var errNotNow = errors.New("the sign-in is not recent, or was without the second factor")

// mayChange reports whether somebody may change their passkeys now: if they have just signed in,
// with a second factor if they have one. A password alone neither adds a passkey to others nor
// removes one.
func (h *Handler) mayChange(x *public.Exchange, s *policy.Subject, e *factor.Enrolled) bool {
	return h.isRecent(x, s) && (!e.Any() || slices.Contains(s.AMR, "mfa"))
}

func (h *Handler) showPasskeys(x *public.Exchange, status int, problem string) {
	s, p, ok := h.mine(x)
	if !ok {
		return
	}
	e, err := h.enrolled(x.R.Context(), p, s.ID)
	if err != nil {
		h.factorsFailed(x, p, x.Host, s.ID, err)
		return
	}
	if !h.mayChange(x, s, &e) {
		h.askAgain(x, p, "passkeys")
		return
	}
	v := web.PasskeysView{Host: x.Host, SignedInAs: cmp.Or(s.Email, s.Name()), Action: h.Own(x.Host, "passkeys", nil), Problem: problem,
		Done: doneWords(x.Query.Get("was")), SessionsURL: h.Own(x.Host, "sessions", nil), HomeURL: h.Origin(x.Host) + "/", RequestID: x.ID}
	for _, one := range e.Passkeys {
		v.Keys = append(v.Keys, web.PasskeyShown{Name: one.Name, Since: one.Created})
	}
	if v.Form, err = h.creationForm(x, s, p, &e); err != nil {
		h.factorsFailed(x, p, x.Host, s.ID, err)
		return
	}
	h.PasskeyPage(x, status, "passkeys", web.Passkeys(v))
}

// doneWords are what was done on the way to the page.
func doneWords(was string) string {
	switch was {
	case "added":
		return web.KeyAdded
	case "removed":
		return web.KeyRemoved
	}
	return ""
}

// creationForm is what makes another passkey; nil: there are enough.
func (h *Handler) creationForm(x *public.Exchange, s *policy.Subject, p *idp.Provider, e *factor.Enrolled) (*web.PasskeyForm, error) {
	keys, err := keysOf(e)
	if err != nil || len(keys) >= factor.MaxPasskeys {
		return nil, err
	}
	party, err := passkey.New(h.Origin(h.TeamHost()))
	if err != nil {
		return nil, err
	}
	key := h.keepKey(x, false)
	step := newPasskey{Provider: p.Name(), User: s.ID, Browser: digest(key), Handle: passkey.HandleFor(keys)}
	sealed, err := x.Ring.Seal(purposePasskey, step, x.Now.Add(attemptTime), x.Now)
	if err != nil {
		return nil, err
	}
	asked, err := party.Creation(challengeOf(key, sealed), step.Handle, cmp.Or(s.Email, s.ID), cmp.Or(s.Email, s.Name()), keys)
	return &web.PasskeyForm{Action: h.Own(x.Host, "passkeys", nil),
		Hidden: []web.Field{{Name: "step", Value: sealed}}, Create: string(asked)}, err
}

// addPasskey keeps a passkey that was made for the form of this page.
func (h *Handler) addPasskey(x *public.Exchange, s *policy.Subject, p *idp.Provider) {
	var step newPasskey
	sealed, name := x.R.PostForm.Get("step"), strings.TrimSpace(x.R.PostForm.Get("name"))
	err := x.Ring.Open(purposePasskey, sealed, &step, x.Now)
	key, here := holds(x, step.Browser)
	if err != nil || !here || step.Provider != p.Name() || step.User != s.ID {
		h.showPasskeys(x, http.StatusBadRequest, web.KeyLate)
		return
	}
	party, err := passkey.New(h.Origin(h.TeamHost()))
	if err != nil {
		h.factorsFailed(x, p, x.Host, s.ID, err)
		return
	}
	var codes []string
	err = h.changeFactors(x, p, s.ID, func(e *factor.Enrolled) error {
		if !h.mayChange(x, s, e) {
			return errNotNow
		}
		keys, err := keysOf(e)
		if err != nil {
			return err
		}
		made, err := party.Register(challengeOf(key, sealed), step.Handle, keys, x.R.PostForm.Get("passkey"))
		if err != nil {
			return err
		}
		codes, err = keep(e, name, &made, x, h.from(x))
		return err
	})
	h.changedPasskeys(x, s, p, err, factor.AddedPasskey, codes)
}

// errName: a passkey cannot be called that.
var errName = errors.New("not the name of a passkey, or the name of another one")

// isFree reports whether another passkey can be called that.
func isFree(e *factor.Enrolled, name string) bool {
	return len(e.Passkeys) < factor.MaxPasskeys && factor.IsKeyName(name) &&
		!slices.ContainsFunc(e.Passkeys, func(k factor.Passkey) bool { return k.Name == name })
}

// removePasskey forgets a passkey.
func (h *Handler) removePasskey(x *public.Exchange, s *policy.Subject, p *idp.Provider, name string) {
	err := h.changeFactors(x, p, s.ID, func(e *factor.Enrolled) error {
		if !h.mayChange(x, s, e) {
			return errNotNow
		}
		i := slices.IndexFunc(e.Passkeys, func(k factor.Passkey) bool { return k.Name == name })
		if i < 0 {
			return errNoFactor
		}
		e.Passkeys = slices.Delete(slices.Clone(e.Passkeys), i, i+1)
		e.Note(factor.RemovedPasskey, x.Now, h.from(x))
		return nil
	})
	h.changedPasskeys(x, s, p, err, factor.RemovedPasskey, nil)
}

// changedPasskeys says what came of a change.
func (h *Handler) changedPasskeys(x *public.Exchange, s *policy.Subject, p *idp.Provider, err error, what factor.What, codes []string) {
	page := h.Own(x.Host, "passkeys", nil)
	was := map[factor.What]string{factor.AddedPasskey: "added", factor.RemovedPasskey: "removed"}[what]
	switch {
	case errors.Is(err, errNotNow):
		h.askAgain(x, p, "passkeys")
	case errors.Is(err, errNoFactor): // it is gone: so they wanted it
		h.Redirect(x, page)
	case errors.Is(err, errName):
		h.showPasskeys(x, http.StatusBadRequest, web.KeyBadName)
	case errors.Is(err, passkey.ErrAnswer), errors.Is(err, passkey.ErrUnverified), errors.Is(err, passkey.ErrRegistered):
		h.refusedPasskey(x, p, s.ID, err)
		h.showPasskeys(x, http.StatusBadRequest, passkeyProblem(err))
	case err != nil:
		h.factorsFailed(x, p, x.Host, s.ID, err)
	default:
		h.changed(x, what, p, s.ID, slog.Int("recoveryCodes", len(codes)))
		h.showCodes(x, codes, h.Own(x.Host, "passkeys", url.Values{"was": {was}}))
	}
}
