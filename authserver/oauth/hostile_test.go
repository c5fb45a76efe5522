// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
)

// TestAuthorizeRefuses: a request that is not as it must be gets a page of ours, and sends nobody
// anywhere: neither where the client is none, nor where nobody but its own document answers for it.
// (THREATS I1, I2, I3)
func TestAuthorizeRefuses(t *testing.T) {
	s := newSite(t)
	ann := s.person("ann")
	for name, changes := range map[string][]string{
		"no client":                    {"client_id", "-"},
		"a client that nobody knows":   {"client_id", "nobody"},
		"a document that is not there": {"client_id", "https://agent.example.org/x.json"},
		"no redirect URI":              {"redirect_uri", "-"},
		"another's redirect URI":       {"redirect_uri", "https://evil.example.org/callback"},
		"a redirect URI and more":      {"redirect_uri", redirect + "/x"},
		"a redirect URI, other case":   {"redirect_uri", "https://AGENT.example.net/callback"},
		"a redirect URI with dots":     {"redirect_uri", "https://agent.example.net/x/../callback"},
		"a redirect URI with a query":  {"redirect_uri", redirect + "?x=y"},
		"a redirect URI with a user":   {"redirect_uri", "https://agent.example.net@evil.example.org/callback"},
		"a fragment":                   {"redirect_uri", redirect + "#x"},
		"a script":                     {"redirect_uri", "javascript:alert(1)//"},
		"another local program's path": {"redirect_uri", "http://127.0.0.1:4000/other"},
		"another name of this machine": {"redirect_uri", "http://localhost:4000/callback"},
		"local, but with TLS":          {"redirect_uri", "https://127.0.0.1:4000/callback"},
		"no PKCE":                      {"code_challenge", "-"},
		"plain PKCE":                   {"code_challenge_method", "plain"},
		"PKCE without a method":        {"code_challenge_method", "-"},
		"PKCE that is no digest":       {"code_challenge", "abc"},
		"a token at once":              {"response_type", "token"},
		"a code and a token":           {"response_type", "code token"},
		"an answer in a fragment":      {"response_mode", "fragment"},
		"an answer by a form":          {"response_mode", "form_post"},
		"no resource":                  {"resource", "-"},
		"a resource of others":         {"resource", "https://www.example.net/"},
		"the team host":                {"resource", teamOrigin + "/"},
		"an application for no agents": {"resource", "https://plain.example.com/"},
		"a resource with a user":       {"resource", "https://x@mcp.example.com/"},
		"a resource with a fragment":   {"resource", resource + "#x"},
		"a resource without TLS":       {"resource", "http://mcp.example.com/mcp"},
		"a resource at a port":         {"resource", "https://mcp.example.com:8443/mcp"},
		"a resource with dots":         {"resource", "https://mcp.example.com/x/%2e%2e/mcp"},
		"a request object":             {"request", "eyJhbGciOiJub25lIn0.e30."},
		"a request to be fetched":      {"request_uri", "https://169.254.169.254/"},
		"no question":                  {"prompt", "none"},
		"a long state":                 {"state", strings.Repeat("x", maxState+1)},
		"a long request":               {"x", strings.Repeat("x", maxAuthorize)},
		"a state with a line end":      {"state", "a\r\nSet-Cookie: x=y"},
		"a scope in quotes":            {"scope", `"`},
	} {
		w := ann.do(http.MethodGet, authorizeURL(changes...), nil)
		if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" || strings.Contains(main(w), `name="question"`) {
			t.Errorf("%s: %d %q", name, w.Code, w.Header().Get("Location"))
		}
		if strings.Contains(main(w), `href="`+"https://evil") || strings.Contains(main(w), `href="javascript`) {
			t.Errorf("%s: it links there: %s", name, main(w))
		}
	}
	for _, twice := range []string{"client_id", "redirect_uri", "resource", "code_challenge", "state"} {
		if w := ann.do(http.MethodGet, authorizeURL()+"&"+twice+"=x", nil); w.Code != http.StatusBadRequest {
			t.Errorf("%s twice: %d", twice, w.Code)
		}
	}
	if w := ann.do(http.MethodHead, authorizeURL(), nil); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", w.Code)
	}
}

