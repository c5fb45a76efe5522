// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A rule is a Rule compiled: selectors in lower case, and where it stands.
type rule struct {
	name     string
	field    string // "spec.rules[1]"
	action   Action
	methods  []string
	include  []Selector
	require  []Selector
	exclude  []Selector
	duration time.Duration // how old a credential may be. 0: as it says itself
	named    bool          // a selector names a group
}

// A match is how a rule fits a request.
type match uint8

const (
	no    match = iota
	maybe       // it depends on who signs in
	yes
)

// A visitor is what selectors look at. A nil subject is nobody, yet.
type visitor struct {
	subject *Subject
	machine *Machine // that a ServiceAuth rule can admit
	// unattended: a machine sent the request, and nobody is going to sign in.
	unattended bool
	address    netip.Addr
	hopeful    bool     // that what is not known, such as the address, is what suits them best
	request    *Request // nil: whatever may be asked
	failed     *string  // why the first expression that has no answer has none
	table      *Table   // of the groups
	groups     recall   // for this visitor alone
	// bearer is the request's, if there is a good one. It is not the request itself, which
	// would have to be on the heap.
	bearer     *Bearer
	unverified bool   // there is one that is not good, of an issuer that rules look at
	byBearer   bool   // that makes the machine
	namespace  string // of the policy
	policy     string // its name, "namespace/name"
	// linked is the request's session of a linked application. Which of its audience's
	// policies were asked, and which of those it counts for, is remembered; by is the last one.
	linked                *Linked
	linksKnown, linksGood uint32
	by                    int
	// stepUp is how the subject has proved who they are, too, in what is supposed (decideStepUp);
	// nil: nothing is. It points into the table, for the sake of facts.
	stepUp *string
}

// asking is the visitor who sends a request. It is a copy, so that the request can stay
// on the stack.
func (v visitor) asking(r *Request) visitor {
	v.request, v.address = r, r.address()
	return v
}

// match reports how the rule fits. What is unknown about a request stays so,
// so it is assumed to be whatever is worse for the visitor.
func (r *rule) match(method string, v *visitor) match {
	refuses := r.action == Block
	if len(r.methods) > 0 && !r.names(method, refuses) {
		return no
	}
	return v.among(r.include, r.require, r.exclude, refuses)
}

// names reports whether the rule is for the method. Methods are case-sensitive
// (RFC 9110 §9.1), but frameworks that raise them to upper case are many, and
// "delete" must not slip past a rule that blocks DELETE.
func (r *rule) names(method string, anyCase bool) bool {
	return slices.ContainsFunc(r.methods, func(m string) bool {
		return m == method || anyCase && strings.EqualFold(m, method)
	})
}

// match reports whether the selector fits; ifUnknown is the answer for an
// address or a country that is not known, and for a group that is not there.
func (s *Selector) match(v *visitor, ifUnknown bool) match {
	switch s.Property {
	case Everyone:
		return yes
	case Email, EmailDomain, IdPGroup, LoginMethod, AuthMethod, OIDCClaim, Client:
		if v.subject == nil {
			return maybe
		}
		return s.fits(v, ifUnknown)
	case Address, Country:
		return v.comesFrom(s, ifUnknown)
	case Expression:
		return v.condition(s.Condition, ifUnknown)
	case ClientCertificate:
		return v.certified(&s.Certificate, ifUnknown)
	case Token, AnyToken:
		return matchIf(s.matchMachine(v.machine))
	case AccessGroup:
		return v.inGroup(s.Value, ifUnknown)
	case JWT, ExternalEvaluation, LinkedApp:
		return s.vouched(v, ifUnknown)
	case NoProperty:
	}
	return no
}

// vouched reports whether a selector fits of what a token or a service says, which may not
// be known.
func (s *Selector) vouched(v *visitor, ifUnknown bool) match {
	switch s.Property {
	case ExternalEvaluation:
		return s.Evaluation.approves(v, ifUnknown)
	case LinkedApp:
		return v.linkedTo(s.Value, ifUnknown)
	default:
		return s.JWT.match(v, ifUnknown)
	}
}

// fits is is, where it may be that it cannot be told.
func (s *Selector) fits(v *visitor, ifUnknown bool) match {
	if s.Property == OIDCClaim {
		return s.Claim.match(v.subject, ifUnknown)
	}
	return matchIf(s.is(v.subject) || s.Property == AuthMethod && v.stepUp != nil && *v.stepUp == s.Value)
}

// is reports whether a selector of an identity fits a subject.
func (s *Selector) is(u *Subject) bool {
	switch s.Property {
	case Email:
		return equalFold(u.Email, s.Value)
	case EmailDomain:
		return equalFold(domainOf(u.Email), s.Value)
	case IdPGroup:
		return slices.Contains(u.Groups, s.Value)
	case LoginMethod:
		return u.Provider == s.Value
	case AuthMethod:
		return slices.Contains(u.AMR, s.Value)
	case Client:
		return u.Client != "" && (s.Value == "" || s.Value == u.Client)
	default:
		return false
	}
}

// comesFrom reports whether the request comes from where the selector says.
func (v *visitor) comesFrom(s *Selector, ifUnknown bool) match {
	switch {
	case s.Property == Address && v.address.IsValid():
		return matchIf(slices.ContainsFunc(s.Networks, func(n netip.Prefix) bool { return n.Contains(v.address) }))
	case s.Property == Country:
		if code := v.country(); code != "" {
			return matchIf(slices.Contains(s.Countries, code))
		}
	}
	return matchIf(ifUnknown != v.hopeful)
}

// equalFold ignores case, but for the characters that are letters of ASCII in
// disguise: to strings.EqualFold the Kelvin sign is a "k", and a mailbox spelled
// with it is somebody else's. Such a character is longer than the letter.
func equalFold(a, b string) bool {
	return len(a) == len(b) && a != "" && strings.EqualFold(a, b)
}

func matchIf(b bool) match {
	if b {
		return yes
	}
	return no
}

// domainOf returns what follows the last "@", as a mail server would route it:
// "a@evil.example"@corp.example is at corp.example.
func domainOf(email string) string {
	if i := strings.LastIndexByte(email, '@'); i > 0 {
		return email[i+1:]
	}
	return ""
}
