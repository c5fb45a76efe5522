// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/web"
)

// A secondStep is what somebody has to do after the right password, before they have a session.
// It travels sealed, in a form, and is void without the browser's key.
type secondStep struct {
	Provider string  `json:"p"`
	User     string  `json:"u"`
	Attempt  attempt `json:"a"`
	Browser  string  `json:"b"`
	At       int64   `json:"t"` // of the password
	// Secret is what an app is being set up with; nil: a code is asked for.
	Secret []byte `json:"s,omitempty"`
	// Session: somebody sets it up who is signed in.
	Session bool `json:"o,omitempty"`

	key string // of the browser
}

// The methods of RFC 8176. A recovery code is something that a person has (NIST SP 800-63B-4,
// look-up secrets), so with the password there are two factors; but it is no one-time password
// of a device, which rules that want "otp" may rely on.
var (
	byPassword = []string{"pwd"}
	byTOTP     = []string{"pwd", "otp", "mfa"}
	byRecovery = []string{"pwd", "mfa"}
)

// errNoFactor: what a code was asked for is not there any more.
var errNoFactor = errors.New("the second factor was removed meanwhile")

// afterPassword goes on with somebody whose password is right: to a second factor, where there is
// one or has to be one. What is kept of them cannot be read? Then nobody knows, and they stay
// outside.
func (h *Handler) afterPassword(x *public.Exchange, a *attempt, p *idp.Provider, who idp.Identity) {
	mode, _ := p.SecondFactor()
	if mode == "" {
		h.proven(x, a, who, byPassword)
		return
	}
	e, err := h.enrolled(x.R.Context(), p, who.ID)
	switch {
	case err != nil:
		h.factorsFailed(x, p, a.Host, who.ID, err)
		return
	case !e.Any() && mode == config.Optional:
		h.proven(x, a, who, byPassword)
		return
	}
	step := &secondStep{Provider: p.Name(), User: who.ID, Attempt: *a, At: x.Now.Unix(), key: h.keepKey(x, false)}
	step.Browser = digest(step.key)
	if e.Any() {
		h.askFactor(x, http.StatusOK, p, step, &e, "")
		return
	}
	step.Secret = factor.NewSecret()
	h.showEnrol(x, http.StatusOK, step, "")
}

// proven signs in whoever has proven who they are.
func (h *Handler) proven(x *public.Exchange, a *attempt, who idp.Identity, methods []string) {
	who.AMR = methods
	who.Claims = unclaimed(h.wanted(x, a))
	hasSignedInAnew(x)
	h.signedIn(x, who, *a)
}

// factorsOf returns where the second factors of a provider's users are kept.
func (h *Handler) factorsOf(p *idp.Provider) (factor.Store, error) {
	_, name := p.SecondFactor()
	if h.Factors == nil || name == "" {
		return nil, factor.ErrUnavailable
	}
	return h.Factors(name)
}

// factorUser is what a user is called there, where several providers may keep theirs.
func factorUser(p *idp.Provider, id string) string { return p.Name() + "/" + id }

// enrolled returns what somebody has set up.
func (h *Handler) enrolled(ctx context.Context, p *idp.Provider, id string) (factor.Enrolled, error) {
	store, err := h.factorsOf(p)
	if err != nil {
		return factor.Enrolled{}, err
	}
	return store.Of(ctx, factorUser(p, id))
}

// changeFactors changes it.
func (h *Handler) changeFactors(x *public.Exchange, p *idp.Provider, id string, change func(*factor.Enrolled) error) error {
	store, err := h.factorsOf(p)
	if err != nil {
		return err
	}
	// Who goes away in the middle must not leave it open whether a code was used.
	return store.Change(context.WithoutCancel(x.R.Context()), factorUser(p, id), change)
}

// from is where a client is, for people to read.
func (h *Handler) from(x *public.Exchange) string {
	if a := h.Address(x.R); a.IsValid() {
		return a.Unmap().WithZone("").String()
	}
	return ""
}

