// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestCustom: claims of the identity provider travel in the token as they are: for
// applications under custom, and in the team host's session too.
func TestCustom(t *testing.T) {
	ring := fixedRing(t, fixedKey(t, "EdDSA", 1, start))
	in := []policy.IdentityClaim{
		{Name: "*", Unknown: true}, {Name: "department", Values: []string{"eng", "qa"}}, {Name: "https://x/y.z", Unknown: true},
		{Name: "level", Values: []string{}}, {Name: "roles", Values: []string{"ädmin"}, Asked: "abc"},
	}
	c := ada()
	c.Custom = in
	token, err := ring.Mint(c, start)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil || !strings.Contains(string(payload), `"custom":{"department":["eng","qa"],"level":[],"roles":["ädmin"]}`) {
		t.Errorf("%s, %v", payload, err)
	}
	if s, why := NewVerifier(ring, c.Issuer, 0).Verify(token, start); s == nil || !reflect.DeepEqual(s.Claims, in) {
		t.Errorf("%+v, %s", s, why)
	}
	team, err := ring.MintTeam(c, start)
	if err != nil {
		t.Fatal(err)
	}
	if s, why := ring.OpenTeam(team, c.Issuer, start); s == nil || !reflect.DeepEqual(s.Claims, in) {
		t.Errorf("%+v, %s", s, why)
	}
	for name, bad := range map[string][]policy.IdentityClaim{
		"a line end":     {{Name: "a", Values: []string{"x\ny"}}},
		"a blank":        {{Name: "a", Values: []string{" x"}}},
		"an empty value": {{Name: "a", Values: []string{""}}},
		"a name":         {{Name: "a\n", Values: []string{"x"}}},
		"no name":        {{Name: "", Unknown: true}},
		"known and not":  {{Name: "a", Values: []string{"x"}}, {Name: "a", Unknown: true}},
		"unknown twice":  {{Name: "a", Unknown: true}, {Name: "a", Unknown: true}},
	} {
		c.Custom = bad
		if _, err := ring.Mint(c, start); err == nil {
			t.Errorf("%s: a token was made", name)
		}
	}
}
