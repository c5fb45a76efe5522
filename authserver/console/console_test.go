// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// A person is who is signed in, everywhere; nil: nobody.
type person struct{ subject *policy.Subject }

func (p person) Session(*public.Exchange) *policy.Subject { return p.subject }

func (p person) TeamSubject(*public.Exchange) (*policy.Subject, policy.Reason) {
	return p.subject, policy.NoSession
}

func (p person) MayOpen(x *public.Exchange, target policy.Target, s *policy.Subject) bool {
	return x.Table.Decide(policy.Request{Target: target, Method: "GET", Subject: s, Now: x.Now}).Verdict == policy.Admit
}

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func newConsole(t *testing.T, p person) *Handler {
	t.Helper()
	ring, err := credential.NewRing(now)
	if err != nil {
		t.Fatal(err)
	}
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{
		{Source: policy.Source{Namespace: "shop", Name: "app"}, Hosts: []string{"app.example.com"}, Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}}},
	})})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	return New(Config{
		Site: &public.Site{
			Table: func() *policy.Table { return table }, Ring: func() *credential.Ring { return ring },
			TeamURL: &url.URL{Scheme: "https", Host: "login.example.com"}, PathPrefix: "/.access", SessionDuration: 24 * time.Hour,
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: func() time.Time { return now }, SignsIn: true,
		},
		Subject: func(policy.Place, string, string, time.Time) policy.Presented {
			return policy.Presented{Subject: p.subject}
		},
		Sessions: p,
	})
}

var ann = person{&policy.Subject{ID: "ann", Email: "ann@example.com", Provider: "people", SignedInAt: now.Add(-time.Hour), IssuedAt: now.Add(-time.Hour), ExpiresAt: now.Add(time.Hour)}}

// ask returns nil where the console does not answer.
func ask(h *Handler, method, address string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, address, nil)
	r.RequestURI = r.URL.RequestURI()
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if !h.Serve(w, r, "test-request", h) {
		return nil
	}
	return w
}

// TestAddresses: exact paths at the right hosts, and GET alone.
func TestAddresses(t *testing.T) {
	h := newConsole(t, ann)
	for address, want := range map[string]int{
		"https://login.example.com/":                             200,
		"https://login.example.com/.access/get-identity":         401, // this token is for no application
		"https://login.example.com/.access/token":                0,
		"https://login.example.com/x":                            0,
		"https://app.example.com/":                               0,
		"https://app.example.com/.access/get-identity":           200,
		"https://app.example.com/.access/get-identity/":          0,
		"https://app.example.com/.access/%67et-identity":         0,
		"https://app.example.com/.access/client.js":              200,
		"https://app.example.com/.access/client.d.ts":            200,
		"https://app.example.com/.access/token?for=%zz":          400,
		"https://app.example.com/.access/token?for=https://x.no": 403,
	} {
		got := 0
		if w := ask(h, http.MethodGet, address, "Sec-Fetch-Site", "same-origin"); w != nil {
			got = w.Code
		}
		if got != want {
			t.Errorf("%s: %d, want %d", address, got, want)
		}
		if w := ask(h, http.MethodPost, address, "Sec-Fetch-Site", "same-origin"); w != nil && w.Code != http.StatusMethodNotAllowed && want != 400 {
			t.Errorf("POST %s: %d", address, w.Code)
		}
	}
}

// TestNobody: who is not signed in is told so, and how to be.
func TestNobody(t *testing.T) {
	h := newConsole(t, person{})
	for address, login := range map[string]string{
		"https://app.example.com/.access/get-identity":                       "https://app.example.com/.access/login",
		"https://app.example.com/.access/token?for=https://app2.example.com": "https://app.example.com/.access/login",
		"https://login.example.com/.access/get-identity":                     "",
	} {
		w := ask(h, http.MethodGet, address, "Sec-Fetch-Site", "same-origin")
		var answer map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 401 || answer["reason"] != "no-session" || answer["login_url"] != login || answer["request_id"] != "test-request" {
			t.Errorf("%s: %d %s", address, w.Code, w.Body)
		}
	}
	if w := ask(h, http.MethodGet, "https://login.example.com/"); strings.Contains(w.Body.String(), "logout") {
		t.Error("nobody is offered to sign out")
	}
	if w := ask(newConsole(t, ann), http.MethodGet, "https://login.example.com/"); !strings.Contains(w.Body.String(), "ann@example.com") {
		t.Error("the launcher does not say who is signed in")
	}
}

// Each person has a limit of their own.
func TestTokenLimitIsOfOnePerson(t *testing.T) {
	l := newConsole(t, ann).tokens
	for l.Allow("guests\x00ann", now) {
	}
	if !l.Allow("people\x00ann", now) { // one slot in 4096 is shared
		t.Skip("the two share a slot")
	}
}
