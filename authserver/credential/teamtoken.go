// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

var teamUse = use{info: "ostiary credential: team token, v1", nested: true}

// MintTeam makes the token of a session at the team host, which lets its owner
// into every application: the claims of a signed JWT, for the issuer alone
// whatever Audience says, encrypted as a whole (RFC 7519 §5.2), as nobody but us
// has to read what it says about them. Else it is like Mint. The encryption costs
// a third in length: so fewer groups fit.
func (r *Ring) MintTeam(c Claims, now time.Time) (string, error) {
	k := r.signer(now)
	if k == nil {
		return "", errNoRing
	}
	c.Audience = []string{c.Issuer}
	inner, err := k.mint(typeTeam, c, now)
	if err != nil {
		return "", err
	}
	token, err := k.encrypt(teamUse, []byte(inner))
	if err != nil {
		return "", err
	}
	return fitting(token, &c)
}

// OpenTeam returns whom a token of MintTeam names, and otherwise why nobody, as
// Verifier.Verify does. Its Subject has no Token: no application may see it.
func (r *Ring) OpenTeam(token, issuer string, now time.Time) (*policy.Subject, policy.Reason) {
	switch {
	case token == "":
		return nil, policy.NoReason
	case r == nil || len(r.keys) == 0 || issuer == "":
		return nil, policy.NotReady
	case len(token) > maxPresented:
		return nil, policy.BadSignature
	}
	k, inner := r.decrypt(teamUse, token)
	// Encrypted by us, it is ours: but signing and encrypting stand for themselves,
	// so that no mistake in one lets anybody in.
	if k == nil || !strings.HasPrefix(string(inner), k.prefix) || !k.mayHaveMade(inner) {
		return nil, policy.BadSignature
	}
	e, err := k.read(typeTeam, issuer, string(inner), now)
	if err != nil {
		return nil, policy.BadSignature
	}
	subject, why := e.at(now)
	if subject != nil {
		subject.Token = ""
	}
	return subject, why
}
