// SPDX-License-Identifier: Apache-2.0

package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/policy/compare"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/manifests/secrets"
)

// A Base is what is in force, to compare with.
type Base struct {
	// Paths are files; none: the cluster that Source reads.
	Paths  []string
	Source feed.Source
	Terms  policy.Terms
	// SessionDuration is how old a session may be where no policy says so.
	SessionDuration time.Duration
}

// Propose says what changes once the AccessPolicies and AccessGroups of a text take the place
// of those of the same names, or stand beside the others.
func (b *Base) Propose(ctx context.Context, text []byte) (string, error) {
	old, err := b.inForce(ctx)
	if err != nil {
		return "", err
	}
	set, err := manifests.ReadForCluster(old.set, []string{manifests.Stdin}, b.Terms, bytes.NewReader(text), secrets.SystemNamespace)
	if err != nil {
		return "", err
	}
	var wrong strings.Builder
	_, problems := set.Build()
	if complain(&wrong, &side{problems: problems}) != nil {
		return "", errors.New(strings.TrimSpace(wrong.String()))
	}
	if len(set.Policies)+len(set.Groups) == 0 {
		return "", errors.New("there is no AccessPolicy and no AccessGroup in it")
	}
	now := old.with(set)
	settle(old, now)
	result := compare.Compare(old.Side, now.Side, compare.Settings{Now: time.Now(), SessionDuration: b.SessionDuration})
	return (&report{Result: result, old: old, now: now}).proposal(), ctx.Err()
}

// inForce reads what is in force.
func (b *Base) inForce(ctx context.Context) (*side, error) {
	out := &side{}
	if len(b.Paths) > 0 {
		loader, err := manifests.NewLoader(b.Paths)
		if err != nil {
			return nil, err
		}
		loader.Terms = b.Terms
		set := loader.Load()
		input := set.Input()
		if len(set.Providers) == 0 {
			input.Providers = nil // nobody can sign in, and a comparison would say that nothing changes
		}
		out.enter(set.Policies, input)
		return out, nil
	}
	policies, input, err := b.Source.Cluster(ctx, b.Terms, io.Discard)
	if err != nil {
		return nil, err
	}
	out.enter(policies, input)
	return out, nil
}

// with returns a side with the policies and groups of a set in place of its own.
func (s *side) with(set *manifests.Set) *side {
	named := map[[2]string]bool{}
	for i := range set.Policies {
		named[[2]string{set.Policies[i].Source.Namespace, set.Policies[i].Source.Name}] = true
	}
	var policies []policy.Policy
	for i := range s.Policies {
		p := &s.Policies[i]
		if !named[[2]string{p.Source.Namespace, p.Source.Name}] {
			policies = append(policies, *p)
		}
	}
	policies = append(policies, set.Policies...)
	groups := policy.CompileGroups(set.Groups)
	mine := map[string]bool{}
	for _, g := range groups {
		mine[g.Name()] = true
	}
	for _, g := range s.input.Groups {
		if !mine[g.Name()] {
			groups = append(groups, g)
		}
	}
	input := s.input
	input.Policies, input.Groups = policy.CompileAll(policies), groups
	out := &side{}
	out.enter(policies, input)
	return out
}

// proposal is the report for a page: what changes, and of each change a request.
func (r *report) proposal() string {
	var b strings.Builder
	for _, h := range headings {
		n := 0
		for _, d := range r.Differences {
			if d.Effect != h.effect {
				continue
			}
			if n++; n == 1 {
				fmt.Fprintf(&b, "%s\n", h.words)
			}
			before, after := headers(d)
			fmt.Fprintf(&b, "\n%3d. %s\n     before  %s\n     after   %s\n     request %s\n", n, policy.Line(sentence(d)),
				policy.Line(outcome(&d.Before)+before), policy.Line(outcome(&d.After)+after), witness(d))
		}
		if n > 0 {
			b.WriteByte('\n')
		}
	}
	for _, s := range r.Incomplete {
		fmt.Fprintf(&b, "NOT COMPARED: %s\n", policy.Line(s))
	}
	return b.String() + r.summary() + "\n"
}

// witness is a request that shows a difference, as explain is asked about it.
func witness(d *compare.Difference) string {
	words := d.Witness.Arguments()
	for i, w := range words {
		words[i] = quoted(w)
	}
	return policy.Line(strings.Join(words, " "))
}
