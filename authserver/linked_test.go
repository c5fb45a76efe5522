// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// TestLinkedApp: an application calls another one with what it was told of its visitor, in
// one header, once; nobody gets further with anything else. (THREATS F4)
func TestLinkedApp(t *testing.T) {
	now := time.Now()
	ring, err := credential.NewRing(now)
	if err != nil {
		t.Fatal(err)
	}
	verifier := credential.NewVerifier(ring, "https://auth.example.com", 1000)
	w := newWorld(t, func(c *Config) {
		c.Subject, c.Assertion, c.Linked, c.Identity = verifier.Subject, verifier.Assertion, verifier.Linked, dialect.CloudflareIdentityHeaders
	})
	w.rebuild(func(in *policy.Input) {
		at := func(name string, rules ...policy.Rule) policy.Policy {
			return policy.Policy{Source: policy.Source{Namespace: "ns", Name: name}, Hosts: []string{name + ".example.com"}, Rules: rules}
		}
		staff := policy.Rule{Action: policy.Allow, Include: []policy.Selector{{Property: policy.EmailDomain, Value: "example.com"}}}
		link := policy.Rule{Action: policy.ServiceAuth, Include: []policy.Selector{{Property: policy.LinkedApp, Value: "desk"}}}
		in.Policies = append(in.Policies, policy.CompileAll([]policy.Policy{at("desk", staff), at("stock", link, staff), at("other", staff)})...)
	})
	token := func(name, email string) string {
		out, err := ring.Mint(credential.Claims{Issuer: "https://auth.example.com", Audience: []string{"ns/" + name},
			Host: name + ".example.com", ID: "00u1",
			User: "corp/00u1", Email: email, Provider: "corp", Lifetime: time.Hour}, now)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	addr := w.authz(t)
	ask := func(host string, headers ...string) *answer {
		lines := strings.Join(append(headers, ""), "\r\n")
		answers := raw(t, addr, "GET /authz/v1/nginx/GET/"+host+"/x HTTP/1.1\r\nHost: authz\r\nConnection: close\r\n"+lines+"\r\n")
		if len(answers) != 1 {
			t.Fatalf("%v", statuses(answers))
		}
		return answers[0]
	}
	desk, stock, bob := token("desk", "ann@example.com"), token("stock", "ann@example.com"), token("desk", "bob@elsewhere.example")
	// The application is told its visitor, and sends that on.
	told := ask("desk.example.com", "Cookie: __Host-ostiary="+desk).Header.Get("X-Access-Jwt-Assertion")
	if told != desk {
		t.Fatalf("the application is told %q", told)
	}
	for name, tc := range map[string]struct {
		headers []string
		want    int
		reason  string
	}{
		"what it was told":           {[]string{"X-Access-Token: " + told}, 200, ""},
		"by Cloudflare's name":       {[]string{"Cf-Access-Token: " + told}, 200, ""},
		"by both names":              {[]string{"Cf-Access-Token: " + told, "x-access-token: " + told}, 200, ""},
		"by both, differing":         {[]string{"Cf-Access-Token: " + told, "X-Access-Token: " + stock}, 401, "token-invalid"},
		"twice":                      {[]string{"X-Access-Token: " + told, "X-Access-Token: " + told}, 401, "token-invalid"},
		"with a scheme":              {[]string{"X-Access-Token: Bearer " + told}, 401, "token-invalid"},
		"empty":                      {[]string{"X-Access-Token: ", "Cookie: __Host-ostiary=" + stock}, 200, ""},
		"junk, and a good session":   {[]string{"X-Access-Token: junk", "Cookie: __Host-ostiary=" + stock}, 401, "token-invalid"},
		"in another spelling":        {[]string{"X_Access_Token: " + told}, 401, "no-session"},
		"as a cookie":                {[]string{"Cookie: __Host-ostiary=" + told}, 401, "wrong-audience"},
		"in Authorization":           {[]string{"Authorization: Bearer " + told}, 401, "wrong-audience"},
		"as an assertion":            {[]string{"X-Access-Jwt-Assertion: " + told}, 401, "no-session"},
		"of another person":          {[]string{"X-Access-Token: " + bob}, 403, "no-rule-matched"},
		"of another application":     {[]string{"X-Access-Token: " + token("other", "ann@example.com")}, 403, "no-rule-matched"},
		"of this one":                {[]string{"X-Access-Token: " + stock}, 403, "no-rule-matched"},
		"of this one, as its cookie": {[]string{"Cookie: __Host-ostiary=" + stock}, 200, ""},
	} {
		a := ask("stock.example.com", tc.headers...)
		if a.StatusCode != tc.want || a.Header.Get("X-Access-Reason") != tc.reason || a.Header.Get("Location") != "" ||
			len(a.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.Header.Get("X-Access-Reason"), tc.want, tc.reason)
		}
		if tc.want == 200 {
			for _, name := range []string{"X-Access-Token", "Cf-Access-Token"} {
				if got := a.Header[name]; len(got) != 1 || got[0] != "" {
					t.Errorf("%s is %q for the application", name, got)
				}
			}
		}
	}
	a := ask("stock.example.com", "X-Access-Token: "+told)
	if got := a.Header.Get("X-Access-User"); got != "linked:ns/desk:corp/00u1" || a.Header.Get("X-Access-Email") != "" {
		t.Errorf("the application is told %q", got)
	}
	// What says so is for this application alone, and is no link to a third one.
	onward := a.Header.Get("X-Access-Jwt-Assertion")
	if onward == "" || onward == told || verifies(verifier, onward, now) {
		t.Errorf("the application is told by %q", onward)
	}
	if a := ask("stock.example.com", "X-Access-Token: "+onward); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a machine's assertion as a link: %d", a.StatusCode)
	}
	// Where no rule is about links, the header is nothing.
	if a := ask("other.example.com", "X-Access-Token: junk", "Cookie: __Host-ostiary="+token("other",
		"ann@example.com")); a.StatusCode != http.StatusOK {
		t.Errorf("elsewhere: %d", a.StatusCode)
	}
}

func verifies(v *credential.Verifier, token string, now time.Time) bool {
	l, _ := v.Linked(token, now)
	return l != nil
}
