// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"unicode"
)

// An IdentityClaim is what an identity provider says of somebody at one claim (OpenID
// Connect Core 1.0 §5.1) that rules look at.
type IdentityClaim struct {
	// Name is that of the claim as rules write it: a path, such as realm_access.roles.
	Name string `json:"name"`
	// Values are the strings, numbers and booleans that stand there, as text: one, or
	// those of a list. Empty: there is none.
	Values []string `json:"values,omitempty"`
	// Unknown: there may be any, as they did not fit, or the provider does not say them.
	// Values is empty then. A rule that keeps people out by the claim keeps these out.
	Unknown bool `json:"unknown,omitempty"`
	// Asked: Values are not all that there are, only those that were looked for, and this
	// stands for them. Empty: they are all.
	Asked string `json:"asked,omitempty"`
}

// ReservedClaim is what the names of claims begin with that Ostiary makes itself: no rule
// can name one, and no provider can say one.
const ReservedClaim = "ostiary:"

// OtherClaims is the name of the IdentityClaim that is Unknown for all that are not listed.
const OtherClaims = "*"

// Bounds of the claims that one session keeps, in bytes.
const (
	// MaxClaims is how much all of them take, but for those of policies elsewhere.
	MaxClaims = 1024
	// maxWholeClaim is up to how much of a claim is kept beyond what rules name.
	maxWholeClaim = 256
	// maxUnsaid is how much the names of those take that are Unknown.
	maxUnsaid = 256
)

// MaxClaimValues is how many values of one claim are looked at.
const MaxClaimValues = 1000

// IsClaimValue reports whether a text can be a value of a claim, as rules write it.
func IsClaimValue(s string) bool { return isClaimText(s, maxClaimValue) && allPrintable(s) }

func allPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Claim returns the values at a claim. known: they are all that there are; not known:
// whoever decides by them has to be on the safe side.
func (s *Subject) Claim(name string) (values []string, known bool) {
	known = true
	for i := range s.Claims {
		switch c := &s.Claims[i]; c.Name {
		case name:
			return c.Values, !c.Unknown && c.Asked == ""
		case OtherClaims:
			known = false
		}
	}
	return nil, known
}

// claimed reports whether a value stands at a claim; ifUnknown is the answer where that
// cannot be told.
func (s *Subject) claimed(name, value string, ifUnknown bool) match {
	unknown := false
	for i := range s.Claims {
		switch c := &s.Claims[i]; c.Name {
		case name:
			return matchIf(contains(c.Values, value) || c.Unknown && ifUnknown)
		case OtherClaims:
			unknown = true
		}
	}
	return matchIf(unknown && ifUnknown)
}

// A ClaimValue is what a selector says of a claim: that this value stands there.
type ClaimValue struct {
	Name, Value string
	// Provider is the name of the identity provider that has to say so. Empty: any.
	Provider string
}

func (c *ClaimValue) match(s *Subject, ifUnknown bool) match {
	switch {
	case c == nil || s == nil:
		return matchIf(c != nil && ifUnknown)
	case c.Provider != "" && c.Provider != s.Provider:
		return no
	}
	return s.claimed(c.Name, c.Value, ifUnknown)
}

func (c *ClaimValue) clone() *ClaimValue {
	if c == nil {
		return nil
	}
	out := *c
	return &out
}

func (c *ClaimValue) check() problem {
	switch {
	case c == nil || !isClaimText(c.Name, maxClaimPath) || !allPrintable(c.Name) || strings.Count(c.Name, ".") > maxClaimDots ||
		strings.ContainsAny(c.Name, "*="):
		return problem{codeOIDCClaimName, "claim: name is that of a claim, such as department or realm_access.roles: printable, " +
			"with at most 8 dots, and without \"*\" and \"=\""}
	case strings.HasPrefix(c.Name, ReservedClaim):
		return problem{codeOIDCClaimName, "claim: names that begin with \"" + ReservedClaim + "\" are Ostiary's own"}
	case !IsClaimValue(c.Value):
		return problem{codeOIDCClaimValue, "claim: value is what stands at " + c.Name + ", or in its list: 1 to 512 printable " +
			"characters, without blanks at the ends"}
	case c.Provider != "" && !isObjectName(c.Provider):
		return problem{codeOIDCClaimProvider, "claim: identityProvider is the metadata.name of an IdentityProvider"}
	}
	return problem{}
}

func (d *digest) claimValue(c *ClaimValue) {
	if d.bools(c != nil); c != nil {
		d.str(c.Name, c.Value, c.Provider)
	}
}
