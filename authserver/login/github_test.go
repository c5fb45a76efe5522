// SPDX-License-Identifier: Apache-2.0

package login

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A gitHubSite is what GitHub is to a sign-in: a page that asks people, and an API, by the
// shapes of its documentation ("Authorizing OAuth apps", "REST API: users, emails, teams").
type gitHubSite struct {
	t      testing.TB
	server *httptest.Server

	mu    sync.Mutex
	codes map[string]url.Values // the authorization requests, by code
	says  map[string]string     // JSON, by path of the API
	fails map[string]int        // statuses, by path of the API
	scope string
	// limits is a header of answers that are failures.
	limits string
	asked  map[string]int // by path of the API
}

func newGitHubSite(t testing.TB) *gitHubSite {
	t.Helper()
	g := &gitHubSite{t: t, codes: map[string]url.Values{}, fails: map[string]int{}, scope: "read:org,read:user,user:email",
		asked: map[string]int{}, says: map[string]string{
			"/user":        `{"login":"ann","id":7,"name":"Ann","email":"root@example.com"}`,
			"/user/emails": `[{"email":"ann@example.com","primary":true,"verified":true}]`,
			"/user/orgs":   `[{"login":"acme","id":2}]`,
			"/user/teams":  `[{"slug":"ops","organization":{"login":"acme","id":2}}]`,
		}}
	g.server = httptest.NewServer(g)
	t.Cleanup(g.server.Close)
	return g
}

