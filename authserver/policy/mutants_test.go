// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
	"time"
	"unicode"
)

// TestControls: no control character stands in a path or host, however it is written.
func TestControls(t *testing.T) {
	for c := '!'; c < 0x180; c++ {
		if c >= 0x7f && (checkPath("/a"+string(c)) == problem{}) == unicode.IsControl(c) {
			t.Errorf("path with %q: %+v", c, checkPath("/a"+string(c)))
		}
		if p := checkHost("a" + string(c) + ".x"); c >= 0x80 && p.code != codeHostUnicode {
			t.Errorf("host with %q: %+v", c, p)
		}
	}
}

// TestPlaceOfARoute: where two namespaces claim a host, a credential counts by the route
// that the request came by, and nowhere else.
func TestPlaceOfARoute(t *testing.T) {
	list := []Policy{of("m", "p", 1, Allow, []string{"a.x"}), of("n", "q", 2, Allow, []string{"a.x"}, prefixes("/q")...)}
	table, _ := Build(Input{Policies: CompileAll(list), Ledger: NewLedger([]Claim{recorded("a.x", "m", 1)}, time.Hour),
		Bindings: []Binding{{"m/i", "m/p"}, {"n/i", "n/q"}}})
	counts := func(route string) (out [2]bool) {
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Ingress: route, Now: now}
		for i, audience := range []string{"m/p", "n/q"} {
			out[i] = table.At(&r).Counts(session(audience))
		}
		return out
	}
	if none, by := counts(""), counts("m/i"); none != [2]bool{} || by != [2]bool{true, false} {
		t.Errorf("by no route %v, by the owner's %v", none, by)
	}
}

// TestTokensArePublished: tokens that come later are in the next table, and not in one that
// was published.
func TestTokensArePublished(t *testing.T) {
	var a Assembler
	p := one(Rule{Action: ServiceAuth, Include: anyToken()})
	a.Set("k", Compile(&p))
	before := a.Table()
	a.SetServiceTokens(tokens())
	after := a.Table()
	r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Token: PresentedToken{ID: "id-ci", Secret: "new"}, Now: now}
	if got := brief(before.Decide(r)); got != "challenge service-token-invalid p" {
		t.Error("before:", got)
	}
	if got := brief(after.Decide(r)); got != "allow service-auth p" || before.Revision() == after.Revision() {
		t.Error("after:", got)
	}
}

// TestSecretsAreNotNamespaces: a token's revision tells its secrets from what comes after.
func TestSecretsAreNotNamespaces(t *testing.T) {
	sum := func(tokens ...ServiceToken) sum { return newServiceTokens(tokens).sum() }
	one := ServiceToken{Source: Source{Namespace: "n", Name: "a"}, ClientID: "c", Secrets: []TokenSecret{{Sum: SecretSum("s")}}}
	two, none := one, one
	two.Secrets = append(two.Secrets[:1:1], TokenSecret{Sum: SecretSum("t")})
	none.Secrets = nil
	if sum(one) == sum(two) || sum(one) == sum(none) {
		t.Error("secrets are no part of the revision")
	}
}
