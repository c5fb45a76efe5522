// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

// TestACRValues: a client that was told acr_values has its person asked for that first
// (RFC 9470 §4), and asked what to allow then, whatever came of it.
func TestACRValues(t *testing.T) {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := "http://" + r.Host
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": at, "authorization_endpoint": at + "/authorize",
			"token_endpoint": at + "/token", "jwks_uri": at + "/jwks"})
	}))
	t.Cleanup(provider.Close)
	s := newSite(t)
	problems := s.people.Update([]idp.Config{{Name: "corp", Type: idp.TypeOIDC, Issuer: provider.URL, ClientID: "ostiary",
		StepUp: []idp.StepUp{{Method: "mfa", ACRValues: []string{"gold"}}}}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s.in.Providers = policy.NewProviders(policy.Provider{Name: "corp", StepUp: []string{"mfa"}})
	s.publish(policies()...)
	carol := s.person("")
	token, err := s.ring.MintTeam(credential.Claims{Issuer: teamOrigin, ID: "ann", Email: "ann@example.com", Groups: []string{"staff"},
		Provider: "corp", IssuedAt: s.now(), Lifetime: 24 * time.Hour}, s.now())
	if err != nil {
		t.Fatal(err)
	}
	carol.cookies["__Host-ostiary-team"] = token
	for words, want := range map[string]string{"mfa": "gold", " mfa pwd": "gold", "pwd": "", "pwd mfa": "", "": "", `m"fa`: ""} {
		w := carol.do(http.MethodGet, authorizeURL("acr_values", words), nil)
		to, err := url.Parse(w.Header().Get("Location"))
		if err != nil || to.Query().Get("acr_values") != want || (w.Code == http.StatusOK) != (want == "") {
			t.Errorf("%q: %d, to %s", words, w.Code, to)
		}
	}
	if w := carol.do(http.MethodGet, authorizeURL("acr_values", "mfa", "stepped", "1"), nil); w.Code != http.StatusOK {
		t.Errorf("who was asked is asked again: %d %s", w.Code, w.Header().Get("Location"))
	}
	twice := authorizeURL("acr_values", "mfa") + "&acr_values=pwd"
	if w := carol.do(http.MethodGet, twice, nil); w.Code == http.StatusOK || w.Header().Get("Location") != "" {
		t.Errorf("a parameter that comes twice: %d", w.Code)
	}
}
