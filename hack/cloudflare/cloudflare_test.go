// SPDX-License-Identifier: Apache-2.0

// Package cloudflare has client libraries that were written for Cloudflare
// Access verify tokens of ours, unchanged.
package cloudflare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/ostiary/ostiary/authserver"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab"
)

const (
	team = "https://example.cloudflareaccess.com"
	aud  = "shop/app"
)

// ring makes keys as --identity-headers cloudflare does.
func ring(t *testing.T, now time.Time) *credential.Ring {
	t.Helper()
	old, err := credential.NewRing(now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := old.Rotate(now, credential.Schedule{Algorithm: "RS256"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type result struct {
	Name string
	Hono struct {
		Status int
		Body   string
	}
	Pages struct {
		Status   int
		Payload  map[string]any
		Identity map[string]any
	}
}

func TestClientLibraries(t *testing.T) {
	dir := lab.NodePackages(t, "cloudflare", "client")
	now := time.Now()
	keys := ring(t, now)
	server := start(t, keys)
	public := httptest.NewServer(server.Public())
	defer public.Close()

	mint := func(r *credential.Ring, c credential.Claims) string {
		token, err := r.Mint(c, now)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	claims := credential.Claims{Issuer: team, Audience: []string{aud, "shop/admin"}, ID: "ann", Email: "ann@example.com", Country: "NL",
		Provider: "corp", Host: "app.example.com", Lifetime: time.Hour}
	good := forwarded(t, server, mint(keys, claims))
	other, foreign := claims, claims
	other.Audience, foreign.Issuer = []string{"shop/other"}, "https://evil.cloudflareaccess.com"
	old := claims
	old.IssuedAt, old.Lifetime = now.Add(-time.Hour), time.Hour+time.Second
	dot := strings.LastIndexByte(good, '.')
	cases := []map[string]string{
		{"name": "good", "token": good},
		{"name": "tampered signature", "token": good[:dot+1] + strings.Repeat("A", len(good)-dot-1)},
		{"name": "tampered payload", "token": strings.Replace(good, ".", ".e30", 1)},
		{"name": "another audience", "token": mint(keys, other)},
		{"name": "another issuer", "token": mint(keys, foreign)},
		{"name": "other keys", "token": mint(ring(t, now), claims)},
		{"name": "none", "token": "x"},
	}
	input, err := json.Marshal(map[string]any{"team": team, "address": strings.TrimPrefix(public.URL, "http://"), "aud": aud, "cases": cases})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "run.mjs")
	node.Dir, node.Stdin = dir, bytes.NewReader(input)
	var stderr bytes.Buffer
	node.Stderr = &stderr
	text, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.Bytes())
	}
	var out struct {
		Results []result
		Login   string
	}
	if err := json.Unmarshal(text, &out); err != nil || len(out.Results) != len(cases) {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, r := range out.Results[1:] {
		if r.Hono.Status != http.StatusUnauthorized || r.Pages.Status != http.StatusFound {
			t.Errorf("%s: hono %d, pages %d", r.Name, r.Hono.Status, r.Pages.Status)
		}
	}
	checkGood(t, out.Results[0])
	checkLogin(t, server, out.Login)
}

func checkGood(t *testing.T, r result) {
	t.Helper()
	if r.Hono.Status != http.StatusOK || r.Pages.Status != http.StatusOK {
		t.Fatalf("a good token: hono %d %s, pages %d", r.Hono.Status, r.Hono.Body, r.Pages.Status)
	}
	p := r.Pages.Payload
	for name, want := range map[string]string{"email": "ann@example.com", "sub": "ann", "iss": team, "type": "app", "country": "NL"} {
		if p[name] != want {
			t.Errorf("%s: %v, want %s", name, p[name], want)
		}
	}
	if list, ok := p["aud"].([]any); !ok || !slices.Contains(list, any(aud)) {
		t.Errorf("aud: %v", p["aud"])
	}
	for _, name := range []string{"iat", "nbf", "exp"} {
		if n, ok := p[name].(float64); !ok || n <= 0 {
			t.Errorf("%s: %v", name, p[name])
		}
	}
	if nonce, _ := p["identity_nonce"].(string); len(nonce) < 16 {
		t.Errorf("identity_nonce: %v", p["identity_nonce"])
	}
	if r.Pages.Identity["email"] != "ann@example.com" {
		t.Errorf("get-identity: %v", r.Pages.Identity)
	}
}

// checkLogin: where the library sends people to sign in, they can.
func checkLogin(t *testing.T, server *authserver.Server, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, u.RequestURI(), nil)
	r.Host = u.Host
	w := httptest.NewRecorder()
	server.Public().ServeHTTP(w, r)
	// A page goes on by a script, and by this without one.
	const want = `<noscript><meta http-equiv="refresh" ` +
		`content="0; url=https://app.example.com/cdn-cgi/access/login?rd=%2Fx%3Fy%3D1"></noscript>`
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
		t.Errorf("%s: %d %s, want %s", address, w.Code, w.Body.String(), want)
	}
}

// start makes a server as `ostiary serve --path-prefix /cdn-cgi/access
// --identity-headers cloudflare` does.
func start(t *testing.T, keys *credential.Ring) *authserver.Server {
	t.Helper()
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{{
		Source: policy.Source{Namespace: "shop", Name: "app"}, Hosts: []string{"app.example.com"},
		Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.EmailDomain, Value: "example.com"}}}},
	}})})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	u, err := url.Parse(team)
	if err != nil {
		t.Fatal(err)
	}
	verifier := credential.NewVerifier(keys, team, 0)
	return authserver.New(authserver.Config{
		Table: func() *policy.Table { return table }, Subject: verifier.Subject, KeySet: keys.JWKS, Ready: func() bool { return true },
		TeamURL: u, PathPrefix: "/cdn-cgi/access", Identity: dialect.CloudflareIdentityHeaders,
		Log:  slog.New(slog.NewTextHandler(io.Discard, nil)),
		Ring: func() *credential.Ring { return keys }, SessionDuration: time.Hour, Login: &login.Config{Providers: idp.New(idp.Options{})},
	})
}

// forwarded returns the token that an application is handed, for a browser that
// has this session.
func forwarded(t *testing.T, server *authserver.Server, session string) string {
	t.Helper()
	l := fasthttputil.NewInmemoryListener()
	authz := server.Authz()
	go func() { _ = authz.Serve(l) }() // it ends with the listener
	t.Cleanup(func() { _ = l.Close() })
	c, err := l.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	fmt.Fprintf(c, "GET /authz/v1/nginx/GET/app.example.com/ HTTP/1.1\r\nHost: authz\r\nConnection: close\r\nCookie: %s=%s\r\n\r\n",
		credential.CookieName, session)
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	status, _, _ := strings.Cut(string(text), "\r\n")
	if !strings.Contains(status, " 200 ") {
		t.Fatalf("%s", text)
	}
	for line := range strings.SplitSeq(string(text), "\r\n") {
		if name, value, _ := strings.Cut(line, ": "); strings.EqualFold(name, "Cf-Access-Jwt-Assertion") {
			return value
		}
	}
	t.Fatalf("no Cf-Access-Jwt-Assertion in %s", text)
	return ""
}
