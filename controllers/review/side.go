// SPDX-License-Identifier: Apache-2.0

package review

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/policy/compare"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/manifests/secrets"
	"github.com/ostiary/ostiary/controllers/revision"
)

// clusterWord is the argument that stands for the cluster of the current kubeconfig.
const clusterWord = "cluster"

// A sideSource is where one side of a comparison is.
type sideSource struct {
	name     string // as people know it
	cluster  bool
	paths    []string // files, folders
	revision string   // REV:PATH; empty: what is on disk
}

// sourceOf reads an argument. A revision alone is of the path of the other side.
func sourceOf(ctx context.Context, arg, other string) (sideSource, error) {
	if arg == clusterWord {
		return sideSource{name: arg, cluster: true}, nil
	}
	if _, err := os.Stat(arg); err == nil || arg == manifests.Stdin {
		return sideSource{name: arg, paths: []string{arg}}, nil
	}
	if revision.Is(arg) {
		return sideSource{name: arg, revision: arg}, nil
	}
	if !strings.HasPrefix(arg, "-") && revision.Exists(ctx, arg) {
		_, path, ok := strings.Cut(other, ":")
		if !ok || !revision.Is(other) {
			path = other
		}
		if other == clusterWord || other == manifests.Stdin || path == arg {
			return sideSource{}, command.Mistake("%q is a git revision: write of which folder, as in %s:policies", arg, arg)
		}
		return sideSource{name: arg + ":" + path, revision: arg + ":" + path}, nil
	}
	return sideSource{}, fmt.Errorf("%s: no such file, no git revision (REV or REV:PATH), and not the word cluster", policy.Line(arg))
}

// A side is what was read of one.
type side struct {
	sideSource
	compare.Side
	input    policy.Input
	problems []manifests.Problem
	set      *manifests.Set // nil: of a cluster
	assumed  []string       // names of service tokens of which no more is known
}

// A reader reads sides.
type reader struct {
	source *feed.Source
	terms  policy.Terms
	stdin  io.Reader
	stderr io.Writer
}

// read reads a side, beside another one that was read before.
func (r *reader) read(ctx context.Context, s sideSource, before *side) (*side, error) {
	out := &side{sideSource: s}
	if s.cluster {
		policies, input, err := r.source.Cluster(ctx, r.terms, r.stderr)
		if err != nil {
			return nil, err
		}
		out.enter(policies, input)
		return out, nil
	}
	paths, remove := s.paths, func() {}
	if s.revision != "" {
		dir, done, err := revision.Checkout(ctx, s.revision)
		if err != nil {
			return nil, err
		}
		paths, remove = []string{dir}, done
	}
	defer remove()
	var known *manifests.Set
	if before != nil {
		known = before.set
	}
	set, err := manifests.ReadForCluster(known, paths, r.terms, r.stdin, secrets.SystemNamespace)
	if err != nil {
		return nil, err
	}
	out.set = set
	_, out.problems = set.Build()
	for i := range out.problems {
		if rest, ok := strings.CutPrefix(out.problems[i].File, paths[0]); ok && s.revision != "" {
			out.problems[i].File = s.revision + rest
		}
	}
	input := set.Input()
	if len(set.Providers) == 0 {
		input.Providers = nil // they may well be elsewhere
	}
	out.enter(set.Policies, input)
	return out, nil
}

func (s *side) enter(policies []policy.Policy, input policy.Input) {
	s.input = input
	s.Policies, s.Bindings, s.Revocations, s.Tokens = policies, input.Bindings, input.Revocations, input.Tokens
	s.TokenIssuers = input.TokenIssuers
	if input.Providers != nil {
		s.Providers = input.Providers.Names()
	}
}

// inherit takes from a cluster what files leave out that are to be applied there.
func (s *side) inherit(other *side) {
	if s.cluster || !other.cluster {
		return
	}
	if len(s.Revocations) == 0 {
		s.Revocations = other.Revocations
	}
	if len(s.Tokens) == 0 {
		s.Tokens = other.Tokens
	}
	if s.TokenIssuers.Len() == 0 {
		s.TokenIssuers = other.TokenIssuers
	}
	if s.input.OAuthClients.Len() == 0 {
		s.input.OAuthClients = other.input.OAuthClients
	}
	s.input.Revocations, s.input.Tokens, s.input.TokenIssuers = s.Revocations, s.Tokens, s.TokenIssuers
}

// settle has two sides agree on what may be known of one alone: what files leave out that
// a cluster has, or the other files. Then it builds the tables.
func settle(old, now *side) {
	for _, pair := range [...][2]*side{{old, now}, {now, old}} {
		s, other := pair[0], pair[1]
		if s.Providers == nil {
			s.Providers = other.Providers
		}
		s.inherit(other)
	}
	assume(old, now)
	named := map[string]bool{}
	for _, s := range []*side{old, now} {
		for i := range s.Policies {
			providersOf(&s.Policies[i], func(name string) { named[name] = true })
		}
	}
	for _, s := range []*side{old, now} {
		for _, known := range slices.Concat(old.Providers, now.Providers) {
			delete(named, known)
		}
		s.input.Providers = nil
	}
	unknown := slices.Sorted(maps.Keys(named))
	for _, s := range []*side{old, now} {
		if s.Providers != nil {
			s.Providers = slices.Concat(s.Providers, unknown)
			list := make([]policy.Provider, len(s.Providers))
			for i, name := range s.Providers {
				list[i].Name = name
			}
			s.input.Providers = policy.NewProviders(list...)
		}
		s.Table, _ = policy.Build(s.input)
	}
}

// providersOf visits the identity providers that a policy names.
func providersOf(p *policy.Policy, visit func(name string)) {
	for _, name := range p.IdentityProviders {
		visit(name)
	}
	for i := range p.Rules {
		for _, list := range [...][]policy.Selector{p.Rules[i].Include, p.Rules[i].Require, p.Rules[i].Exclude} {
			for _, s := range list {
				if s.Property == policy.LoginMethod {
					visit(s.Value)
				}
			}
		}
	}
}

// complain writes what is wrong with both sides, as `ostiary check` does.
func complain(w io.Writer, sides ...*side) error {
	broken := false
	for _, s := range sides {
		for _, p := range s.problems {
			if !p.Warning {
				broken = true
				fmt.Fprintln(w, p)
			}
		}
	}
	if broken {
		return command.Failed(errors.New("what cannot be read cannot be compared: correct the mistakes above, as ostiary check does"))
	}
	return nil
}
