// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// A TokenIssuer is whose bearer tokens policies can let in.
type TokenIssuer struct {
	Name      string
	Issuer    string   // what its tokens have as iss
	Audiences []string // of which a token has one
	// Everywhere: policies of every namespace may name it; otherwise those of Namespaces.
	Everywhere bool
	Namespaces []string
}

// TokenIssuers are all that there are. nil: that is not known yet, and nobody's token is
// let in.
type TokenIssuers struct {
	byName map[string]*TokenIssuer
	digest sum
}

// Differing returns by name those that are not the same in both, sorted.
func (t *TokenIssuers) Differing(other *TokenIssuers) []string {
	names := map[string]bool{}
	for _, list := range [...]*TokenIssuers{t, other} {
		if list != nil {
			for name := range list.byName {
				names[name] = true
			}
		}
	}
	var out []string
	for name := range names {
		if !reflect.DeepEqual(t.find(name), other.find(name)) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Get returns the one of a name.
func (t *TokenIssuers) Get(name string) (TokenIssuer, bool) {
	if i := t.find(name); i != nil {
		return *i, true
	}
	return TokenIssuer{}, false
}

// Any visits all of them, sorted by name, until visit returns true, and reports whether it did.
func (t *TokenIssuers) Any(visit func(TokenIssuer) bool) bool {
	if t == nil {
		return false
	}
	return slices.ContainsFunc(slices.Sorted(maps.Keys(t.byName)), func(name string) bool { return visit(*t.byName[name]) })
}

// Len is how many there are.
func (t *TokenIssuers) Len() int {
	if t == nil {
		return 0
	}
	return len(t.byName)
}

// NewTokenIssuers makes TokenIssuers. Their order is no matter. Of several with one name
// there is none, as nobody knows which of them is meant.
func NewTokenIssuers(list ...TokenIssuer) *TokenIssuers {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(x, y TokenIssuer) int { return cmp.Compare(x.Name, y.Name) })
	out := &TokenIssuers{byName: make(map[string]*TokenIssuer, len(sorted))}
	out.digest = *digested(func(d *digest) {
		for i := range sorted {
			t := &sorted[i]
			if i > 0 && sorted[i-1].Name == t.Name || i+1 < len(sorted) && sorted[i+1].Name == t.Name {
				continue
			}
			d.tokenIssuer(t)
			out.byName[t.Name] = t
		}
	})
	return out
}

func (d *digest) tokenIssuer(t *TokenIssuer) {
	d.str(t.Name, t.Issuer)
	d.strs(slices.Sorted(slices.Values(t.Audiences)))
	d.bools(t.Everywhere)
	d.strs(slices.Sorted(slices.Values(t.Namespaces)))
}

// SetTokenIssuers replaces the issuers whose tokens policies can let in.
func (a *Assembler) SetTokenIssuers(t *TokenIssuers) {
	if t.sum() != a.tokenIssuers.sum() {
		a.begin()
		a.tokenIssuers = t
	}
}

// sum stands for all of them; empty: they are not known.
func (t *TokenIssuers) sum() string {
	if t == nil {
		return ""
	}
	return string(t.digest[:])
}

// find returns the one of a name; nil: there is none.
func (t *TokenIssuers) find(name string) *TokenIssuer {
	if t == nil {
		return nil
	}
	return t.byName[name]
}

// Serves reports whether policies of the namespace may name the issuer.
func (t *TokenIssuer) Serves(namespace string) bool { return t.serves(namespace) }

// serves reports whether policies of the namespace may name the issuer.
func (t *TokenIssuer) serves(namespace string) bool {
	return t.Everywhere || contains(t.Namespaces, namespace)
}

// trusts reports whether a token counts for policies of a namespace: it was verified by
// what the table knows by that name, which the namespace may name.
func (t *Table) trusts(b *Bearer, namespace string) bool {
	if t == nil {
		return false
	}
	i := t.tokenIssuers.find(b.Name)
	return i != nil && i.Issuer == b.Issuer && i.serves(namespace)
}

// EachTokenIssuer visits the names of those issuers whose tokens a rule of the policy
// there looks at, and that it may name, until visit returns false.
func (p Place) EachTokenIssuer(visit func(name string) bool) {
	a := p.app()
	if a == nil {
		return
	}
	each := func(names []string) bool {
		for _, name := range names {
			if i := p.table.tokenIssuers.find(name); i != nil && i.serves(a.source.Namespace) && !visit(name) {
				return false
			}
		}
		return true
	}
	if g := p.table.readByGroups(a); each(a.tokenIssuers) && g != nil {
		each(g.issuers)
	}
}

// looksAtTokensOf reports whether a rule of the policy, or a group that it names, looks at
// bearer tokens of an issuer.
func (t *Table) looksAtTokensOf(a *app, issuer string) bool {
	if contains(a.tokenIssuers, issuer) {
		return true
	}
	g := t.readByGroups(a)
	return g != nil && contains(g.issuers, issuer)
}

// TokenOf returns what a token with these claims says, as if it had been verified at the
// place; nil: no issuer that a rule there looks at makes it, or not for these audiences.
func (p Place) TokenOf(claims map[string]any, audience []string, expires time.Time) (b *Bearer) {
	p.EachTokenIssuer(func(name string) bool {
		i := p.table.tokenIssuers.find(name)
		if claims["iss"] == i.Issuer && slices.ContainsFunc(audience, func(a string) bool { return contains(i.Audiences, a) }) {
			subject, _ := claims["sub"].(string)
			b = NewBearer(Source{Name: name}, i.Issuer, subject, audience, NewClaims(claims), expires)
		}
		return b == nil
	})
	return b
}

// Issues reports whether an issuer that a rule at the place looks at is the one in the claims.
func (p Place) Issues(claims map[string]any) (is bool) {
	p.EachTokenIssuer(func(name string) bool {
		is = claims["iss"] == p.table.tokenIssuers.find(name).Issuer
		return !is
	})
	return is
}

// LooksAtTokens reports whether a rule of the policy there looks at bearer tokens of
// other issuers.
func (p Place) LooksAtTokens() bool {
	a := p.app()
	if a == nil || len(a.tokenIssuers) > 0 {
		return a != nil
	}
	g := p.table.readByGroups(a)
	return g != nil && len(g.issuers) > 0
}

// tokenIssuersOf returns the names of those whose tokens rules look at, each once.
func tokenIssuersOf(p *Policy) []string {
	var out []string
	eachTokenMatch(p, func(_ string, m *TokenMatch) {
		if !contains(out, m.Issuer) {
			out = append(out, m.Issuer)
		}
	})
	return out
}

func eachTokenMatch(p *Policy, visit func(field string, m *TokenMatch)) {
	names := [...]string{".include", ".require", ".exclude"}
	for i := range p.Rules {
		for l, list := range p.Rules[i].lists() {
			for j := range list {
				if list[j].Property == JWT && list[j].JWT != nil {
					visit(item(item("spec.rules", i)+names[l], j)+".jwt", list[j].JWT)
				}
			}
		}
	}
}

// A tokenUse is where a policy names an issuer.
type tokenUse struct{ field, issuer, audience string }

func tokenUsesOf(p *Policy) []tokenUse {
	var out []tokenUse
	eachTokenMatch(p, func(field string, m *TokenMatch) { out = append(out, tokenUse{field, m.Issuer, m.Audience}) })
	if p.OAuth != nil && p.OAuth.Issuer != "" {
		out = append(out, tokenUse{field: "spec.oauth.authorizationServer", issuer: p.OAuth.Issuer})
	}
	return out
}

// tokenIssues says of which issuers that policies name nobody's token can be let in: the
// policy is in force, and the selector matches nobody. Nothing is said before it is known
// which ones there are.
func (a *Assembler) tokenIssues() []Issue {
	if a.tokenIssuers == nil {
		return nil
	}
	var out []Issue
	for e := range a.namesTokens {
		for _, u := range e.used.tokenUses {
			if code, text := a.tokenIssuers.problem(u, e.used.app.source.Namespace); code != "" {
				out = append(out, newIssue(e.used.app.source.at(u.field), code, text))
			}
		}
	}
	for name, entries := range a.groupUsers {
		for _, u := range a.groups.find(name).tokens {
			i := a.tokenIssuers.find(u.issuer)
			for e := range entries {
				if app := e.used.app; i != nil && !i.serves(app.source.Namespace) {
					out = append(out, newIssue(app.source.at(app.names(name)), codeIssuerOthers, fmt.Sprintf("the AccessGroup %q looks at tokens of "+
						"the TokenIssuer %q, which is not for policies of namespace %q: they do not match", name, u.issuer, app.source.Namespace)))
				}
			}
		}
	}
	return out
}

// names returns where a policy names a group.
func (a *app) names(group string) string {
	for _, rules := range [...][]rule{a.relaxing, a.identity} {
		for i := range rules {
			for l, list := range rules[i].lists() {
				for j := range list {
					if list[j].Property == AccessGroup && list[j].Value == group {
						return item(rules[i].field+listNames[l], j)
					}
				}
			}
		}
	}
	return "spec.rules"
}

func (t *TokenIssuers) problem(u tokenUse, namespace string) (Code, string) {
	if i := t.find(u.issuer); i != nil && !i.serves(namespace) {
		return codeIssuerOthers, fmt.Sprintf("the TokenIssuer %q is not for policies of namespace %q, so this matches no request",
			u.issuer, namespace)
	}
	return t.problemOf(u)
}

// problemOf says why tokens for a use match nobody, whoever names it. Nothing is said
// before it is known which issuers there are.
func (t *TokenIssuers) problemOf(u tokenUse) (Code, string) {
	if t == nil {
		return "", ""
	}
	switch i := t.find(u.issuer); {
	case i == nil:
		return codeIssuerUnknown, fmt.Sprintf("there is no usable TokenIssuer %q, so this matches no request; "+
			"it will once the platform team makes one", u.issuer)
	case u.audience != "" && !contains(i.Audiences, u.audience): // no selector is without one
		return codeAudienceUnlisted, fmt.Sprintf("the TokenIssuer %q takes no tokens for audience %q, so this matches no request; "+
			"it lists %.300q", u.issuer, u.audience, i.Audiences)
	}
	return "", ""
}

func (m *TokenMatch) clone() *TokenMatch {
	if m == nil {
		return nil
	}
	c := *m
	c.Claims = make([]ClaimMatch, len(m.Claims))
	for i, claim := range m.Claims {
		c.Claims[i] = ClaimMatch{claim.Path, slices.Clone(claim.Values)}
	}
	return &c
}