// factorsFailed says that second factors cannot be read or written, to the person and to whoever
// can mend it.
func (h *Handler) factorsFailed(x *public.Exchange, p *idp.Provider, host, user string, err error) {
	h.came(x, p.Name(), host, telemetry.FactorsFailed, slog.LevelError,
		"second factors cannot be read or written, so nobody signs in who may have one",
		slog.String("user", user), slog.Any("error", err))
	x.W.Header().Set("Retry-After", "30")
	h.Fail(x, web.FactorsUnavailable)
}

// askFactor shows the forms for what somebody has: a passkey, a code.
func (h *Handler) askFactor(x *public.Exchange, status int, p *idp.Provider, step *secondStep, e *factor.Enrolled, problem string) {
	sealed, ok := h.sealStep(x, step)
	if !ok {
		return
	}
	form, err := h.passkeyForm(step.key, sealed, e)
	if err != nil {
		h.factorsFailed(x, p, step.Attempt.Host, step.User, err)
		return
	}
	v := web.FactorView{Host: step.Attempt.Host, Action: h.Own(h.TeamHost(), "second-factor", nil), Step: sealed,
		App: e.TOTP != nil, Passkey: form, Problem: problem, OfPasskey: x.R.PostForm.Get("passkey") != "", RequestID: x.ID}
	if form != nil {
		h.PasskeyPage(x, status, "second factor", web.Factor(v))
		return
	}
	h.Page(x, status, "second factor", web.Factor(v))
}

// askOnceMore shows them again to somebody whose answer was wrong.
func (h *Handler) askOnceMore(x *public.Exchange, p *idp.Provider, step *secondStep, wrong error) {
	problem := web.WrongCode
	if x.R.PostForm.Get("passkey") != "" {
		problem = passkeyProblem(wrong)
		h.refusedPasskey(x, p, step.User, wrong)
	}
	e, err := h.enrolled(x.R.Context(), p, step.User)
	switch {
	case err != nil:
		h.factorsFailed(x, p, step.Attempt.Host, step.User, err)
	case !e.Any():
		h.Fail(x, web.FactorChanged)
	default:
		h.askFactor(x, http.StatusUnauthorized, p, step, &e, problem)
	}
}

func (h *Handler) sealStep(x *public.Exchange, step *secondStep) (string, bool) {
	sealed, err := x.Ring.Seal(purposeFactor, *step, time.Unix(step.At, 0).Add(attemptTime), x.Now)
	if err != nil {
		h.Broken(x, err)
		return "", false
	}
	return sealed, true
}

// takeStep takes the form of a second step.
func (h *Handler) takeStep(x *public.Exchange) {
	var step secondStep
	err := x.Ring.Open(purposeFactor, x.R.PostForm.Get("step"), &step, x.Now)
	key, mine := holds(x, step.Browser)
	if err != nil || !mine {
		h.stateUsed(x)
		return
	}
	step.key = key
	x.Dest = string(step.Attempt.Dest)
	p, who, ok := h.stillListed(x, &step)
	switch {
	case !ok:
		h.Fail(x, web.ProviderChanged)
	case step.Secret != nil && !step.Session && x.R.PostForm.Get("passkey") != "":
		h.takeFirstPasskey(x, &step, p, who)
	case step.Secret != nil:
		h.takeEnrolment(x, &step, p, who)
	default:
		h.takeCode(x, &step, p, who)
	}
}

// stillListed returns whom a step is of, if their password is still worth something: the list
// has them, and nobody has voided what was begun before now.
func (h *Handler) stillListed(x *public.Exchange, step *secondStep) (*idp.Provider, idp.Identity, bool) {
	p := h.Providers.Find(step.Provider)
	if p == nil || !p.Password() {
		return nil, idp.Identity{}, false
	}
	mode, _ := p.SecondFactor()
	who, listed := p.Listed(step.User)
	began := h.asTold(&policy.Subject{ID: who.ID, User: who.User, Email: who.Email, Provider: who.Provider, SignedInAt: time.Unix(step.At, 0)})
	return p, who, listed && mode != "" && !x.Table.Revoked(began)
}

