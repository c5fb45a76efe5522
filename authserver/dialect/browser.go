// SPDX-License-Identifier: Apache-2.0

package dialect

import "github.com/ostiary/ostiary/authserver/policy"

// Browser stands for no proxy: it writes what a browser gets in the end, and
// for an allowed request what the application gets. It serves explanations.
type Browser struct {
	Identity IdentityHeaders
	Pages    *Pages
}

func (Browser) String() string { return "browser" }

// Read takes the request as it stands.
func (Browser) Read(v View, a *Ask) *Refusal {
	readCommon(v, a)
	if refusal := readTunnel(v); refusal != nil {
		return refusal
	}
	if !isMethod(v.Method()) {
		return visitorError(errMethod)
	}
	return a.target(v.Method(), v.Host(), v.RequestTarget())
}

// Write writes a 200 for an allowed request.
func (b Browser) Write(a *Answer, q *Ask, d *policy.Decision) {
	switch d.Verdict {
	case policy.Admit:
		b.Identity.admit(a, q, d)
	case policy.AnswerPreflight:
		writePreflight(a, q, d)
	case policy.Challenge, policy.Deny:
		b.Pages.write(a, q, d)
	}
}

func (b Browser) refuse(a *Answer, q *Ask, why *Refusal) { b.Pages.refuse(a, q, why) }