// TestRegistered: a client that an operator answers for hears what is wrong itself, with what
// tells it whose answer that is; and its program is where the system put it. (THREATS I3)
func TestRegistered(t *testing.T) {
	s := newSite(t)
	ann := s.person("ann")
	own := []string{"client_id", "cli", "redirect_uri", "http://localhost:49152/cb"}
	w := ann.do(http.MethodGet, authorizeURL(append(own, "code_challenge_method", "plain")...), nil)
	to, _ := url.Parse(w.Header().Get("Location"))
	if w.Code != http.StatusFound || to.Host != "localhost:49152" || to.Query().Get("error") != "invalid_request" ||
		to.Query().Get("state") != "st&te=1" || to.Query().Get("iss") != teamOrigin {
		t.Errorf("%d %s", w.Code, to)
	}
	w = ann.do(http.MethodGet, authorizeURL(own...), nil)
	if !strings.Contains(main(w), "Company CLI") || !strings.Contains(main(w), "a program on this computer") || len(s.fetched) > 0 {
		t.Errorf("%v %s", s.fetched, main(w))
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https: http:;") {
		t.Errorf("a browser would hold the answer back: %s", csp)
	}
	got := s.fetch(ann.code(own...), "client_id", "cli", "redirect_uri", own[3])
	if got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	// It is of that application alone, and of no other that lets clients act.
	there := append(slices.Clone(own), "resource", "https://other.example.com/")
	if w = ann.do(http.MethodGet, authorizeURL(there...), nil); !strings.Contains(main(w), "invalid_client") || w.Header().Get("Location") != "" {
		t.Errorf("at another application: %d %s", w.Code, main(w))
	}
	// Once it is off the list, its tokens are the last ones.
	changed := policies()
	changed[0].OAuth.Clients = nil
	s.publish(changed...)
	if again := s.refreshed(got.Refresh, "client_id", "cli"); again.Error != "invalid_target" {
		t.Errorf("off the list: %+v", again)
	}
	if w = ann.do(http.MethodGet, authorizeURL(own...), nil); !strings.Contains(main(w), "invalid_client") {
		t.Errorf("off the list: %d %s", w.Code, main(w))
	}
}

// TestNobodyIsSentAway: whoever writes policies of an application names what clients they like,
// and has the team host send people nowhere: but for where a person says so.
func TestNobodyIsSentAway(t *testing.T) {
	s := newSite(t)
	named := policies()
	named[0].OAuth.Clients = []policy.OAuthClient{{ID: "web", RedirectURIs: []string{"https://evil.example/cb", "com.example.app:/cb"}}}
	s.publish(named...)
	ann := s.person("ann")
	for _, to := range named[0].OAuth.Clients[0].RedirectURIs {
		for _, change := range [][]string{{"code_challenge_method", "plain"}, {"response_type", "token"}, {"prompt", "none"}, {"scope", `"`}} {
			w := ann.do(http.MethodGet, authorizeURL(append([]string{"client_id", "web", "redirect_uri", to}, change...)...), nil)
			if at := w.Header().Get("Location"); w.Code < 400 || at != "" {
				t.Errorf("%s: %v: %d, to %s", to, change, w.Code, at)
			}
		}
	}
}

// TestConsentIsTheirs: nobody answers for somebody else: no other site's form, no other person, no
// other session, no form of another time or purpose, and none twice. (THREATS I4)
func TestConsentIsTheirs(t *testing.T) {
	s := newSite(t)
	ann, bob := s.person("ann"), s.person("bob")
	address := teamOrigin + "/.access/oauth/authorize"
	refused := func(name string, p *person, form url.Values, header ...string) {
		t.Helper()
		form.Set("answer", "allow")
		if w := p.do(http.MethodPost, address, form, header...); w.Code == http.StatusSeeOther || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Location"))
		}
	}
	q := ann.question()
	refused("another site", ann, q, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example.org")
	refused("another site of the same domain", ann, q, "Sec-Fetch-Site", "same-site", "Origin", "https://mcp.example.com")
	refused("no origin at all", ann, q, "Sec-Fetch-Site", "")
	refused("somebody else", bob, q)
	refused("nobody", s.person(""), q)
	refused("no question", ann, url.Values{})
	refused("two questions", ann, url.Values{"question": {q.Get("question"), q.Get("question")}})
	refused("a code for a question", ann, url.Values{"question": {ann.code()}})
	s.later(time.Second)
	refused("a later session", s.person("ann"), q)
	if w := ann.answer(q, "deny"); !strings.Contains(w.Header().Get("Location"), "error=access_denied") ||
		!strings.Contains(w.Header().Get("Location"), "iss=") || strings.Contains(w.Header().Get("Location"), "code=") {
		t.Errorf("declined: %s", w.Header().Get("Location"))
	}
	if w := ann.answer(ann.question(), ""); !strings.Contains(w.Header().Get("Location"), "error=access_denied") {
		t.Errorf("no answer: %s", w.Header().Get("Location"))
	}
	q = ann.question()
	if w := ann.answer(q, "allow"); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, main(w))
	}
	refused("twice", ann, q)
	q = ann.question()
	s.later(consentTime)
	refused("too late", ann, q)
}

// TestNotAdmitted: who may not open the application cannot let a client in, neither when asked nor
// by an answer to what was asked before. (THREATS I5)
func TestNotAdmitted(t *testing.T) {
	s := newSite(t)
	eve := s.person("eve")
	w := eve.do(http.MethodGet, authorizeURL(), nil)
	if w.Code != http.StatusForbidden || w.Header().Get("Location") != "" || !strings.Contains(main(w), "eve@example.com") {
		t.Errorf("%d %s", w.Code, main(w))
	}
	bob := s.person("bob")
	q := bob.question()
	all := policies()
	all[0].Rules[0].Include = all[0].Rules[0].Include[:1]
	s.publish(all...)
	if w := bob.answer(q, "allow"); w.Code != http.StatusForbidden || w.Header().Get("Location") != "" {
		t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
	}
}

