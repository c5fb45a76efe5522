// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
)

// A Provider is an identity provider that can be used.
type Provider struct {
	Name string
	// Listed: Users are all that there are. Of others only the provider knows.
	Listed bool
	Users  []User
	// StepUp are the authentication methods that it can be asked for beyond what a sign-in takes
	// otherwise, in the order in which they are tried.
	StepUp []string
}

// A User is one of a provider's people.
type User struct{ ID, Email string }

// Providers are all that can be used. nil: that is not known yet, and none is missing.
type Providers struct {
	byName map[string]*people
	digest sum
}

// people are those of one provider.
type people struct {
	stepUp []string
	ids    map[string]bool   // nil: only the provider knows them
	emails map[string]string // folded → ID
}

// NewProviders makes Providers. Their order is no matter. Of several with one name
// there is none, as nobody knows which of them is meant.
func NewProviders(list ...Provider) *Providers {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(x, y Provider) int { return cmp.Compare(x.Name, y.Name) })
	out := &Providers{byName: make(map[string]*people, len(sorted))}
	out.digest = *digested(func(d *digest) {
		for i, p := range sorted {
			if i > 0 && sorted[i-1].Name == p.Name || i+1 < len(sorted) && sorted[i+1].Name == p.Name {
				continue
			}
			p.Users = slices.Clone(p.Users)
			slices.SortFunc(p.Users, func(x, y User) int { return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Email, y.Email)) })
			d.provider(&p)
			out.byName[p.Name] = p.people()
		}
	})
	return out
}

func (d *digest) provider(p *Provider) {
	d.str(p.Name)
	d.bools(p.Listed)
	d.num(len(p.Users))
	for _, u := range p.Users {
		d.str(u.ID, u.Email)
	}
	d.strs(p.StepUp)
}

// people enters the users. Of two with one address, the last one has it.
func (p *Provider) people() *people {
	if !p.Listed {
		return &people{stepUp: slices.Clone(p.StepUp)}
	}
	out := &people{slices.Clone(p.StepUp), make(map[string]bool, len(p.Users)), make(map[string]string, len(p.Users))}
	for _, u := range p.Users {
		out.ids[u.ID] = true
		if u.Email != "" {
			out.emails[string(appendFolded(nil, u.Email))] = u.ID
		}
	}
	return out
}

// SetProviders replaces the providers that can be used: a session that another one
// vouched for, or that is of a user whom its provider lists no more, is void.
func (a *Assembler) SetProviders(p *Providers) {
	if p.sum() != a.providers.sum() {
		a.begin()
		a.providers = p
	}
}

// sum stands for all of them; empty: they are not known.
func (p *Providers) sum() string {
	if p == nil {
		return ""
	}
	return string(p.digest[:])
}

// vouch reports whether the provider that a credential came from still answers for
// it. One that names none is not for it to judge.
func (p *Providers) vouch(s *Subject) bool {
	if p == nil || s.Provider == "" {
		return true
	}
	of := p.byName[s.Provider]
	return of != nil && (of.ids == nil || of.ids[s.ID])
}

// Provided reports whether a provider can be used, as far as that is known.
func (t *Table) Provided(name string) bool {
	return t != nil && (t.providers == nil || t.providers.byName[name] != nil)
}

// UserID returns the ID of who has an address at a provider that lists its users.
// It is false where there is nobody, or that is not known.
func (t *Table) UserID(provider, email string) (string, bool) {
	if t == nil || t.providers == nil || t.providers.byName[provider] == nil {
		return "", false
	}
	id, ok := t.providers.byName[provider].emails[string(appendFolded(nil, email))]
	return id, ok
}
