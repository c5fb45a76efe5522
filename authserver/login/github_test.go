// SPDX-License-Identifier: Apache-2.0

package login

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A gitHub answers as GitHub Enterprise does, in the shapes of its documentation. The code is the login of
// whoever it is for.
type gitHub struct {
	*httptest.Server

	mu       sync.Mutex
	number   map[string]int   // of accounts, by login
	orgs     map[string][]any // that an account is in
	teams    map[string][]any
	down     int // the status of the API; 0: it answers
	verified bool
}

func newGitHub(t *testing.T) *gitHub {
	t.Helper()
	org := func(name string) any { return map[string]any{"login": name, "id": 2} }
	g := &gitHub{verified: true, number: map[string]int{"octocat": 583231, "hubot": 9, "stranger": 77}, orgs: map[string][]any{
		"octocat": {org("example")}, "hubot": {org("example")}, "stranger": {org("hobby")},
	}, teams: map[string][]any{
		"octocat": {map[string]any{"slug": "ops", "organization": org("example")}},
	}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *gitHub) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}

func (g *gitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	login := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if r.URL.Path == "/login/oauth/access_token" {
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": r.PostFormValue("code"), "token_type": "bearer",
			"scope": "read:org,read:user,user:email"})
		return
	}
	answer := map[string]any{"/user": map[string]any{"login": login, "id": g.number[login], "name": "A " + login},
		"/user/emails": []any{map[string]any{"email": login + "@example.com", "primary": true, "verified": g.verified}},
		"/user/orgs":   g.orgs[login], "/user/teams": g.teams[login]}[strings.TrimPrefix(r.URL.Path, "/api/v3")]
	switch {
	case g.number[login] == 0:
		w.WriteHeader(http.StatusUnauthorized)
	case g.down > 0:
		w.Header().Set("X-Ratelimit-Remaining", "0")
		w.WriteHeader(g.down)
	case r.URL.Query().Get("page") > "1":
		_, _ = w.Write([]byte("[]"))
	default:
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// comes is how a sign-in of somebody ends at an address.
func (g *gitHub) comes(b *browser, login, host string) page {
	b.t.Helper()
	b.follow = false
	at := b.get(b.url(host, "/orders"))
	for at.location != "" && !strings.HasPrefix(at.location, g.URL) {
		at = b.get(at.location)
	}
	if at.location == "" { // there is a session by now
		return at
	}
	b.follow = true
	return b.get(b.url("auth.example.com", "/.access/idp/hub/callback?code="+login+"&state="+queryOf(at.location).Get("state")))
}

// withTeams are the standard policies, with app2 for a team, and app3 for an organization.
func withTeams(all []policy.Policy) []policy.Policy {
	all[1].Rules = allow([]policy.Selector{{Property: policy.IdPGroup, Value: "example/ops"}})
	all[2].Rules = allow([]policy.Selector{{Property: policy.IdPGroup, Value: "example"}})
	return all
}

// TestGitHubSignsIn: from the first visit to the application: who is in a team of an organization, in the
// organization alone, and in neither; and what is said while GitHub does not answer.
func TestGitHubSignsIn(t *testing.T) {
	for name, c := range map[string]struct {
		login string
		down  int
		want  [3]int // at app1, app2 (the team), app3 (the organization)
	}{
		"of the team":         {login: "octocat", want: [3]int{200, 200, 200}},
		"of the organization": {login: "hubot", want: [3]int{200, 403, 200}},
		"of another":          {login: "stranger", want: [3]int{403, 403, 403}},
		"of nobody":           {login: "ghost", want: [3]int{403, 403, 403}},
		"down":                {login: "octocat", down: 503, want: [3]int{502, 502, 502}},
		"asked too often":     {login: "octocat", down: 403, want: [3]int{502, 502, 502}},
	} {
		s, g := newSite(t, withTeams), newGitHub(t)
		if problems := s.providers.Update([]idp.Config{{Name: "hub", Type: idp.TypeGitHub, Site: g.URL, ClientID: "c", ClientSecret: "s",
			Organizations: []string{"example"}}}); len(problems) > 0 {
			t.Fatal(problems)
		}
		g.down = c.down
		b := s.browser()
		for i, host := range []string{"app1.example.com", "app2.example.net", "app3.example.org"} {
			got := g.comes(b, c.login, host)
			if got.status != c.want[i] || got.status == 200 && !strings.Contains(got.body, c.login+"@example.com") {
				t.Errorf("%s: %s: %d, want %d: %s", name, host, got.status, c.want[i], afterMain(got.body))
			}
		}
	}
}

// TestGitHubRenamed: an account is its number. Whoever takes up a name that another gave away is somebody
// else, and who is renamed stays who they are.
func TestGitHubRenamed(t *testing.T) {
	s, g := newSite(t, nil), newGitHub(t)
	if problems := s.providers.Update([]idp.Config{{Name: "hub", Type: idp.TypeGitHub, Site: g.URL, ClientID: "c",
		ClientSecret: "s"}}); len(problems) > 0 {
		t.Fatal(problems)
	}
	browsers := map[string]*browser{"before": s.browser(), "mona": s.browser(), "octocat": s.browser()}
	g.comes(browsers["before"], "octocat", "app1.example.com").mustBe(t, 200)
	g.set(func() { g.number["mona"], g.number["octocat"] = g.number["octocat"], 1000 })
	for _, login := range []string{"mona", "octocat"} {
		g.comes(browsers[login], login, "app1.example.com").mustBe(t, 200)
	}
	if err := s.revoke(t.Context(), policy.Revocation{Provider: "hub", User: "583231", Before: s.now().Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"before": 302, "mona": 302, "octocat": 200} {
		browsers[name].follow = false
		if got := browsers[name].get(s.url("app1.example.com", "/")); got.status != want {
			t.Errorf("%s: %d, want %d, once the account of that number is signed out", name, got.status, want)
		}
	}
}

func (p page) mustBe(t *testing.T, status int) {
	t.Helper()
	if p.status != status {
		t.Fatalf("%s: %d, want %d: %s", p.at, p.status, status, afterMain(p.body))
	}
}