func (g *gitHubSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/login/oauth/access_token" {
		asked, ok := g.codes[r.PostFormValue("code")]
		delete(g.codes, r.PostFormValue("code"))
		if !ok || asked.Get("code_challenge") != oauth2.S256ChallengeFromVerifier(r.PostFormValue("code_verifier")) {
			_, _ = w.Write([]byte(`{"error":"bad_verification_code"}`)) // with status 200
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "gho_1", "token_type": "bearer", "scope": g.scope})
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/api/v3")
	g.asked[path]++
	status := g.fails[path]
	switch {
	case !ok || r.Header.Get("Authorization") != "Bearer gho_1":
		status = http.StatusUnauthorized
	case status != 0 && g.limits != "":
		name, value, _ := strings.Cut(g.limits, ": ")
		w.Header().Set(name, value)
	case status == 0:
		_, _ = w.Write([]byte(g.says[path]))
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"message":"API rate limit exceeded, or Bad credentials"}`))
}

// change has it say something else from now on.
func (g *gitHubSite) change(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}

// signIn opens an application's address, and signs in at GitHub where that is asked for.
func (g *gitHubSite) signIn(b *browser, host string) page {
	g.t.Helper()
	b.follow = false
	at := b.get(b.url(host, "/"))
	for range 12 {
		if at.status != http.StatusFound && at.status != http.StatusSeeOther {
			return at
		}
		next, err := at.at.Parse(at.location)
		if err != nil {
			g.t.Fatal(err)
		}
		if strings.HasPrefix(next.String(), g.server.URL+"/login/oauth/authorize?") {
			q := next.Query()
			g.change(func() { g.codes["code"] = q })
			at = b.get(q.Get("redirect_uri") + "?" + url.Values{"code": {"code"}, "state": {q.Get("state")}}.Encode())
			continue
		}
		at = b.get(next.String())
	}
	g.t.Fatalf("%s leads round and round", host)
	return page{}
}

// gitHubStaff is a site with app1 for the organization acme, app2 for its team ops, and app3
// for all but the organization intruders.
func gitHubStaff(t *testing.T, change func(*idp.Config)) (*site, *gitHubSite) {
	t.Helper()
	group := func(name string) []policy.Selector {
		return []policy.Selector{{Property: policy.IdPGroup, Value: name}}
	}
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Rules, p[1].Rules = allow(group("acme")), allow(group("acme/ops"))
		p[2].Rules = append([]policy.Rule{{Action: policy.Block, Include: group("intruders")}}, allow(everyone())...)
		return p
	})
	g := newGitHubSite(t)
	c := idp.Config{Name: "github", DisplayName: "GitHub", Type: idp.TypeGitHub, Site: g.server.URL, ClientID: "ostiary",
		ClientSecret: "secret"}
	if change != nil {
		change(&c)
	}
	if problems := s.providers.Update([]idp.Config{c}); len(problems) > 0 {
		t.Fatal(problems)
	}
	return s, g
}

// TestGitHubSignsIn: what GitHub says of somebody decides who gets in where. What it does not
// say lets nobody in, and keeps nobody's rule from applying.
func TestGitHubSignsIn(t *testing.T) {
	const in, out, down = http.StatusOK, http.StatusForbidden, http.StatusBadGateway
	limited := func(path, header string) func(*gitHubSite) {
		return func(g *gitHubSite) { g.fails[path], g.limits = 403, header }
	}
	says := func(orgs, teams string) func(*gitHubSite) {
		return func(g *gitHubSite) { g.says["/user/orgs"], g.says["/user/teams"] = orgs, teams }
	}
	const acme, evilOps = `[{"login":"acme"}]`, `[{"slug":"ops","organization":{"login":"evil"}}]`
	for name, c := range map[string]struct {
		org    string // the only one that may sign in
		change func(*gitHubSite)
		status [3]int // at app1, app2, app3
	}{
		"a member of the team":            {"", nil, [3]int{in, in, in}},
		"a member of the organization":    {"", func(g *gitHubSite) { g.says["/user/teams"] = `[]` }, [3]int{in, out, in}},
		"no member":                       {"", says(`[]`, `[]`), [3]int{out, out, in}},
		"a team of that name elsewhere":   {"", says(acme, evilOps), [3]int{in, out, in}},
		"an organization that is blocked": {"", func(g *gitHubSite) { g.says["/user/orgs"] = `[{"login":"intruders"}]` }, [3]int{out, in, out}},
		"must be a member, and is":        {"acme", nil, [3]int{in, in, in}},
		"must be a member, and is none":   {"other", nil, [3]int{out, out, out}},
		"only public memberships granted": {"", func(g *gitHubSite) { g.scope = "read:user,user:email" }, [3]int{out, out, out}},
		"organizations down":              {"", func(g *gitHubSite) { g.fails["/user/orgs"] = 503 }, [3]int{down, down, down}},
		"teams refused":                   {"", func(g *gitHubSite) { g.fails["/user/teams"] = 403 }, [3]int{out, out, out}},
		"teams, with some left":           {"", limited("/user/teams", "X-RateLimit-Remaining: 7"), [3]int{out, out, out}},
		"teams rate limited":              {"", limited("/user/teams", "X-RateLimit-Remaining: 0"), [3]int{down, down, down}},
		"teams rate limited, for a while": {"", limited("/user/teams", "Retry-After: 60"), [3]int{down, down, down}},
		"who it is, rate limited":         {"", limited("/user", "Retry-After: 60"), [3]int{down, down, down}},
		"teams rate limited, as 429":      {"", func(g *gitHubSite) { g.fails["/user/teams"] = 429 }, [3]int{down, down, down}},
		"a token that was suspended":      {"", func(g *gitHubSite) { g.fails["/user"] = 401 }, [3]int{out, out, out}},
		"a user without a number":         {"", func(g *gitHubSite) { g.says["/user"] = `{"login":"ann"}` }, [3]int{out, out, out}},
		"API down":                        {"", func(g *gitHubSite) { g.fails["/user"] = 502 }, [3]int{down, down, down}},
		"no list, an object":              {"", func(g *gitHubSite) { g.says["/user/orgs"] = `{}` }, [3]int{out, out, out}},
		// No rule here reads addresses.
		"addresses rate limited": {"", func(g *gitHubSite) { g.fails["/user/emails"] = 403 }, [3]int{in, in, in}},
	} {
		t.Run(name, func(t *testing.T) {
			s, g := gitHubStaff(t, func(p *idp.Config) { p.Organizations = strings.Fields(c.org) })
			if c.change != nil {
				g.change(func() { c.change(g) })
			}
			for i, host := range []string{"app1.example.com", "app2.example.net", "app3.example.org"} {
				b := s.browser()
				if p := g.signIn(b, host); p.status != c.status[i] {
					t.Errorf("%s: %d, want %d: %s", host, p.status, c.status[i], afterMain(p.body))
				}
				if c.status[i] != in && b.session(host) != "" {
					t.Errorf("%s: a session for nobody", host)
				}
			}
			g.change(func() {
				if g.asked["/user"] > 3 {
					t.Errorf("GitHub was asked %d times for three visits", g.asked["/user"])
				}
			})
		})
	}
}

// TestGitHubAddress: an address counts if it is the primary one and verified, wherever else one is said.
func TestGitHubAddress(t *testing.T) {
	for said, want := range map[string]int{
		`[{"email":"ann@example.com","primary":true,"verified":true}]`:                                         http.StatusOK,
		`[{"email":"ann@example.com","primary":true,"verified":false}]`:                                        http.StatusForbidden,
		`[{"email":"ann@example.com","primary":false,"verified":true}]`:                                        http.StatusForbidden,
		`[{"email":"7+ann@users.noreply.github.com","primary":true,"verified":true}]`:                          http.StatusForbidden,
		`[{"email":"x@y.example","primary":true,"verified":true},{"email":"ann@example.com","verified":true}]`: http.StatusForbidden,
		`[{"email":"ann@example.com, root@example.com","primary":true,"verified":true}]`:                       http.StatusForbidden,
		`[]`: http.StatusForbidden,
	} {
		s, g := gitHubStaff(t, nil)
		p := standard(s.port)
		p[0].Rules = allow(emails("ann@example.com", "root@example.com"))
		s.publish(p)
		g.change(func() { g.says["/user/emails"] = said })
		if p := g.signIn(s.browser(), "app1.example.com"); p.status != want {
			t.Errorf("%s: %d, want %d: %s", said, p.status, want, afterMain(p.body))
		}
	}
}

// TestGitHubRenamed: who somebody is says the number of the account. One that is renamed stays the
// same person, whom a revocation reaches; who takes the name that became free is another.
func TestGitHubRenamed(t *testing.T) {
	s, g := gitHubStaff(t, nil)
	s.stop()
	user := func(login string, id int) {
		g.change(func() { g.says["/user"] = fmt.Sprintf(`{"login":%q,"id":%d,"name":"Ann"}`, login, id) })
	}
	ann := s.browser()
	ann.want(g.signIn(ann, "app1.example.com"), http.StatusOK, "for ann@example.com")
	user("ann-b", 7)
	renamed := s.browser()
	renamed.want(g.signIn(renamed, "app1.example.com"), http.StatusOK, "for ann@example.com")
	user("ann", 8)
	g.change(func() { g.says["/user/emails"] = `[]` })
	other := s.browser()
	other.want(g.signIn(other, "app1.example.com"), http.StatusOK, "for ")
	if a, b, c := ann.told(), renamed.told(), other.told(); a == "" || a != b || a == c {
		t.Errorf("ann is %q, renamed %q, who took the name %q", a, b, c)
	}
	if err := s.revoke(t.Context(), policy.Revocation{Provider: "github", User: "7", Before: s.now().Add(1e9)}); err != nil {
		t.Fatal(err)
	}
	if ann.told() != "" || renamed.told() != "" || other.told() == "" {
		t.Errorf("revoked 7: %q, %q, and of 8 %q", ann.told(), renamed.told(), other.told())
	}
}