// takeCode signs in whoever has the right code.
func (h *Handler) takeCode(x *public.Exchange, step *secondStep, p *idp.Provider, who idp.Identity) {
	var used proof
	switch err := h.useCode(x, p, who.ID, step.Attempt.Host, &used, nil); {
	case errors.Is(err, errLimited):
	case errors.Is(err, factor.ErrUsed):
		h.askOnceMore(x, p, step, err)
	case errors.Is(err, errNoFactor):
		h.Fail(x, web.FactorChanged)
	case err != nil:
		h.factorsFailed(x, p, step.Attempt.Host, who.ID, err)
	default:
		h.proven(x, &step.Attempt, who, used.methods)
	}
}

// A proof is what a code was.
type proof struct {
	methods  []string
	recovery bool // a recovery code
	left     int  // recovery codes
}

// errLimited: the request is answered.
var errLimited = errors.New("too many codes were tried")

// useCode uses up the code of a form, and makes a change in the same write, so that there is
// neither without the other. It counts the code before anybody looks.
func (h *Handler) useCode(x *public.Exchange, p *idp.Provider, id, host string, used *proof, change func(*factor.Enrolled)) error {
	charge, ok := h.count(x, p.Name()+"\x00"+id)
	if !ok {
		h.limited(x, "second-factor", p.Name(), host, known(id)...)
		return errLimited
	}
	err := h.changeFactors(x, p, id, func(e *factor.Enrolled) error {
		if !e.Any() {
			return errNoFactor
		}
		var err error
		if *used, err = h.prove(x, p, id, e); err == nil && change != nil {
			change(e)
		}
		return err
	})
	if !errors.Is(err, factor.ErrUsed) {
		charge.giveBack()
	} else {
		h.came(x, p.Name(), host, telemetry.WrongCode, slog.LevelInfo, "sign-in failed", known(id)...)
	}
	if err == nil && used.recovery {
		h.changed(x, factor.UsedRecovery, p, id, slog.Int("left", used.left))
	}
	return err
}

// count counts what a form has before anybody looks.
func (h *Handler) count(x *public.Exchange, account string) (*charge, bool) {
	if x.R.PostForm.Get("passkey") != "" { // as prove has it
		return h.limits.passkey(h.Address(x.R), x.Now)
	}
	return h.limits.code(h.Address(x.R), account, deviceOf(x, account), x.Now)
}

// prove uses up what a form has: the answer of a passkey, a code of the app, or a recovery code.
func (h *Handler) prove(x *public.Exchange, p *idp.Provider, id string, e *factor.Enrolled) (proof, error) {
	if x.R.PostForm.Get("passkey") != "" {
		return h.provePasskey(x, p, id, e)
	}
	if code := x.R.PostForm.Get("recovery"); code != "" {
		if !e.UseRecovery(code) {
			return proof{}, factor.ErrUsed
		}
		e.Note(factor.UsedRecovery, x.Now, h.from(x))
		return proof{byRecovery, true, len(e.Recovery)}, nil
	}
	if e.TOTP == nil || !e.TOTP.Use(x.R.PostForm.Get("code"), x.Now) {
		return proof{}, factor.ErrUsed
	}
	return proof{methods: byTOTP, left: len(e.Recovery)}, nil
}

// changed leaves a line in the log about what was done to somebody's second factors, whatever
// else is logged.
func (h *Handler) changed(x *public.Exchange, what factor.What, p *idp.Provider, id string, more ...slog.Attr) {
	about := append([]slog.Attr{slog.String("change", string(what)), slog.String("provider", p.Name()), slog.String("user", id),
		slog.String("address", h.from(x)), slog.String("requestID", x.ID)}, more...)
	h.Log.LogAttrs(context.WithoutCancel(x.R.Context()), slog.LevelInfo, "second factors changed", about...)
}
