// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestClaims: who has a claim is told apart, with the provider that says so, and each
// witness is one that explain can be asked about.
func TestClaims(t *testing.T) {
	claim := func(name, value, provider string) policy.Selector {
		return policy.Selector{Property: policy.OIDCClaim, Claim: &policy.ClaimValue{Name: name, Value: value, Provider: provider}}
	}
	side := func(rules ...policy.Rule) Side {
		return sideOf(policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"}, Rules: rules})
	}
	allow := func(include ...policy.Selector) policy.Rule {
		return policy.Rule{Action: policy.Allow, Include: include}
	}
	eng := allow(claim("department", "eng", "corp"))
	senior := allow(claim("department", "eng", "corp"))
	senior.Require = []policy.Selector{claim("level", "3", "")}
	anybody := allow(policy.Selector{Property: policy.Everyone})
	but := anybody
	but.Exclude = []policy.Selector{claim("department", "eng", "")}
	for name, tc := range map[string]struct {
		old, now Side
		effect   Effect
		has, not string // of the arguments
	}{
		"wider":            {side(senior), side(eng), Opens, "--provider corp --claim department=eng", "level"},
		"narrower":         {side(eng), side(senior), Closes, "--claim department=eng", "level"},
		"another value":    {side(allow(claim("a", "1", ""))), side(allow(claim("a", "2", ""))), Opens, "--claim a=2", "a=1"},
		"another provider": {side(eng), side(allow(claim("department", "eng", "guests"))), Opens, "--provider guests --claim department=eng", "corp"},
		"any provider":     {side(eng), side(allow(claim("department", "eng", ""))), Opens, "--claim department=eng", "--provider corp"},
		"not kept out":     {side(but), side(anybody), Opens, "--claim department=eng", "level"},
	} {
		got := Compare(tc.old, tc.now, settings)
		found := witnesses(got, tc.effect)
		args := ""
		for _, d := range got.Differences {
			if d.Effect != tc.effect {
				continue
			}
			args = strings.Join(d.Witness.Arguments(), " ")
			before, after := d.Witness.ask(tc.old.Table, settings), d.Witness.ask(tc.now.Table, settings)
			if effectOf(&before, &after) != tc.effect {
				t.Errorf("%s: %s is no witness", name, args)
			}
		}
		if len(got.Incomplete) > 0 || !strings.Contains(args, tc.has) || strings.Contains(args, tc.not) {
			t.Errorf("%s: %q, %v, %s", name, args, got.Incomplete, found)
		}
	}
	if got := Compare(side(senior), side(senior), settings); len(got.Differences)+len(got.Incomplete) > 0 {
		t.Errorf("the same: %+v", got)
	}
}
