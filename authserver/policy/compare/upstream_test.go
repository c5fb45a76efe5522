// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestUpstreamHeaders: as whom the application takes people is no decision, so that an edit is
// said; another order of the headers is none, nor is a policy that comes or goes.
func TestUpstreamHeaders(t *testing.T) {
	user, email := policy.UpstreamHeader{Name: "X-Webauth-User", From: policy.UserFact}, policy.UpstreamHeader{Name: "X-Webauth-Email",
		From: policy.EmailFact}
	other := policy.UpstreamHeader{Name: "X-Webauth-User", From: policy.ClaimFact, Claim: "nickname"}
	of := func(headers ...policy.UpstreamHeader) Side {
		return sideOf(policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"h.x"}, UpstreamHeaders: headers,
			Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}}})
	}
	for name, tc := range map[string]struct {
		old, now Side
		says     string
	}{
		"another claim": {of(user, email), of(other, email), "spec.upstreamHeaders: X-Webauth-User)"},
		"one more":      {of(user), of(user, email), "spec.upstreamHeaders: X-Webauth-Email)"},
		"one less":      {of(user, email), of(), "spec.upstreamHeaders: X-Webauth-Email, X-Webauth-User)"},
		"the same":      {of(user, email), of(user, email), ""},
		"another order": {of(user, email), of(email, user), ""},
		"a new policy":  {sideOf(), of(user), ""},
		"none any more": {of(user), sideOf(), ""},
	} {
		got := Compare(tc.old, tc.now, settings)
		if said := strings.Join(got.Incomplete, "\n"); (tc.says == "") != (said == "") || !strings.Contains(said, tc.says) {
			t.Errorf("%s: %q", name, said)
		}
	}
}
