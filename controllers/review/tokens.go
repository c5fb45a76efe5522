// SPDX-License-Identifier: Apache-2.0

package review

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// anyToken is the name of a service token that stands for those of a namespace of which
// none is known.
const anyToken = "any"

// assume has both sides know a good token for each ServiceToken of which files have no more
// than the spec, as its status is in a cluster. Of what no side has an object, but rules
// name, both are taken to have one.
func assume(old, now *side) {
	sides := []*side{old, now}
	var declared []string
	for _, s := range sides {
		for _, t := range s.Tokens {
			declared = append(declared, t.Source.Namespace+"/"+t.Source.Name)
		}
	}
	names := slices.Clone(declared)
	for _, s := range sides {
		for i := range s.Policies {
			p := &s.Policies[i]
			tokensOf(p, func(name string) { names = append(names, name) })
			if admitsMachines(p) && !slices.ContainsFunc(declared, func(n string) bool { return inNamespace(n, p.Source.Namespace) }) {
				names = append(names, p.Source.Namespace+"/"+anyToken)
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, s := range sides {
		for _, name := range names {
			if !slices.Contains(declared, name) || s.lacksSecret(name) {
				s.assumed = append(s.assumed, name)
			}
		}
		s.Tokens = policy.AssumeTokens(s.Tokens, s.assumed...)
		s.input.Tokens = s.Tokens
	}
}

// lacksSecret reports whether there is a ServiceToken of the name of which no secret is known.
func (s *side) lacksSecret(name string) bool {
	return slices.ContainsFunc(s.Tokens, func(t policy.ServiceToken) bool {
		return t.Source.Namespace+"/"+t.Source.Name == name && len(t.Secrets) == 0
	})
}

func inNamespace(name, namespace string) bool {
	return len(name) > len(namespace) && name[:len(namespace)] == namespace && name[len(namespace)] == '/'
}

func admitsMachines(p *policy.Policy) bool {
	return slices.ContainsFunc(p.Rules, func(r policy.Rule) bool { return r.Action == policy.ServiceAuth })
}

// tokensOf visits the service tokens that a policy names.
func tokensOf(p *policy.Policy, visit func(name string)) {
	for i := range p.Rules {
		for _, list := range [...][]policy.Selector{p.Rules[i].Include, p.Rules[i].Require, p.Rules[i].Exclude} {
			for _, s := range list {
				switch {
				case s.Property == policy.Token && strings.Contains(s.Value, "/"):
					visit(s.Value)
				case s.Property == policy.Token:
					visit(p.Source.Namespace + "/" + s.Value)
				}
			}
		}
	}
}
