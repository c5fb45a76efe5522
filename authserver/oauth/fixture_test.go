// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

const (
	teamOrigin = "https://auth.example.com"
	clientID   = "https://agent.example.net/client.json"
	redirect   = "https://agent.example.net/callback"
	local      = "http://127.0.0.1/callback"
	resource   = "https://mcp.example.com/mcp"
	password   = "correct horse"
)

// A site is an installation of one replica, whose clock the test moves.
type site struct {
	testing.TB
	*Handler
	login    *login.Handler
	ring     *credential.Ring
	verifier *credential.Verifier
	people   *idp.Set
	log      bytes.Buffer

	mu        sync.Mutex
	clock     time.Time
	in        policy.Input
	table     *policy.Table
	documents map[string]string // by address
	fetched   []string
	cannot    bool // void anything
}

var hashed = sync.OnceValues(func() ([]byte, error) { return bcrypt.GenerateFromPassword([]byte(password), 10) })

// usersFile is the list of the built-in users.
func usersFile(t testing.TB, groups string, users ...string) []byte {
	t.Helper()
	hash, err := hashed()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, u := range users {
		b.WriteString("- {name: " + u + ", email: " + u + "@example.com, groups: [" + groups + "], passwordHash: '" + string(hash) + "'}\n")
	}
	return []byte(b.String())
}

// policies are those of most tests: an application for agents of ann and bob, one for agents
// of ann, and one for nobody's.
func policies() []policy.Policy {
	email := func(all ...string) (out []policy.Rule) {
		r := policy.Rule{Action: policy.Allow}
		for _, a := range all {
			r.Include = append(r.Include, policy.Selector{Property: policy.Email, Value: a})
		}
		return append(out, r)
	}
	of := func(name string, rules []policy.Rule, paths ...policy.Path) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: "shop", Name: name}, Hosts: []string{name + ".example.com"}, Paths: paths,
			Rules: rules}
	}
	mcp, other, plain := of("mcp", email("ann@example.com", "bob@example.com")), of("other", email("ann@example.com")), of("plain",
		email("ann@example.com"))
	mcp.OAuth = &policy.OAuth{Scopes: []string{"notes:read", "notes:write"}, RefreshTokenDuration: 30 * 24 * time.Hour,
		Clients: []policy.OAuthClient{{ID: "cli", Name: "Company CLI", RedirectURIs: []string{"http://localhost/cb"}}}}
	other.OAuth = &policy.OAuth{}
	return []policy.Policy{mcp, other, plain}
}

// documentText is a client's metadata document.
func documentText(edit func(map[string]any)) string {
	d := map[string]any{"client_id": clientID, "client_name": "Example Agent", "redirect_uris": []string{redirect, local}}
	if edit != nil {
		edit(d)
	}
	text, _ := json.Marshal(d)
	return string(text)
}

// RoundTrip answers for the hosts of metadata documents.
func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched = append(s.fetched, r.URL.String())
	text, ok := s.documents[r.URL.String()]
	if !ok {
		return nil, errors.New("no such host")
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(text))}, nil
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{TB: t, clock: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), documents: map[string]string{clientID: documentText(nil)}}
	var err error
	if s.ring, err = credential.NewRing(s.clock); err != nil {
		t.Fatal(err)
	}
	s.verifier = credential.NewVerifier(s.ring, teamOrigin, 100)
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	s.people = idp.New(idp.Options{Log: log})
	s.employ("ann", "bob", "eve")
	s.publish(policies()...)
	team, _ := url.Parse(teamOrigin)
	shared := &public.Site{Table: s.tableNow, Ring: func() *credential.Ring { return s.ring }, TeamURL: team, PathPrefix: "/.access",
		SessionDuration: 24 * time.Hour, Log: log, Now: s.now, SignsIn: true,
		Client: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") }}
	s.login = login.New(login.Config{Site: shared, Subject: s.verifier.Subject, Providers: s.people, Revoke: s.revokeNow})
	s.Handler = New(Config{Site: shared, People: s.login, Subject: s.verifier.Subject, Revoke: s.revokeNow})
	s.Handler.documents = fetcherOver(s, s.now)
	return s
}

func (s *site) now() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.clock }

func (s *site) later(d time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.clock = s.clock.Add(d) }

func (s *site) tableNow() *policy.Table { s.mu.Lock(); defer s.mu.Unlock(); return s.table }

func (s *site) publish(all ...policy.Policy) {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.Policies = policy.CompileAll(all)
	var issues []policy.Issue
	if s.table, issues = policy.Build(s.in); len(issues) > 0 {
		for _, i := range issues {
			if !i.Warning() {
				s.Fatal(i)
			}
		}
	}
}

func (s *site) revokeNow(_ context.Context, what policy.Revocation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cannot {
		return errors.New("the API server does not answer")
	}
	s.in.Revocations = append(s.in.Revocations, what)
	s.table, _ = policy.Build(s.in)
	return nil
}

// serve answers one request on the public listener.
func (s *site) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Site.Handler(func(*http.Request) string { return "test-request" }, func(w http.ResponseWriter, r *http.Request, id string) bool {
		return s.Serve(w, r, id, s.login, s.Handler)
	}).ServeHTTP(w, r)
	return w
}

// A person has a browser that is signed in at the team host.
type person struct {
	*site
	cookies map[string]string
}

