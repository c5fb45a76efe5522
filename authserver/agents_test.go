// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
)

// agentWorld has one application for clients that act for people, and one for none; its keys are
// real ones.
func agentWorld(t *testing.T) (*world, *credential.Ring) {
	t.Helper()
	ring, err := credential.NewRing(time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *Config) {
		c.Subject = credential.NewVerifier(ring, "https://auth.example.com", 10).Subject
		c.Ring = func() *credential.Ring { return ring }
		c.Login = &login.Config{Providers: idp.New(idp.Options{Log: c.Log})}
	})
	of := func(name string, o *policy.OAuth) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: "ns", Name: name}, Hosts: []string{name + ".example.com"}, OAuth: o,
			Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Email, Value: "ann@example.com"}}}}}
	}
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{of("mcp", &policy.OAuth{}), of("plain", nil)})})
	for _, i := range issues {
		if !i.Warning() {
			t.Fatal(i)
		}
	}
	w.live.Publish(table)
	return w, ring
}

// TestAgentsToken: through the listeners, a client's token opens the application that it is for,
// which is told of whom it acts for, and no other; and nobody by a cookie. (THREATS I8, I9)
func TestAgentsToken(t *testing.T) {
	w, ring := agentWorld(t)
	token, err := ring.Mint(credential.Claims{Issuer: "https://auth.example.com", Audience: []string{"ns/mcp"}, Host: "mcp.example.com",
		ID: "1", Email: "ann@example.com", Provider: "corp", Client: "https://agent.example.net/x", GrantedAt: time.Now(), Lifetime: time.Minute},
		time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		host, header string
		want         policy.Verdict
	}{
		"its own":              {"mcp.example.com", "Authorization: Bearer " + token, policy.Admit},
		"another":              {"plain.example.com", "Authorization: Bearer " + token, policy.Challenge},
		"as a cookie":          {"mcp.example.com", "Cookie: __Host-ostiary=" + token, policy.Challenge},
		"a cookie that is old": {"mcp.example.com", "Authorization: Bearer " + token + "\r\nCookie: __Host-ostiary=old", policy.Admit},
	} {
		target, err := policy.NewTarget(c.host, "/mcp")
		if err != nil {
			t.Fatal(err)
		}
		q := policy.Request{Target: target, Method: "POST", Now: time.Now(), SessionDuration: time.Hour}
		fields := http.Header{}
		for line := range strings.SplitSeq(c.header, "\r\n") {
			field, value, _ := strings.Cut(line, ": ")
			fields.Set(field, value)
		}
		table := w.live.Table()
		q.Present(w.Subject(table.At(&q), fields.Get("Cookie"), fields.Get("Authorization"), q.Now))
		if d := table.Decide(q); d.Verdict != c.want {
			t.Errorf("%s: %s %s", name, d.Verdict, d.Reason)
		}
	}
}

// TestAuthorizationServer: the public listener answers clients at the team host alone: programs
// without an Origin, and pages of any site; where people answer, no other site posts.
func TestAuthorizationServer(t *testing.T) {
	w, _ := agentWorld(t)
	ask := func(method, host, path, body string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Host = host
		if body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		out := httptest.NewRecorder()
		w.Public().ServeHTTP(out, r)
		return out
	}
	const team, evil = "auth.example.com", "https://evil.example.org"
	var m map[string]any
	got := ask("GET", team, "/.well-known/oauth-authorization-server", "", "Origin", evil)
	if json.Unmarshal(got.Body.Bytes(), &m) != nil || got.Code != 200 || m["issuer"] != "https://auth.example.com" ||
		m["token_endpoint"] != "https://auth.example.com/.access/oauth/token" || got.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %v %v", got.Code, m, got.Header())
	}
	for _, headers := range [][]string{nil, {"Origin", evil, "Sec-Fetch-Site", "cross-site"}} {
		for _, path := range []string{"/.access/oauth/token", "/.access/oauth/revoke"} {
			got := ask("POST", team, path, "client_id=x&token=y", headers...)
			if got.Header().Get("Content-Type") != "application/json" && got.Code != 200 || got.Code == 403 ||
				got.Header().Get("Access-Control-Allow-Credentials") != "" || got.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s %v: %d %v", path, headers, got.Code, got.Header())
			}
			if got := ask("POST", "mcp.example.com", path, "client_id=x&token=y", headers...); got.Code < 400 {
				t.Errorf("%s at an application: %d", path, got.Code)
			}
		}
		if got := ask("POST", team, "/.access/oauth/authorize", "question=x&answer=allow", headers...); got.Code != 403 ||
			got.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("a consent by another site, %v: %d %v", headers, got.Code, got.Header())
		}
	}
	if got := ask("OPTIONS", team, "/.access/oauth/token", "", "Origin", evil, "Access-Control-Request-Method", "POST"); got.Code != 204 {
		t.Errorf("a preflight: %d", got.Code)
	}
	if got := ask("OPTIONS", team, "/.access/oauth/authorize", "", "Origin", evil, "Access-Control-Request-Method", "POST"); got.Code < 400 ||
		got.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a preflight of a consent: %d %v", got.Code, got.Header())
	}
}
