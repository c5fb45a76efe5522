// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// A Bearer is what a bearer token of another issuer says. Its signature, issuer, audience
// and time have been verified; whom it may reach is judged here. It is not modified once
// made.
type Bearer struct {
	// Name is that of the TokenIssuer by which it was verified, and Issuer what that
	// trusted: both have to be what the table knows.
	Name   string
	Issuer string
	// Subject is whom the issuer says it is about. Empty: it does not say.
	Subject   string
	Audience  []string
	Claims    Claims
	ExpiresAt time.Time
	machine   Machine
}

// NewBearer makes a Bearer of a token that was verified by a TokenIssuer, which trusts that
// issuer.
func NewBearer(by Source, issuer, subject string, audience []string, claims Claims, expires time.Time) *Bearer {
	name := "jwt:" + by.Name
	if subject != "" {
		name += ":" + subject
	}
	return &Bearer{Name: by.Name, Issuer: issuer, Subject: subject, Audience: audience, Claims: claims, ExpiresAt: expires,
		machine: Machine{Name: name, ID: subject, Source: by, ExpiresAt: expires}}
}

// PresentToken enters a bearer token of another issuer that came along, or why it does not
// count.
func (r *Request) PresentToken(b *Bearer, refused Reason) { r.Bearer, r.BearerRefused = b, refused }

// Claims are what a token says, by name. The zero Claims say nothing.
type Claims struct{ members map[string]claimed }

// claimed is what stands at a claim.
type claimed struct {
	texts   []string // a string, number or boolean, or those in a list, as text
	members map[string]claimed
}

// NewClaims makes Claims of an object of JSON, whose numbers are json.Number. In lists,
// only strings, numbers and booleans count.
func NewClaims(object map[string]any) Claims { return Claims{membersOf(object)} }

func membersOf(object map[string]any) map[string]claimed {
	out := make(map[string]claimed, len(object))
	for name, value := range object {
		switch v := value.(type) {
		case map[string]any:
			out[name] = claimed{members: membersOf(v)}
		case []any:
			var texts []string
			for _, e := range v {
				texts = appendText(texts, e)
			}
			out[name] = claimed{texts: texts}
		default:
			out[name] = claimed{texts: appendText(nil, v)}
		}
	}
	return out
}

// appendText appends a string, a number as it is written, or true or false; nothing else.
func appendText(to []string, value any) []string {
	switch v := value.(type) {
	case string:
		return append(to, v)
	case json.Number:
		return append(to, v.String())
	case bool:
		if v {
			return append(to, "true")
		}
		return append(to, "false")
	}
	return to
}

// has reports whether a claim has one of the values. A path is names with a dot between
// them; names can hold dots themselves, and of several readings the one counts whose
// first name is the longest that leads to anything.
func (c Claims) has(path string, values []string) bool {
	found, ok := lookupClaim(c.members, path)
	if !ok {
		return false
	}
	for _, text := range found.texts {
		for _, v := range values {
			if matchesValue(v, text) {
				return true
			}
		}
	}
	return false
}

func lookupClaim(members map[string]claimed, path string) (claimed, bool) {
	if c, ok := members[path]; ok {
		return c, true
	}
	for at := strings.LastIndexByte(path, '.'); at > 0; at = strings.LastIndexByte(path[:at], '.') {
		if inner, ok := members[path[:at]]; ok && inner.members != nil {
			if c, ok := lookupClaim(inner.members, path[at+1:]); ok {
				return c, true
			}
		}
	}
	return claimed{}, false
}

// matchesValue compares a text with a value of a rule: letter for letter, or, where the
// value ends in "*", by what it begins with. That ends with "/" or ":", so that no name
// is cut in two (CheckClaimValue), and something follows it.
func matchesValue(value, text string) bool {
	prefix, open := strings.CutSuffix(value, "*")
	if !open {
		return text == value
	}
	return len(text) > len(prefix) && text[:len(prefix)] == prefix && endsName(prefix)
}

func endsName(prefix string) bool {
	return strings.HasSuffix(prefix, "/") || strings.HasSuffix(prefix, ":")
}

// A TokenMatch is what a selector says of a bearer token: all of it has to fit.
type TokenMatch struct {
	Issuer   string // the name of a TokenIssuer
	Audience string // one of the token's
	Claims   []ClaimMatch
}

// A ClaimMatch fits if one of a claim's values is one of Values.
type ClaimMatch struct {
	Path   string // "repository", "realm_access.roles"
	Values []string
}

// match reports whether a token fits. One that could not be verified may be any.
func (m *TokenMatch) match(v *visitor, ifUnknown bool) match {
	b := v.bearer
	switch {
	case m == nil:
		return no
	case b == nil:
		return matchIf(ifUnknown && v.unverified)
	}
	if b.Name != m.Issuer || !v.table.trusts(b, v.namespace) || !contains(b.Audience, m.Audience) {
		return no
	}
	for i := range m.Claims {
		if !b.Claims.has(m.Claims[i].Path, m.Claims[i].Values) {
			return no
		}
	}
	return yes
}

