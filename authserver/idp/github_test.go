// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A hub answers as GitHub does, by the shapes of its documentation ("Authorizing OAuth apps",
// "REST API: users, emails, organizations, teams").
type hub struct {
	*httptest.Server
	t     testing.TB
	user  string           // JSON
	lists map[string][]any // by path
	scope string
	over  map[string]http.HandlerFunc
	hits  map[string]int
	form  url.Values
	log   bytes.Buffer
}

const octocat = `{"login":"octocat","id":583231,"node_id":"MDQ6VXNlcjE=","name":"The Octocat","company":"@github",
	"email":"root@example.com","email_verified":true,"groups":["admins"],"amr":["hwk"],"two_factor_authentication":true,"type":"User"}`

func newHub(t testing.TB) *hub {
	t.Helper()
	team := func(org, slug string) any {
		return map[string]any{"id": 1, "name": "Some team", "slug": slug, "organization": map[string]any{"login": org, "id": 2}}
	}
	h := &hub{t: t, user: octocat, scope: "read:org,read:user,user:email", over: map[string]http.HandlerFunc{}, hits: map[string]int{},
		lists: map[string][]any{
			"/user/emails": {
				map[string]any{"email": "other@example.com", "primary": false, "verified": true, "visibility": nil},
				map[string]any{"email": "octocat@example.com", "primary": true, "verified": true, "visibility": "public"},
			},
			"/user/orgs":  {map[string]any{"login": "Example", "id": 2}, map[string]any{"login": "hobby", "id": 3}},
			"/user/teams": {team("Example", "ops"), team("hobby", "ops")},
		}}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/api/v3")
	h.hits[path]++
	if over := h.over[path]; over != nil {
		over(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if path == "/login/oauth/access_token" {
		_ = r.ParseForm()
		if h.form = r.PostForm; h.form.Get("code") != "c" { // GitHub says so with 200
			_, _ = w.Write([]byte(`{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired."}`))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "gho_x", "token_type": "bearer", "scope": h.scope})
		return
	}
	list, isList := h.lists[path]
	switch {
	case r.Header.Get("Authorization") != "Bearer gho_x":
		w.WriteHeader(http.StatusUnauthorized)
	case path == "/user":
		_, _ = w.Write([]byte(h.user))
	case isList:
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		from := min((page-1)*pageSize, len(list))
		// It names where it goes on: nobody goes there.
		w.Header().Set("Link", `<http://169.254.169.254/latest>; rel="next"`)
		_ = json.NewEncoder(w).Encode(list[from:min(from+pageSize, len(list))])
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (h *hub) provider(edit func(*Config)) *Provider {
	h.t.Helper()
	c := Config{Name: "hub", Type: TypeGitHub, Site: h.URL, ClientID: "client", ClientSecret: clientSecret}
	if edit != nil {
		edit(&c)
	}
	s := New(Options{Log: slog.New(slog.NewTextHandler(&h.log, nil)), Timeout: 5 * time.Second})
	if problems := s.Update([]Config{c}); len(problems) > 0 {
		h.t.Fatal(problems)
	}
	return s.Find("hub")
}

func visitHub(t testing.TB, p *Provider, claims ...string) (Identity, error) {
	t.Helper()
	return p.Exchange(t.Context(), Callback{Code: "c", Nonce: "n", Verifier: "v", RedirectURI: "https://auth.example.com/cb", Claims: claims})
}

// TestGitHub: who somebody is says the number of their account; their address is the primary
// one, their groups are organizations and teams, and what they can choose themselves counts
// for nothing.
func TestGitHub(t *testing.T) {
	h := newHub(t)
	p := h.provider(nil)
	who, err := visitHub(t, p, "company", "two_factor_authentication", "email", "login", "nothing")
	if err != nil || who.ID != "583231" || who.User != "583231" || who.Email != "octocat@example.com" || who.Name != "The Octocat" ||
		strings.Join(who.Groups, " ") != "Example hobby Example/ops hobby/ops" || len(who.AMR) > 0 || who.Unsaid.Err != nil ||
		who.Provider != "hub" {
		t.Fatalf("%+v, %v", who, err)
	}
	for i, want := range []string{"@github", "true", "octocat@example.com", "octocat", ""} {
		if got := strings.Join(who.Claims[i].Values, " "); got != want || who.Claims[i].Unknown {
			t.Errorf("%s is %q", who.Claims[i].Name, got)
		}
	}
	if h.form.Get("code_verifier") != "v" || h.form.Get("client_secret") != clientSecret ||
		h.form.Get("redirect_uri") != "https://auth.example.com/cb" {
		t.Errorf("the token request: %v", h.form)
	}
	who, err = visitHub(t, h.provider(func(c *Config) { c.UserClaim = "login" }))
	if err != nil || who.ID != "583231" || who.User != "octocat" {
		t.Errorf("by login: %+v, %v", who, err)
	}
}

// TestGitHubStart: with PKCE, and the scopes that it takes.
func TestGitHubStart(t *testing.T) {
	p := newHub(t).provider(nil)
	for again, prompt := range map[bool]string{false: "", true: "select_account"} {
		to, err := p.AuthCodeURL(t.Context(), Start{State: "s", Nonce: "n", Verifier: "v", RedirectURI: "https://a.example/cb",
			Reauthenticate: again})
		u, _ := url.Parse(to)
		q := u.Query()
		if err != nil || u.Path != "/login/oauth/authorize" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" ||
			q.Get("scope") != "read:user user:email read:org" || q.Get("prompt") != prompt || q.Get("state") != "s" {
			t.Errorf("%s, %v", to, err)
		}
	}
	if _, err := p.AuthCodeURL(t.Context(), Start{State: "s", RedirectURI: "https://a.example/cb"}); !errors.Is(err, ErrRejected) {
		t.Errorf("without a verifier: %v", err)
	}
}

// TestGitHubOrganizations: who is in none that is configured is refused, and the others of
// somebody are no groups.
func TestGitHubOrganizations(t *testing.T) {
	for name, c := range map[string]struct {
		configured []string
		edit       func(*hub)
		want       string // empty: refused
	}{
		"one":             {[]string{"example"}, nil, "Example Example/ops"},
		"both":            {[]string{"hobby", "EXAMPLE"}, nil, "Example hobby Example/ops hobby/ops"},
		"another":         {[]string{"exampl"}, nil, ""},
		"longer":          {[]string{"example2"}, nil, ""},
		"none":            {[]string{"example"}, func(h *hub) { h.lists["/user/orgs"], h.lists["/user/teams"] = nil, nil }, ""},
		"not to be asked": {[]string{"example"}, func(h *hub) { h.over["/user/orgs"] = forbidden }, ""},
		"no teams":        {[]string{"example"}, func(h *hub) { h.over["/user/teams"] = forbidden }, ""},
		"scope withheld":  {[]string{"example"}, func(h *hub) { h.scope = "user:email" }, ""},
		"a GitHub App":    {[]string{"example"}, func(h *hub) { h.scope = "" }, "Example Example/ops"},
	} {
		h := newHub(t)
		if c.edit != nil {
			c.edit(h)
		}
		who, err := visitHub(t, h.provider(func(o *Config) { o.Organizations = c.configured }))
		taken := err == nil && strings.Join(who.Groups, " ") == c.want
		if c.want != "" && !taken || c.want == "" && (!errors.Is(err, ErrRejected) || who.ID != "") {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

func forbidden(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }

// TestGitHubFails: what is not told is unsaid; who it is has to be told.
func TestGitHubFails(t *testing.T) {
	is := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	elsewhere := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/user", http.StatusFound) }
	for path, all := range map[string]map[string]http.HandlerFunc{
		"/login/oauth/access_token": {"an error": is(`{"error":"bad_verification_code"}`), "nothing": is(""), "elsewhere": elsewhere,
			"no": forbidden},
		"/user": {"no": forbidden, "elsewhere": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) },
			"no ID": is(`{"login":"octocat"}`), "ID of zero": is(`{"login":"octocat","id":0}`), "ID as text": is(`{"login":"octocat","id":"7"}`),
			"ID with a fraction": is(`{"login":"octocat","id":7.5}`), "negative": is(`{"login":"octocat","id":-7}`), "no login": is(`{"id":7}`),
			"odd login": is(`{"id":7,"login":"a\nb"}`), "a list": is(`[]`), "null": is(`null`)},
		"/user/emails": {"no": forbidden, "no list": is(`{}`), "elsewhere": elsewhere},
		"/user/orgs":   {"no": forbidden, "no list": is(`{}`), "elsewhere": elsewhere},
		"/user/teams":  {"no": forbidden, "no list": is(`{}`), "elsewhere": elsewhere},
	} {
		for name, answer := range all {
			h := newHub(t)
			h.over[path] = answer
			who, err := visitHub(t, h.provider(nil))
			switch path {
			case "/user", "/login/oauth/access_token":
				if !errors.Is(err, ErrRejected) || who.ID != "" {
					t.Errorf("%s, %s: %+v, %v", path, name, who, err)
				}
			default:
				email := path == "/user/emails"
				if err != nil || who.ID != "583231" || who.Unsaid.Email != email || who.Unsaid.Groups == email || who.Unsaid.Err == nil ||
					(who.Email == "") != email || len(who.Groups) > 0 != email || !strings.Contains(h.log.String(), "does not tell all") {
					t.Errorf("%s, %s: %+v, %v", path, name, who, err)
				}
			}
		}
	}
}

// TestGitHubAddresses: only the primary one, and only if it is verified.
func TestGitHubAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		list string
		want string
	}{
		"unverified": {`[{"email":"a@example.com","primary":true,"verified":false}]`, ""}, "none": {`[]`, ""},
		"not primary": {`[{"email":"a@example.com","primary":false,"verified":true}]`, ""},
		"no address":  {`[{"email":"a","primary":true,"verified":true}]`, ""},
		"fine":        {`[{"email":"a@example.com","primary":true,"verified":true}]`, "a@example.com"},
	} {
		h := newHub(t)
		h.over["/user/emails"] = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c.list)) }
		if who, err := visitHub(t, h.provider(nil)); err != nil || who.Email != c.want || who.Unsaid.Email {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

// TestGitHubPages: THREATS F9. Page after page, and no more than can be used.
func TestGitHubPages(t *testing.T) {
	for n, want := range map[int]int{0: 2, 99: 2, 100: 3, 250: 4, 5000: 1 + maxPages} {
		h := newHub(t)
		h.lists["/user/orgs"], h.lists["/user/teams"] = nil, nil
		for i := range n {
			h.lists["/user/orgs"] = append(h.lists["/user/orgs"], map[string]any{"login": fmt.Sprint("o", i)})
		}
		who, err := visitHub(t, h.provider(nil))
		if err != nil || len(who.Groups) != min(n, 1000) || h.hits["/user/orgs"]+h.hits["/user/teams"] != want {
			t.Errorf("%d: %d groups, %v; %v", n, len(who.Groups), err, h.hits)
		}
		if warned := strings.Contains(h.log.String(), "more"); warned != (n > 1000) {
			t.Errorf("%d: the log says %q", n, h.log.String())
		}
	}
	h := newHub(t)
	h.over["/user/orgs"] = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte(" "), 2_000_000)) }
	if who, err := visitHub(t, h.provider(nil)); err != nil || !who.Unsaid.Groups || len(who.Groups) > 0 {
		t.Errorf("too long: %+v, %v", who, err)
	}
}