func (s *site) person(name string) *person {
	s.Helper()
	p := &person{s, map[string]string{}}
	if name != "" {
		token, err := s.ring.MintTeam(credential.Claims{Issuer: teamOrigin, ID: name, Email: name + "@example.com", Groups: []string{"staff"},
			Provider: "people", IssuedAt: s.now(), Lifetime: 24 * time.Hour}, s.now())
		if err != nil {
			s.Fatal(err)
		}
		p.cookies["__Host-ostiary-team"] = token
	}
	return p
}

func (p *person) do(method, address string, form url.Values, header ...string) *httptest.ResponseRecorder {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, address, body)
	r.RequestURI = r.URL.RequestURI()
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range p.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := p.serve(r)
	for _, c := range w.Result().Cookies() {
		if p.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(p.cookies, c.Name)
		}
	}
	return w
}

const verifier = "a-verifier-of-forty-three-letters-and-a-few-more"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64url.EncodeToString(sum[:])
}

// authorizeURL is an authorization request, with parameters set or, by "-", left out.
func authorizeURL(changes ...string) string {
	q := url.Values{"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {redirect}, "state": {"st&te=1"},
		"scope":          {"notes:read admin"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"}, "resource": {resource}}
	for i := 0; i < len(changes); i += 2 {
		if q.Set(changes[i], changes[i+1]); changes[i+1] == "-" {
			q.Del(changes[i])
		}
	}
	return teamOrigin + "/.access/oauth/authorize?" + q.Encode()
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)

// question is what a consent page holds; it fails the test if a page is none.
func (p *person) question(changes ...string) url.Values {
	p.Helper()
	w := p.do(http.MethodGet, authorizeURL(changes...), nil)
	m := hidden.FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || m == nil || m[1] != "question" {
		p.Fatalf("no question: %d %s", w.Code, main(w))
	}
	return url.Values{"question": {m[2]}}
}

// main is a page without its style.
func main(w *httptest.ResponseRecorder) string {
	_, text, ok := strings.Cut(w.Body.String(), "<main")
	if !ok {
		return w.Body.String()
	}
	return text
}

func (p *person) answer(q url.Values, answer string) *httptest.ResponseRecorder {
	q.Set("answer", answer)
	return p.do(http.MethodPost, teamOrigin+"/.access/oauth/authorize", q)
}

// code has the person let the client act, and returns its code.
func (p *person) code(changes ...string) string {
	p.Helper()
	w := p.answer(p.question(changes...), "allow")
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || to.Query().Get("code") == "" {
		p.Fatalf("no code: %d %s %s", w.Code, w.Header().Get("Location"), main(w))
	}
	return to.Query().Get("code")
}

// tokens is an answer of the token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Refresh string `json:"refresh_token"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
	status  int
	header  http.Header
}

func (s *site) post(endpoint string, form url.Values, header ...string) tokens {
	s.Helper()
	w := s.person("").do(http.MethodPost, teamOrigin+"/.access/oauth/"+endpoint, form, append([]string{"Sec-Fetch-Site", "cross-site"},
		header...)...)
	out := tokens{status: w.Code, header: w.Header()}
	if w.Body.Len() > 0 && json.Unmarshal(w.Body.Bytes(), &out) != nil {
		s.Fatalf("no JSON: %d %s", w.Code, w.Body)
	}
	return out
}

// fetch exchanges a code, with parameters set or left out.
func (s *site) fetch(code string, changes ...string) tokens {
	s.Helper()
	return s.post("token", changed(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {clientID},
		"redirect_uri":  {redirect},
		"code_verifier": {verifier}, "resource": {resource}}, changes))
}

func (s *site) refreshed(token string, changes ...string) tokens {
	s.Helper()
	return s.post("token", changed(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {clientID}},
		changes))
}

func changed(form url.Values, changes []string) url.Values {
	for i := 0; i < len(changes); i += 2 {
		if form.Set(changes[i], changes[i+1]); changes[i+1] == "-" {
			form.Del(changes[i])
		}
	}
	return form
}

// decide asks what the decision endpoints would say to a request with a token.
func (s *site) decide(method, address, cookie, authorization string) (policy.Decision, *policy.Subject) {
	s.Helper()
	u, err := url.Parse(address)
	if err != nil {
		s.Fatal(err)
	}
	target, err := policy.NewTarget(u.Host, u.EscapedPath())
	if err != nil {
		s.Fatal(err)
	}
	q := policy.Request{Target: target, Method: method, Now: s.now(), SessionDuration: 24 * time.Hour}
	table := s.tableNow()
	q.Present(s.verifier.Subject(table.At(&q), cookie, authorization, s.now()))
	return table.Decide(q), q.Subject
}

// opens reports whether a token opens an address.
func (s *site) opens(address, token string) bool {
	s.Helper()
	d, _ := s.decide("POST", address, "", "Bearer "+token)
	return d.Verdict == policy.Admit
}

// employ replaces the built-in users.
func (s *site) employ(users ...string) {
	s.Helper()
	if bad := s.people.Update([]idp.Config{{Name: "people", Type: "users", Users: usersFile(s, "staff", users...)}}); len(bad) > 0 {
		s.Fatal(bad)
	}
}

// agentless are the claims of a session of the team host.
func agentless(s *site) credential.Claims {
	return credential.Claims{Issuer: teamOrigin, ID: "ann", Provider: "people", Lifetime: time.Hour, IssuedAt: s.now()}
}
