// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// An Input is all that a table is built from. Its zero value is an empty table's.
type Input struct {
	Policies []*Compiled
	Terms
	// Ledger says whose hosts are. nil: the times of the policies do.
	Ledger      *Ledger
	Bindings    []Binding
	Providers   *Providers // nil: not known yet
	Revocations []Revocation
	Tokens      []ServiceToken
	Groups      []*CompiledGroup
	// TokenIssuers are those whose bearer tokens can be let in. nil: not known yet.
	TokenIssuers *TokenIssuers
	// OAuthClients are those that have objects of their own. nil: there are none.
	OAuthClients *OAuthClients
}

// Build builds a table. It never fails as a whole: a policy with a mistake denies what it
// claims, and every mistake is reported. Neither result depends on the order of anything
// in the input.
func Build(in Input) (*Table, []Issue) {
	var a Assembler
	exact, wild := 0, 0
	for _, p := range in.Policies {
		for _, h := range p.hosts {
			switch {
			case isWild(h):
				wild++
			case !isDeep(h):
				exact++
			}
		}
	}
	a.start(len(in.Policies), exact, wild)
	a.SetTerms(in.Terms)
	a.SetLedger(in.Ledger)
	a.SetGroups(in.Groups)
	entries := make([]entry, len(in.Policies))
	for i, p := range in.Policies {
		entries[i].given = p
		a.put(&entries[i])
	}
	a.SetBindings(in.Bindings)
	a.SetProviders(in.Providers)
	a.SetRevocations(in.Revocations)
	a.SetServiceTokens(in.Tokens)
	a.SetTokenIssuers(in.TokenIssuers)
	a.SetOAuthClients(in.OAuthClients)
	return a.Table(), a.Issues()
}

// CompileAll compiles policies.
func CompileAll(policies []Policy) []*Compiled {
	compiled := make([]*Compiled, len(policies))
	for i := range policies {
		compiled[i] = Compile(&policies[i])
	}
	return compiled
}

// SetTerms replaces the platform's word on who may claim what. It has everything redone.
func (a *Assembler) SetTerms(t Terms) {
	now := newTerms(t)
	if a.terms != nil && now.sum == a.terms.sum {
		return
	}
	a.begin()
	for _, name := range a.terms.protected() {
		h := a.host(name)
		h.protected = false
	}
	a.terms = now
	for _, name := range now.protected() {
		h := a.host(name)
		h.protected = true
	}
	for _, first := range a.names {
		for e := first; e != nil; e = e.next {
			a.judge(e, first.next != nil)
		}
	}
	a.touchAll()
}

// SetLedger replaces what is written down of claims. It compares it with what was.
func (a *Assembler) SetLedger(l *Ledger) {
	if l == a.ledger {
		return
	}
	a.begin()
	before := a.ledger
	a.ledger = l
	differ(before.records(), l.records(), func(host string, now bool) {
		h := a.host(host)
		h.recorded = now
		a.touch(h)
	})
	if (before == nil) != (l == nil) || before.holds() != l.holds() {
		a.touchAll()
	}
}

// differ visits the hosts of which two ledgers say different things. now: the later one
// says anything.
func differ(old, now []Claim, visit func(host string, now bool)) {
	for len(old) > 0 || len(now) > 0 {
		switch n, m := sameHost(old), sameHost(now); {
		case m == 0 || n > 0 && old[0].Host < now[0].Host:
			visit(old[0].Host, false)
			old = old[n:]
		case n == 0 || now[0].Host < old[0].Host:
			visit(now[0].Host, true)
			now = now[m:]
		default:
			if !slices.EqualFunc(old[:n], now[:m], Claim.equal) {
				visit(now[0].Host, true)
			}
			old, now = old[n:], now[m:]
		}
	}
}

// equal compares records of one host.
func (c Claim) equal(o Claim) bool {
	return c.Namespace == o.Namespace && c.Since.Equal(o.Since) && c.Released.Equal(o.Released)
}

// sameHost returns how many records there are of the first one's host.
func sameHost(claims []Claim) (n int) {
	for n < len(claims) && claims[n].Host == claims[0].Host {
		n++
	}
	return n
}

func sortIssues(issues []Issue) {
	slices.SortFunc(issues, func(x, y Issue) int {
		return cmp.Or(compareSource(x.Source, y.Source), cmp.Compare(x.Reason, y.Reason), cmp.Compare(x.Message, y.Message))
	})
}

// older orders policies by who wins an equal claim.
func older(x, y *Compiled) int {
	if c := x.since.Compare(y.since); c != 0 {
		return c
	}
	if c := compareSource(x.app.source, y.app.source); c != 0 {
		return c
	}
	return bytes.Compare(x.digest[:], y.digest[:])
}

func compareSource(x, y Source) int {
	return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name), compareField(x.Field, y.Field))
}

// compareField puts spec.rules[2] before spec.rules[10].
func compareField(x, y string) int {
	for {
		i, j := strings.IndexByte(x, '['), strings.IndexByte(y, '[')
		if i < 0 || i != j || x[:i] != y[:j] {
			return cmp.Compare(x, y)
		}
		x, y = x[i+1:], y[j+1:]
		if c := cmp.Compare(strings.IndexByte(x, ']'), strings.IndexByte(y, ']')); c != 0 {
			return c // the number of more digits is the greater one
		}
	}
}