// TestGitHubIssuer: RFC 9207. Whose answer it is, if it says so.
func TestGitHubIssuer(t *testing.T) {
	h := newHub(t)
	for issuer, want := range map[string]bool{"": true, h.URL + "/login/oauth": true, h.URL: false, "https://github.com/login/oauth": false} {
		_, err := h.provider(nil).Exchange(t.Context(), Callback{Code: "c", Issuer: issuer, Verifier: "v", RedirectURI: "https://a.example/cb"})
		if (err == nil) != want {
			t.Errorf("%q: %v", issuer, err)
		}
	}
	for _, c := range []Callback{{Verifier: "v", RedirectURI: "x"}, {Code: "c", RedirectURI: "x"}, {Code: "c", Verifier: "v"}} {
		if _, err := h.provider(nil).Exchange(t.Context(), c); !errors.Is(err, ErrRejected) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// entra is a liar that leaves groups out of the ID token, as Entra does it, and points to an
// address; and Graph at another one.
func entra(t *testing.T, answer http.HandlerFunc) (l *liar, graph *httptest.Server) {
	l = newLiar(t)
	l.claims["groups"], l.claims["_claim_names"] = nil, map[string]any{"groups": "src1"}
	l.claims["_claim_sources"] = map[string]any{"src1": map[string]any{"endpoint": l.URL + "/evil/getMemberObjects"}}
	l.info = map[string]any{"sub": "ann"}
	graph = httptest.NewServer(answer)
	t.Cleanup(graph.Close)
	return l, graph
}

// TestOverage: whoever has too many groups for an ID token has those that Graph tells, which is
// asked at its own address alone.
func TestOverage(t *testing.T) {
	const onAndOn = `{"value":[],"@odata.nextLink":"/?$skiptoken=1"}`
	var asked []string
	member := func(kind, id string) string {
		return fmt.Sprintf(`{"@odata.type":"#microsoft.graph.%s","id":%q}`, kind, id)
	}
	for name, c := range map[string]struct {
		pages []string // by the number that $skiptoken holds
		want  string
		fails bool
	}{
		"one page": {[]string{`{"value":[` + member("group", "a") + `,` + member("directoryRole", "r") + `,` + member("group", "b") + `]}`},
			"a b", false},
		"two pages": {[]string{`{"value":[` + member("group", "a") + `],"@odata.nextLink":"https://evil.example/v1.0/x?$skiptoken=1"}`,
			`{"value":[` + member("group", "b") + `]}`}, "a b", false},
		"nobody":            {[]string{`{"value":[]}`}, "", false},
		"no list":           {[]string{`{}`}, "", true},
		"no JSON":           {[]string{`<html>`}, "", true},
		"goes on nowhere":   {[]string{`{"value":[],"@odata.nextLink":"https://evil.example/"}`}, "", true},
		"goes on for ever":  {[]string{onAndOn, onAndOn}, "", true},
		"no such address":   {[]string{`{"value":[],"@odata.nextLink":"http://[::1"}`}, "", true},
		"refuses the token": {nil, "", true},
	} {
		asked = nil
		l, graph := entra(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.Path)
			n, _ := strconv.Atoi(r.URL.Query().Get("$skiptoken"))
			if r.Header.Get("Authorization") != "Bearer at" || n >= len(c.pages) {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			_, _ = w.Write([]byte(c.pages[n]))
		})
		who, err := exchange(t, l.provider(func(o *Config, _ *Options) { o.GraphURL = graph.URL }))
		if err != nil || strings.Join(who.Groups, " ") != c.want || who.Unsaid.Groups != c.fails || (who.Unsaid.Err != nil) != c.fails {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		elsewhere := slices.ContainsFunc(asked, func(p string) bool { return p != "/v1.0/me/transitiveMemberOf" })
		if elsewhere || len(asked) == 0 || len(asked) > maxGraphPages {
			t.Errorf("%s: it was asked at %q", name, asked)
		}
		if l.count("/evil/getMemberObjects") != 0 {
			t.Errorf("%s: the address of the token was asked", name)
		}
	}
}

// TestNoOverage: Graph is asked of nobody else, and not unless it is configured.
func TestNoOverage(t *testing.T) {
	asked := 0
	l, graph := entra(t, func(http.ResponseWriter, *http.Request) { asked++ })
	if who, err := exchange(t, l.provider(nil)); err != nil || len(who.Groups) > 0 || !who.Unsaid.Groups || asked > 0 {
		t.Errorf("not configured: %+v, %v; asked %d times", who, err, asked)
	}
	configured := func(o *Config, _ *Options) { o.GraphURL = graph.URL }
	l.claims["_claim_names"] = map[string]any{"address": "src1"}
	if who, err := exchange(t, l.provider(configured)); err != nil || who.Unsaid.Groups || asked > 0 {
		t.Errorf("another claim: %+v, %v; asked %d times", who, err, asked)
	}
	l.claims["_claim_names"], l.claims["groups"] = map[string]any{"groups": "src1"}, []string{"staff"}
	if who, err := exchange(t, l.provider(configured)); err != nil || strings.Join(who.Groups, " ") != "staff" || asked > 0 {
		t.Errorf("there are groups: %+v, %v; asked %d times", who, err, asked)
	}
}
