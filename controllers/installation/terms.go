// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TermsFlags are the options of the command line that say who may claim what.
type TermsFlags struct {
	grants, reservations []policy.Grant
	claims               string
	evaluators           []string
	hold                 time.Duration
}

// Add defines the flags, with their defaults.
func (o *TermsFlags) Add(f *pflag.FlagSet) {
	f.Var(&grants{into: &o.grants}, "host-grants", "`HOST=NAMESPACE[,...]` that may claim a host of another namespace; repeatable")
	f.Var(&grants{into: &o.reservations}, "host-reservations", "`HOST=NAMESPACE[,...]` that alone may claim a host; *.HOST is everything below it, at any depth; repeatable")
	f.StringVar(&o.claims, "host-claims", "first-come", "first-come: an unclaimed host belongs to the namespace whose policy claims it first; granted-only: a policy can claim only what --host-grants or --host-reservations name for its namespace")
	o.addEvaluators(f)
}

// addEvaluators defines the flag of services that policies may have asked.
func (o *TermsFlags) addEvaluators(f *pflag.FlagSet) {
	f.StringSliceVar(&o.evaluators, "external-evaluation-origins", nil, "`https://HOST[:PORT]`,... of the services that policies may name in externalEvaluation (default: none, so such selectors admit nobody and block everybody; a command without a server then takes every origin for listed)")
}

// AddHold defines the flag that matters only where claims are written down.
func (o *TermsFlags) AddHold(f *pflag.FlagSet) {
	f.DurationVar(&o.hold, "host-hold", DefaultHostHold, "how long a host stays held for its namespace, and denied, after its last claim; 0 disables it; no effect on files")
}

// Terms checks the flags and returns what they say, with what is Ostiary's own. Policies of
// any namespace may say who the operators are: they are read from files, unless the caller knows
// better.
func (o *TermsFlags) Terms(teamHost, pathPrefix string) (policy.Terms, error) {
	t := policy.Terms{Grants: o.grants, Reservations: o.reservations, TeamHost: teamHost, PathPrefix: pathPrefix,
		GrantedOnly: o.claims == "granted-only", AnyConsole: true}
	if o.claims != "first-come" && !t.GrantedOnly {
		return policy.Terms{}, fmt.Errorf("--host-claims %q: first-come or granted-only", o.claims)
	}
	var err error
	if t.EvaluationOrigins, err = policy.ParseEvaluationOrigins(o.evaluators); err != nil {
		return policy.Terms{}, fmt.Errorf("--external-evaluation-origins: %w", err)
	}
	t.AllEvaluations = len(o.evaluators) == 0
	return t, nil
}

// Hold returns how long a host is held, as in Options.
func (o *TermsFlags) Hold() (time.Duration, error) {
	switch {
	case o.hold < 0:
		return 0, errors.New("--host-hold: less than 0")
	case o.hold == 0:
		return -1, nil
	default:
		return o.hold, nil
	}
}

// DefaultHostHold is how long a host is held for the namespace that let it go.
const DefaultHostHold = 24 * time.Hour

// grants is a flag that may come several times.
type grants struct {
	into  *[]policy.Grant
	texts []string
}

func (g *grants) Set(s string) error {
	all, err := policy.ParseGrants([]string{s})
	if err == nil {
		*g.into, g.texts = append(*g.into, all...), append(g.texts, s)
	}
	return err
}

func (g *grants) String() string     { return "" }
func (g *grants) Type() string       { return "grants" }
func (g *grants) GetSlice() []string { return g.texts }
