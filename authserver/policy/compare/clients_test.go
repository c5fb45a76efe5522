// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestClientsAreNamed: what programs can do for people is not told as what people can do
// themselves.
func TestClientsAreNamed(t *testing.T) {
	of := func(o *policy.OAuth) Side {
		return sideOf(policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"}, OAuth: o,
			Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{selector(policy.EmailDomain, "example.com")}}}})
	}
	got := Compare(of(nil), of(&policy.OAuth{}), settings)
	if !got.Has(Opens) {
		t.Fatalf("%+v", got)
	}
	for _, d := range got.Differences {
		for _, who := range d.Who {
			if !strings.HasSuffix(who, " by the client another-client") {
				t.Errorf("%s: %q", d.Effect, who)
			}
		}
	}
}