// OfMachine reports whether it is about a credential of a machine, for which there is no
// signing in.
func (r Reason) OfMachine() bool {
	switch r {
	case ServiceTokenInvalid, TokenInvalid, TokenExpired, TokenUnverified:
		return true
	default:
		return false
	}
}

// AsksPeople reports whether a challenge for it is one to sign in, and not one for a token.
func (r Reason) AsksPeople() bool { return !r.OfMachine() && r != NoRuleMatched }

// decideBearer judges a request without a service token. With a bearer token of an issuer
// that rules look at, and without a session, nobody is asked to sign in: the request is let
// in by a rule, or refused with what is wrong with the token. With a session, the token is
// one more thing that rules look at, as pages send tokens of their own.
func (t *Table) decideBearer(a *app, r *Request, v visitor, refused Reason, d *Decision, tr *Trace) {
	tr.bearer(a, r)
	if b := v.bearer; b != nil && v.table.trusts(b, v.namespace) && v.table.looksAtTokensOf(a, b.Name) {
		v.machine, v.byBearer = &b.machine, true
	}
	v.unattended = v.subject == nil && (v.machine != nil || v.unverified)
	if v.unattended {
		d.Unauthenticated = Unauthorized
	}
	t.decideRules(a, r, v, refused, d, tr)
	if v.subject == nil && d.Verdict == Deny && d.Reason == NoRuleMatched {
		t.askForToken(a, r, &v, d)
	}
}

// askForToken asks for a token in place of one that is not good, or for one at all where programs
// bring those of a TokenIssuer: else none would learn where to get it. To sign in is of no use.
func (t *Table) askForToken(a *app, r *Request, v *visitor, d *Decision) {
	switch {
	case v.unverified:
		d.challenge(&rule{}, r.BearerRefused, r.Method)
	case !v.unattended && t.tokenIssuerOf(a) != nil:
		d.Unauthenticated = Unauthorized
		d.challenge(&rule{}, NoRuleMatched, r.Method)
	}
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// The bounds of what a rule says of a token.
const (
	maxClaimPath     = 255
	maxClaimDots     = 8
	maxClaimValue    = 512
	maxTokenAudience = 255
)

// IsAudience reports whether s can be an audience: printable, without blanks.
func IsAudience(s string) bool {
	return s != "" && len(s) <= maxTokenAudience && isPrintable(s)
}

func (m *TokenMatch) check() problem {
	switch {
	case m == nil || !isObjectName(m.Issuer):
		return problem{codeIssuerName, "jwt: issuer is the metadata.name of a TokenIssuer"}
	case !IsAudience(m.Audience):
		return problem{codeTokenAudience, "jwt: audience is 1 to 255 printable characters, without blanks: " +
			"one of those that the TokenIssuer lists"}
	}
	for _, c := range m.Claims {
		if p := c.check(); p.found() {
			return p
		}
	}
	return problem{}
}

func (c *ClaimMatch) check() problem {
	if !isClaimText(c.Path, maxClaimPath) || strings.Count(c.Path, ".") > maxClaimDots {
		return problem{codeClaimPath, "jwt: the name of a claim is printable, such as repository or realm_access.roles, with at most 8 dots"}
	}
	if len(c.Values) == 0 {
		return problem{codeClaimValues, "jwt: claim " + c.Path + ": list at least one value"}
	}
	for _, v := range c.Values {
		if p := checkClaimValue(v); p != "" {
			return problem{codeClaimValue, "jwt: claim " + c.Path + ": " + p}
		}
	}
	return problem{}
}

// checkClaimValue says what is wrong with a value of a claim; empty: nothing.
func checkClaimValue(v string) string {
	prefix, open := strings.CutSuffix(v, "*")
	switch {
	case !isClaimText(v, maxClaimValue):
		return "a value is 1 to 512 printable characters, without blanks at the ends"
	case strings.Contains(prefix, "*"):
		return "\"*\" can only be the last character of a value"
	case open && !endsName(prefix):
		return "before \"*\" stands \"/\" or \":\", so that it cannot match half a name: write repo:org/name:*, or refs/heads/*"
	}
	return ""
}

// isClaimText reports whether s is printable, and has no blanks at its ends.
func isClaimText(s string, longest int) bool {
	return s != "" && len(s) <= longest && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError })
}

// checkNamed checks a selector that names an object of the platform team, or can.
func (s *Selector) checkNamed() problem {
	switch s.Property {
	case JWT:
		return s.JWT.check()
	case ExternalEvaluation:
		return s.Evaluation.check()
	case OIDCClaim:
		return s.Claim.check()
	case LinkedApp:
		return s.checkLinkedApp()
	default:
		return s.checkGroup()
	}
}
