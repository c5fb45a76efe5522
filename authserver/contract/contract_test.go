// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
)

func TestSpellings(t *testing.T) {
	got := contract.Spellings("X-Access-Jwt-Assertion")
	want := []string{
		"X-Access-Jwt-Assertion", "X_Access-Jwt-Assertion", "X-Access_Jwt-Assertion", "X_Access_Jwt-Assertion",
		"X-Access-Jwt_Assertion", "X_Access-Jwt_Assertion", "X-Access_Jwt_Assertion", "X_Access_Jwt_Assertion",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := contract.Spellings("Origin"); !slices.Equal(got, []string{"Origin"}) {
		t.Errorf("%q", got)
	}
}

func TestIdentity(t *testing.T) {
	for _, name := range contract.AllIdentity() {
		if !contract.IsIdentity(name) || textproto.CanonicalMIMEHeaderKey(name) != name {
			t.Errorf("%s: it must be canonical, and known as one that tells who is calling", name)
		}
		if !slices.ContainsFunc(contract.IdentityFamilies(), func(family string) bool { return strings.HasPrefix(name, family+"-") }) {
			t.Errorf("%s is of no family", name)
		}
	}
	if all := contract.AllIdentity(); !slices.Equal(contract.Identity(), all[:7]) {
		t.Error("ours come first")
	}
}

// TestListsAreCopies: nobody who changes one changes it for others.
func TestListsAreCopies(t *testing.T) {
	for name, list := range map[string]func() []string{"Asked": contract.Asked, "Identity": contract.Identity,
		"AllIdentity": contract.AllIdentity, "EnvoyAsked": contract.EnvoyAsked} {
		before := list()
		_ = append(list()[:0], "changed")
		if !slices.Equal(list(), before) {
			t.Errorf("%s can be changed from outside", name)
		}
	}
}
