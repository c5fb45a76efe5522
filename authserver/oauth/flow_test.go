// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFlow: an agent is let act by a person, at one application, and nowhere else.
func TestFlow(t *testing.T) {
	s := newSite(t)
	ann := s.person("ann")
	w := ann.do(http.MethodGet, authorizeURL(), nil)
	for _, want := range []string{"Example Agent", "agent.example.net", "https://mcp.example.com/mcp", "ann@example.com",
		"2026-07-31 12:00 UTC", "notes:read"} {
		if !strings.Contains(main(w), want) {
			t.Errorf("the question does not say %q:\n%s", want, main(w))
		}
	}
	if strings.Contains(main(w), "admin") {
		t.Error("it names a scope that the application does not have")
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") ||
		w.Header().Get("X-Frame-Options") != "DENY" {
		t.Errorf("it can be framed: %s", csp)
	}
	back := ann.answer(ann.question(), "allow")
	to, err := url.Parse(back.Header().Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), redirect+"?") {
		t.Fatalf("it leads to %s", to)
	}
	if q := to.Query(); q.Get("state") != "st&te=1" || q.Get("iss") != teamOrigin || q.Get("error") != "" {
		t.Errorf("it says %v", q)
	}
	got := s.fetch(to.Query().Get("code"))
	if got.status != http.StatusOK || got.Type != "Bearer" || got.Expires != 600 || got.Scope != "notes:read" || got.Refresh == "" {
		t.Fatalf("%+v", got)
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Access-Control-Allow-Origin") != "*" ||
		got.header.Get("Set-Cookie") != "" {
		t.Errorf("%v", got.header)
	}
	d, who := s.decide("POST", resource, "", "Bearer "+got.Access)
	if !s.opens(resource, got.Access) || who == nil || who.Client != clientID || who.Email != "ann@example.com" ||
		who.Host != "mcp.example.com" {
		t.Errorf("%+v %+v", d, who)
	}
	for _, elsewhere := range []string{"https://other.example.com/", "https://plain.example.com/", "https://auth.example.com/"} {
		if s.opens(elsewhere, got.Access) {
			t.Errorf("it opens %s", elsewhere)
		}
	}
	s.later(10 * time.Minute)
	if s.opens(resource, got.Access) {
		t.Error("it is good for longer than it says")
	}
	next := s.refreshed(got.Refresh)
	if next.status != http.StatusOK || !s.opens(resource, next.Access) || next.Refresh == got.Refresh {
		t.Errorf("%+v", next)
	}
}

// TestSignInFirst: who is not signed in signs in, and is asked then; nothing is fetched for them
// before.
func TestSignInFirst(t *testing.T) {
	s := newSite(t)
	p := s.person("")
	w := p.do(http.MethodGet, authorizeURL(), nil)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `type="password"`) || len(s.fetched) > 0 {
		t.Fatalf("%d %v %s", w.Code, s.fetched, main(w))
	}
	form := url.Values{"username": {"ann"}, "password": {password}}
	for _, m := range hidden.FindAllStringSubmatch(w.Body.String(), -1) {
		form.Set(m[1], m[2])
	}
	w = p.do(http.MethodPost, teamOrigin+"/.access/login/auth.example.com", form)
	for range 5 {
		if to := w.Header().Get("Location"); to != "" {
			w = p.do(http.MethodGet, to, nil)
		}
	}
	if w.Code != http.StatusOK || !strings.Contains(main(w), "Example Agent") {
		t.Fatalf("%d %v %s", w.Code, w.Header(), main(w))
	}
	m := hidden.FindStringSubmatch(w.Body.String())
	w = p.answer(url.Values{"question": {m[2]}}, "allow")
	to, _ := url.Parse(w.Header().Get("Location"))
	if got := s.fetch(to.Query().Get("code")); got.status != http.StatusOK || to.Query().Get("state") != "st&te=1" {
		t.Errorf("%+v", got)
	}
}

// TestConsentSaysWhereTo: whoever is asked reads where the answer goes, whoever the client says
// it is: to which host, and that it stays on this machine, where any program may listen.
func TestConsentSaysWhereTo(t *testing.T) {
	const onThisMachine = "Only allow this if you have just started that program yourself."
	s := newSite(t)
	s.documents[clientID] = documentText(func(d map[string]any) {
		d["redirect_uris"] = []string{"https://collector.example.org/x", "http://127.0.0.1/callback", "http://localhost/callback"}
	})
	for to, want := range map[string]string{
		"https://collector.example.org/x": "collector.example.org", "http://127.0.0.1:49152/callback": onThisMachine,
		"http://localhost:49152/callback": onThisMachine,
	} {
		text := main(s.person("ann").do(http.MethodGet, authorizeURL("redirect_uri", to), nil))
		if !strings.Contains(text, want) || strings.Contains(text, onThisMachine) != (want == onThisMachine) {
			t.Errorf("%s: the question does not say %q:\n%s", to, want, text)
		}
	}
}

// TestServerMetadata: what it says of itself leads to what answers.
func TestServerMetadata(t *testing.T) {
	s := newSite(t)
	w := s.person("").do(http.MethodGet, teamOrigin+"/.well-known/oauth-authorization-server", nil, "Origin",
		"https://inspector.example.net")
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || w.Code != http.StatusOK ||
		w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%d %v %v", w.Code, err, w.Header())
	}
	if m["issuer"] != teamOrigin || m["client_id_metadata_document_supported"] != true ||
		m["authorization_response_iss_parameter_supported"] != true {
		t.Errorf("%v", m)
	}
	if methods, _ := m["code_challenge_methods_supported"].([]any); !slices.Equal(methods, []any{"S256"}) {
		t.Errorf("PKCE by %v", methods)
	}
	for name, method := range map[string]string{"authorization_endpoint": http.MethodGet, "token_endpoint": http.MethodPost,
		"revocation_endpoint": http.MethodPost} {
		address, _ := m[name].(string)
		if w := s.person("ann").do(method, address, nil); w.Code == http.StatusNotFound || w.Code == http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", address, w.Code)
		}
		if w := s.person("").do(http.MethodOptions, address, nil, "Origin", "https://x.example.net", "Access-Control-Request-Method",
			method); (w.Code == http.StatusNoContent) != (method == http.MethodPost) {
			t.Errorf("preflight of %s: %d", address, w.Code)
		}
	}
	for _, elsewhere := range []string{"https://mcp.example.com/.well-known/oauth-authorization-server",
		"https://mcp.example.com/.access/oauth/token",
		teamOrigin + "/.access/oauth", teamOrigin + "/.access/oauth/register", teamOrigin + "/.well-known/openid-configuration"} {
		if w := s.person("ann").do(http.MethodGet, elsewhere, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", elsewhere, w.Code)
		}
	}
}
