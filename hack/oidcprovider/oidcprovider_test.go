// SPDX-License-Identifier: Apache-2.0

package oidcprovider_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/hack/oidcprovider"
)

const callback = "https://auth.example.com/.access/idp/real/callback"

func client(id string, more oidcprovider.Client) oidcprovider.Client {
	c := oidcprovider.Client{"client_id": id, "client_secret": "secret of " + id + " &+%", "redirect_uris": []string{callback}}
	for name, value := range more {
		c[name] = value
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

func accounts() map[string]oidcprovider.Account {
	return map[string]oidcprovider.Account{
		"ann": {"email": "ann@example.com", "email_verified": true, "groups": []string{"staff", "admins"}, "name": "Ann",
			"amr":          []string{"pwd", "otp"},
			"realm_access": map[string]any{"roles": []string{"ops"}}},
		"bob": {"email": "bob@example.com", "email_verified": false, "groups": "staff"},
		"eve": {"email": "ann@example.com\u200b", "email_verified": true, "groups": []any{"a\nb", 7, "ok", "ok"}},
	}
}

// One provider does for all tests.
var (
	real, withClaims *oidcprovider.Server
)

func TestMain(m *testing.M) {
	code := 1
	defer func() { os.Exit(code) }()
	start := func(o oidcprovider.Options) *oidcprovider.Server {
		o.Accounts = accounts()
		o.Clients = []oidcprovider.Client{
			client("basic", nil), client("post", oidcprovider.Client{"token_endpoint_auth_method": "client_secret_post"}),
			client("public", oidcprovider.Client{"token_endpoint_auth_method": "none", "client_secret": nil}),
			client("es", oidcprovider.Client{"id_token_signed_response_alg": "ES256"}),
			client("ed", oidcprovider.Client{"id_token_signed_response_alg": "EdDSA"}),
			client("ps", oidcprovider.Client{"id_token_signed_response_alg": "PS256", "userinfo_signed_response_alg": "ES256"}),
		}
		s, err := oidcprovider.Start(context.Background(), o)
		if err != nil {
			slog.Error(err.Error())
			os.Exit(1)
		}
		return s
	}
	real, withClaims = start(oidcprovider.Options{PKCEOptional: true}), start(oidcprovider.Options{ClaimsInIDToken: true})
	code = m.Run()
	_, _ = real.Close(), withClaims.Close()
}

func provider(t testing.TB, s *oidcprovider.Server, id string, edit func(*idp.Config)) *idp.Provider {
	t.Helper()
	c := idp.Config{Name: "real", Type: idp.TypeOIDC, Issuer: s.Issuer, ClientID: id, ClientSecret: "secret of " + id + " &+%"}
	if id == "public" {
		c.ClientSecret = ""
	}
	if edit != nil {
		edit(&c)
	}
	set := idp.New(idp.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if problems := set.Update([]idp.Config{c}); len(problems) > 0 {
		t.Fatal(problems)
	}
	return set.Find("real")
}

// A flow is one sign-in, up to the callback.
type flow struct {
	idp.Start
	idp.Callback
}

func begin(t testing.TB, p *idp.Provider, b *oidcprovider.Browser, user string, again bool) flow {
	t.Helper()
	f := flow{Start: idp.Start{State: "state-" + oauth2.GenerateVerifier(), Nonce: "nonce-" + oauth2.GenerateVerifier(),
		Verifier:    oauth2.GenerateVerifier(),
		RedirectURI: callback, Reauthenticate: again}}
	to, err := p.AuthCodeURL(t.Context(), f.Start)
	if err != nil {
		t.Fatal(err)
	}
	back, err := b.SignIn(t.Context(), to, user)
	if err != nil {
		t.Fatal(err)
	}
	q := back.Query()
	if q.Get("state") != f.State {
		t.Fatalf("back with %s", back)
	}
	f.Callback = idp.Callback{Code: q.Get("code"), Issuer: q.Get("iss"), Nonce: f.Start.Nonce, Verifier: f.Start.Verifier,
		RedirectURI: callback, Reauthenticate: again}
	return f
}

// TestSignIn: every way to authenticate the client, every algorithm, and claims
// from either place.
func TestSignIn(t *testing.T) {
	want := idp.Identity{Provider: "real", ID: "ann", Email: "ann@example.com", Name: "Ann", Groups: []string{"staff", "admins"},
		AMR: []string{"pwd", "otp"}}
	for _, s := range []*oidcprovider.Server{real, withClaims} {
		for _, id := range []string{"basic", "post", "public", "es", "ed", "ps"} {
			p := provider(t, s, id, nil)
			for range 2 { // the second time with what the first one learned
				f := begin(t, p, oidcprovider.NewBrowser(), "ann", false)
				if f.Issuer != s.Issuer {
					t.Errorf("iss is %q", f.Issuer)
				}
				got, err := p.Exchange(t.Context(), f.Callback)
				if err != nil {
					t.Fatalf("%s: %v", id, err)
				}
				if got.Provider != want.Provider || got.ID != want.ID || got.Email != want.Email || got.Name != want.Name ||
					!slices.Equal(got.Groups, want.Groups) || !slices.Equal(got.AMR, want.AMR) {
					t.Errorf("%s: %+v", id, got)
				}
			}
		}
	}
}

func TestClaims(t *testing.T) {
	for name, c := range map[string]struct {
		user          string
		edit          func(*idp.Config)
		id, email     string
		groups        []string
		wantRejection bool
	}{
		"unverified email": {user: "bob", id: "bob", groups: []string{"staff"}},
		"trusted email": {user: "bob", edit: func(c *idp.Config) { c.TrustUnverifiedEmail = true }, id: "bob", email: "bob@example.com",
			groups: []string{"staff"}},
		"odd email, groups": {user: "eve", id: "eve", groups: []string{"ok"}},
		"nested groups": {user: "ann", edit: func(c *idp.Config) { c.GroupsClaim = "realm_access.roles" }, id: "ann",
			email: "ann@example.com", groups: []string{"ops"}},
		"known by name": {user: "ann", edit: func(c *idp.Config) { c.UserClaim = "preferred_username" }, id: "ann",
			email: "ann@example.com", groups: []string{"staff", "admins"}},
		"known by email": {user: "ann", edit: func(c *idp.Config) { c.UserClaim = "email" }, id: "ann", email: "ann@example.com",
			groups: []string{"staff", "admins"}},
		"unverified as ID":    {user: "bob", edit: func(c *idp.Config) { c.UserClaim = "email" }, wantRejection: true},
		"scopes that lack it": {user: "ann", edit: func(c *idp.Config) { c.Scopes = []string{"email"} }, id: "ann", email: "ann@example.com"},
	} {
		p := provider(t, real, "basic", c.edit)
		got, err := p.Exchange(t.Context(), begin(t, p, oidcprovider.NewBrowser(), c.user, false).Callback)
		if c.wantRejection != errors.Is(err, idp.ErrRejected) || got.ID != c.id || got.Email != c.email || !slices.Equal(got.Groups, c.groups) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestRefused: THREATS E7.
func TestRefused(t *testing.T) {
	p, other := provider(t, real, "basic", nil), provider(t, withClaims, "basic", nil)
	wrongSecret := provider(t, real, "basic", func(c *idp.Config) { c.ClientSecret = "wrong" })
	for name, c := range map[string]struct {
		by   *idp.Provider
		edit func(*idp.Callback)
		want string
	}{
		"nonce of another sign-in":    {p, func(c *idp.Callback) { c.Nonce = "nonce" }, "(nonce)"},
		"no nonce":                    {p, func(c *idp.Callback) { c.Nonce = "" }, "without"},
		"iss of another provider":     {p, func(c *idp.Callback) { c.Issuer = withClaims.Issuer }, "another issuer"},
		"iss with a slash":            {p, func(c *idp.Callback) { c.Issuer += "/" }, "another issuer"},
		"no iss":                      {p, func(c *idp.Callback) { c.Issuer = "" }, "of which issuer"},
		"no code":                     {p, func(c *idp.Callback) { c.Code = "" }, "without"},
		"code made up":                {p, func(c *idp.Callback) { c.Code = "<script>" }, "invalid_grant"},
		"no verifier":                 {p, func(c *idp.Callback) { c.Verifier = "" }, "without"},
		"verifier of another sign-in": {p, func(c *idp.Callback) { c.Verifier = oauth2.GenerateVerifier() }, "invalid_grant"},
		"another callback":            {p, func(c *idp.Callback) { c.RedirectURI += "x" }, "invalid_grant"},
		"code of another provider":    {other, func(c *idp.Callback) { c.Issuer = withClaims.Issuer }, "invalid_grant"},
		"wrong secret":                {wrongSecret, func(*idp.Callback) {}, "invalid_client"},
	} {
		f := begin(t, p, oidcprovider.NewBrowser(), "ann", false)
		c.edit(&f.Callback)
		got, err := c.by.Exchange(t.Context(), f.Callback)
		if !errors.Is(err, idp.ErrRejected) || got.ID != "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestCodeReuse(t *testing.T) {
	p := provider(t, real, "basic", nil)
	f := begin(t, p, oidcprovider.NewBrowser(), "ann", false)
	if _, err := p.Exchange(t.Context(), f.Callback); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Exchange(t.Context(), f.Callback); !errors.Is(err, idp.ErrRejected) || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWithoutChallenge: whoever takes the challenge out of the request, so that a
// stolen code would be of use, gets a code that cannot be exchanged.
func TestWithoutChallenge(t *testing.T) {
	p := provider(t, real, "basic", nil)
	s := idp.Start{State: "s", Nonce: "n", Verifier: oauth2.GenerateVerifier(), RedirectURI: callback}
	to, err := p.AuthCodeURL(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(to)
	q := u.Query()
	if q.Get("code_challenge") != oauth2.S256ChallengeFromVerifier(s.Verifier) || q.Get("code_challenge_method") != "S256" {
		t.Fatal(to)
	}
	q.Del("code_challenge")
	q.Del("code_challenge_method")
	u.RawQuery = q.Encode()
	back, err := oidcprovider.NewBrowser().SignIn(t.Context(), u.String(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Exchange(t.Context(), idp.Callback{Code: back.Query().Get("code"), Issuer: back.Query().Get("iss"), Nonce: "n",
		Verifier: s.Verifier, RedirectURI: callback})
	if !errors.Is(err, idp.ErrRejected) {
		t.Errorf("%+v, %v", got, err)
	}
	// A provider that insists on PKCE does not even begin.
	back, err = oidcprovider.NewBrowser().SignIn(t.Context(), strings.Replace(u.String(), real.Issuer, withClaims.Issuer, 1), "ann")
	if err != nil || idp.ErrorCode(back.Query().Get("error")) != "invalid_request" {
		t.Errorf("%v, %v", back, err)
	}
}

func TestCancelled(t *testing.T) {
	p := provider(t, real, "basic", nil)
	to, err := p.AuthCodeURL(t.Context(), idp.Start{State: "s", Nonce: "n", Verifier: oauth2.GenerateVerifier(), RedirectURI: callback})
	if err != nil {
		t.Fatal(err)
	}
	back, err := oidcprovider.NewBrowser().SignIn(t.Context(), to, "")
	if err != nil || back.Query().Get("error") != "access_denied" || back.Query().Has("code") {
		t.Errorf("%v, %v", back, err)
	}
}

// TestReauthenticate: the provider remembers its users, and asks again if told to.
func TestReauthenticate(t *testing.T) {
	p, b := provider(t, real, "basic", nil), oidcprovider.NewBrowser()
	for i, again := range []bool{false, false, true, false} {
		got, err := p.Exchange(t.Context(), begin(t, p, b, "ann", again).Callback)
		if err != nil || got.ID != "ann" || b.Asked != []int{1, 1, 2, 2}[i] {
			t.Fatalf("%+v, %v; asked %d times", got, err, b.Asked)
		}
	}
}

// TestGroupRemoved: THREATS F10. Who signs in again has the groups of that time.
func TestGroupRemoved(t *testing.T) {
	p, b := provider(t, real, "basic", nil), oidcprovider.NewBrowser()
	defer func() {
		if err := real.SetAccounts(accounts()); err != nil {
			t.Fatal(err)
		}
	}()
	for _, groups := range [][]string{{"staff", "admins"}, {"staff"}, nil} {
		changed := accounts()
		changed["ann"]["groups"] = groups
		if err := real.SetAccounts(changed); err != nil {
			t.Fatal(err)
		}
		got, err := p.Exchange(t.Context(), begin(t, p, b, "ann", false).Callback)
		if err != nil || !slices.Equal(got.Groups, groups) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestUnknownUser(t *testing.T) {
	p := provider(t, real, "basic", nil)
	to, err := p.AuthCodeURL(t.Context(), idp.Start{State: "s", Nonce: "n", Verifier: oauth2.GenerateVerifier(), RedirectURI: callback})
	if err != nil {
		t.Fatal(err)
	}
	if back, err := oidcprovider.NewBrowser().SignIn(t.Context(), to, "constructor"); err == nil {
		t.Errorf("signed in: %s", back)
	}
}

// TestNamed: a name of this machine that resolvers need not know.
func TestNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	issuer := fmt.Sprintf("http://idp.localhost:%d", port)
	s, err := oidcprovider.Start(t.Context(), oidcprovider.Options{Issuer: issuer, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	to, err := provider(t, s, "basic", nil).AuthCodeURL(t.Context(), idp.Start{State: "s", Nonce: "n", Verifier: oauth2.GenerateVerifier(),
		RedirectURI: callback})
	if err != nil || s.Issuer != issuer || !strings.HasPrefix(to, issuer+"/auth?") {
		t.Errorf("%s, %v", to, err)
	}
}
