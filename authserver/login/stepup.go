// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// maxStepUp bounds the name of an authentication method.
const maxStepUp = 64

// stepWanted returns the authentication method that a request was refused for. It may be of a
// method that is tried last, such as DELETE, which only that request knows. Whoever makes up
// another has somebody asked for more than is needed.
func stepWanted(x *public.Exchange) string {
	return methodNamed(x.Query.Get("step"))
}

// methodNamed is a text from outside, if it can be the name of a method.
func methodNamed(name string) string {
	if len(name) > maxStepUp || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }) {
		return ""
	}
	return name
}

// stepUp has somebody sign in by a method that their session lacks and that what they want asks
// for (policy.Decision.StepUp), once: after that, what they have is judged. If it is true, the
// request is answered.
func (h *Handler) stepUp(x *public.Exchange, v *visit, s *policy.Subject, d *policy.Decision) bool {
	method := cmp.Or(d.StepUp, v.StepUp)
	if method == "" || v.Stepped || slices.Contains(s.AMR, method) {
		return false
	}
	p := h.Providers.Find(s.Provider)
	can, anew := p.StepsUp(method)
	if !can || p.Name() != s.Provider {
		return false
	}
	if v.Stepped = true; v.steppedDest != "" { // each page of an errand makes an attempt of its own
		v.Dest = v.steppedDest
	}
	switch {
	case h.outOfFrame(x, &v.attempt):
	case p.Password():
		h.stepUpByForm(x, v, p)
	default:
		h.visitProvider(x, *v, p, providerLogin{Anew: anew, StepUp: method})
	}
	return true
}

// cameTo reports whether somebody is who came of a visit to the provider, as far as that shows.
func (l *providerLogin) cameTo(s *policy.Subject) bool {
	if l.StepUp != "" {
		return slices.Contains(s.AMR, l.StepUp)
	}
	return s.SignedInAt.Unix() >= l.At
}

// stepUpByForm has a built-in user sign in anew: the form asks for what they have to prove.
func (h *Handler) stepUpByForm(x *public.Exchange, v *visit, p *idp.Provider) {
	sealed, err := x.Ring.Seal(purposeAttempt, v.attempt, x.Now.Add(readTime), x.Now)
	if err != nil {
		h.Broken(x, err)
		return
	}
	h.showForm(x, http.StatusOK, *v, sealed, p, "", "")
}
