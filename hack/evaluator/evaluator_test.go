// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/evaluation"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// The example of the guide answers what Ostiary asks, and takes nobody else's questions.
func TestExample(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := credential.NewRing(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := credential.NewRing(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(ring.JWKS()) }))
	defer certs.Close()
	service := &Service{Certs: certs.URL, Key: key, Approves: func(email string, groups []string) bool {
		return email == "ann@example.com" || slices.Contains(groups, "on-call")
	}}
	server := httptest.NewServer(service)
	defer server.Close()
	service.URL = server.URL + "/duty"
	set := evaluation.New(evaluation.Options{Log: slog.New(slog.DiscardHandler), Now: time.Now})
	for name, tc := range map[string]struct {
		by     *credential.Ring
		email  string
		groups []string
		path   string
		want   policy.Outcome
	}{
		"on duty":            {ring, "ann@example.com", nil, "/duty", policy.Approved},
		"on call":            {ring, "bob@example.com", []string{"on-call"}, "/duty", policy.Approved},
		"neither":            {ring, "bob@example.com", nil, "/duty", policy.Rejected},
		"another asks":       {other, "ann@example.com", nil, "/duty", policy.Untold},
		"for another":        {ring, "ann@example.com", nil, "/other", policy.Untold},
		"keys are no answer": {ring, "ann@example.com", nil, "/keys", policy.Untold},
	} {
		e := &policy.Evaluation{URL: server.URL + tc.path, KeysURL: server.URL + "/keys"}
		in := &evaluation.Inquiry{Ring: tc.by, Issuer: "https://auth.example.com", Now: time.Now(),
			Identity: evaluation.Identity{Identity: public.IdentityOf(&policy.Subject{ID: "1", Email: tc.email, Groups: tc.groups}, "oidc")}}
		if got := set.Ask(t.Context(), in, []policy.Asking{{Evaluation: e}}); got[0] != e.Outcome(tc.want) {
			t.Errorf("%s: %q, want %c", name, got, tc.want)
		}
	}
}

// TestGuide: what the guide shows is what the test above runs.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/guides/external-evaluation.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("evaluator.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(code), "package evaluator\n")
	if !strings.Contains(string(guide), "```go\npackage evaluator\n"+shown+"```\n") {
		t.Error("docs/guides/external-evaluation.md shows other code than hack/evaluator/evaluator.go")
	}
}
