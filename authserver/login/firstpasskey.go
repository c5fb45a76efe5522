// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/authserver/idp/passkey"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// handleOf is the user handle of a passkey that is made on the way in: random, as the form is.
func handleOf(key, sealed string) []byte { return []byte(derive(key, "passkey user", sealed)) }

// firstPasskeyForm makes a passkey for somebody who has to set up a second factor before they are in.
func (h *Handler) firstPasskeyForm(step *secondStep, sealed string) (*web.PasskeyForm, error) {
	party, err := passkey.New(h.Origin(h.TeamHost()))
	if err != nil {
		return nil, err
	}
	asked, err := party.Creation(challengeOf(step.key, sealed), handleOf(step.key, sealed), step.User, step.User, nil)
	return &web.PasskeyForm{Action: h.Own(h.TeamHost(), "second-factor", nil),
		Hidden: []web.Field{{Name: "step", Value: sealed}}, Create: string(asked)}, err
}

// takeFirstPasskey keeps it, and signs its owner in: they proved all three, the password, the key and who
// they are to it.
func (h *Handler) takeFirstPasskey(x *public.Exchange, step *secondStep, p *idp.Provider, who idp.Identity) {
	sealed, name := x.R.PostForm.Get("step"), strings.TrimSpace(x.R.PostForm.Get("name"))
	party, err := passkey.New(h.Origin(h.TeamHost()))
	if err != nil {
		h.factorsFailed(x, p, step.Attempt.Host, who.ID, err)
		return
	}
	made, err := party.Register(challengeOf(step.key, sealed), handleOf(step.key, sealed), nil, x.R.PostForm.Get("passkey"))
	if err != nil {
		h.refusedPasskey(x, p, who.ID, err)
		h.showEnrol(x, http.StatusBadRequest, step, passkeyProblem(err))
		return
	}
	var codes []string
	err = h.changeFactors(x, p, who.ID, func(e *factor.Enrolled) error {
		if e.Any() { // by somebody else who has the password: theirs is asked for now
			return errThere
		}
		codes, err = keep(e, name, &made, x, h.from(x))
		return err
	})
	switch {
	case errors.Is(err, errName):
		h.showEnrol(x, http.StatusBadRequest, step, web.KeyBadName)
	case errors.Is(err, errThere):
		h.Fail(x, web.FactorChanged)
	case err != nil:
		h.factorsFailed(x, p, step.Attempt.Host, who.ID, err)
	default:
		h.changed(x, factor.AddedPasskey, p, who.ID, slog.Int("recoveryCodes", len(codes)))
		h.enrolledIn(x, &step.Attempt, who, append(slices.Clone(byPassword), made.AMR()...), codes)
	}
}

// keep adds a passkey to what somebody has, and returns the recovery codes that come with their
// first factor.
func keep(e *factor.Enrolled, name string, made *passkey.Key, x *public.Exchange, from string) (codes []string, err error) {
	if !isFree(e, name) {
		return nil, errName
	}
	credential, err := made.Marshal()
	if err != nil {
		return nil, err
	}
	e.Passkeys = append(slices.Clone(e.Passkeys), factor.Passkey{Name: name, Created: x.Now, Credential: credential})
	if len(e.Recovery) == 0 {
		codes = e.NewRecovery()
	}
	e.Note(factor.AddedPasskey, x.Now, from)
	return codes, nil
}