// TestTokenRefuses: what is not the client's own code, as it asked for it, gets no token, and uses
// nothing up. (THREATS I6)
func TestTokenRefuses(t *testing.T) {
	s := newSite(t)
	c := s.person("ann").code()
	for name, changes := range map[string][]string{
		"another verifier":       {"code_verifier", strings.Repeat("x", 43)},
		"no verifier":            {"code_verifier", "-"},
		"the challenge":          {"code_verifier", challenge()},
		"another client":         {"client_id", "cli"},
		"no client":              {"client_id", "-"},
		"a secret":               {"client_secret", "x"},
		"an assertion":           {"client_assertion", "x"},
		"another redirect URI":   {"redirect_uri", local},
		"another resource":       {"resource", "https://other.example.com/"},
		"another path":           {"resource", "https://mcp.example.com/"},
		"another grant":          {"grant_type", "password"},
		"no grant":               {"grant_type", "-"},
		"client credentials":     {"grant_type", "client_credentials"},
		"a damaged code":         {"code", c[:len(c)-2]},
		"no code":                {"code", "-"},
		"a code as a refreshing": {"grant_type", "refresh_token", "refresh_token", c},
	} {
		if name == "another resource" || name == "another path" {
			continue // below: it does use the code up
		}
		if got := s.fetch(c, changes...); got.status != http.StatusBadRequest || got.Error == "" || got.Access != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := s.post("token", url.Values{"grant_type": {"authorization_code"}}, "Authorization",
		"Basic Y2xpOng="); got.status != http.StatusUnauthorized {
		t.Errorf("client authentication: %+v", got)
	}
	if got := s.post("token", url.Values{"grant_type": {"authorization_code"}}, "Content-Type",
		"application/json"); got.Error != "invalid_request" {
		t.Errorf("JSON: %+v", got)
	}
	q := url.Values{"grant_type": {"authorization_code"}, "code": {c}, "client_id": {clientID}, "code_verifier": {verifier}}
	if w := s.person("").do(http.MethodPost, teamOrigin+"/.access/oauth/token?"+q.Encode(),
		url.Values{}); w.Code != http.StatusBadRequest {
		t.Errorf("in the address: %d", w.Code)
	}
	if w := s.person("").do(http.MethodGet, teamOrigin+"/.access/oauth/token?"+q.Encode(), nil); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("by GET: %d", w.Code)
	}
	if got := s.fetch(c); got.status != http.StatusOK {
		t.Errorf("none of that used it up: %+v", got)
	}
	for _, elsewhere := range []string{"https://other.example.com/", "https://mcp.example.com/"} {
		if got := s.fetch(s.person("ann").code(), "resource", elsewhere); got.Error != "invalid_target" {
			t.Errorf("for %s: %+v", elsewhere, got)
		}
	}
	late := s.person("ann").code()
	s.later(codeTime)
	if got := s.fetch(late); got.Error != "invalid_grant" {
		t.Errorf("too late: %+v", got)
	}
}

// TestConfusion: a token is good for what it is, where it is for. (THREATS I8, I9)
func TestConfusion(t *testing.T) {
	s := newSite(t)
	got := s.fetch(s.person("ann").code())
	for _, name := range []string{credential.CookieName, credential.PathCookieName, "__Host-ostiary-team"} {
		if d, who := s.decide("GET", resource, name+"="+got.Access, ""); d.Verdict == policy.Admit || who != nil {
			t.Errorf("as a cookie %s: %s", name, d.Reason)
		}
	}
	p := &person{s, map[string]string{"__Host-ostiary-team": got.Access}}
	if w := p.do(http.MethodGet, authorizeURL(), nil); strings.Contains(main(w), `name="question"`) {
		t.Error("it is a session at the team host")
	}
	if s.opens(resource, got.Refresh) {
		t.Error("a refresh token opens the application")
	}
	if again := s.refreshed(got.Access); again.Error != "invalid_grant" {
		t.Errorf("an access token refreshes: %+v", again)
	}
	all := policies()
	all[0].OAuth = nil
	s.publish(all...)
	if s.opens(resource, got.Access) {
		t.Error("it opens an application that is for agents no more")
	}
	if next := s.refreshed(got.Refresh); next.Error != "invalid_target" {
		t.Errorf("and is refreshed: %+v", next)
	}
	moved := policies()
	moved[0].Source.Name = "mcp-2"
	s.publish(moved...)
	if s.opens(resource, got.Access) {
		t.Error("it opens what another policy guards")
	}
}
