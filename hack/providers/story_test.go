// SPDX-License-Identifier: Apache-2.0

package providers

import (
	"errors"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/authserver/idp"
)

// A chapter is a part of the story, told to each provider.
type chapter struct {
	name string
	tell func(t *testing.T, p *provider)
}

var story = []chapter{
	{"signs in", signsIn}, {"answers by a form", answersByForm}, {"wrong password", wrongPassword}, {"claims of rules", claimsOfRules},
	{"userinfo fails, or lies", userInfoFails},
	{"renews", renews}, {"asks again if told to", asksAgain}, {"steps up", stepsUp},
	{"signs out", signsOut}, {"codes are good once, and here", codes}, {"wrong client secret", wrongSecret},
	{"at another address", elsewhere}, {"down", down}, // which is the last one
}

// TestStory: THREATS E7, at providers that people use.
func TestStory(t *testing.T) {
	for name, start := range starters() {
		t.Run(name, func(t *testing.T) {
			p, err := start(t.Context(), t.TempDir())
			if isSkipped(err) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.stop)
			var told []string
			for _, c := range story {
				t.Run(c.name, func(t *testing.T) { c.tell(t, p) })
				told = append(told, c.name)
			}
			listed(t, name, told)
		})
	}
}

// listed checks that the page names what is told to a provider.
func listed(t *testing.T, name string, told []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "providers.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range told {
		row, _, _ := strings.Cut(string(text)[max(0, strings.Index(string(text), "| "+c+" |")):], "\n")
		if !strings.HasPrefix(row, "| "+c+" |") || !strings.Contains(string(text), name) {
			t.Errorf("docs/providers.md does not name %q of %s", c, name)
		}
	}
}

// client is a provider of ours that is configured for it.
func (p *provider) client(t *testing.T, edit func(*idp.Config)) *idp.Provider {
	t.Helper()
	c := p.config.Clone()
	c.Name, c.Type, c.ClientID, c.ClientSecret = "real", idp.TypeOIDC, clientID, clientSecret
	if edit != nil {
		edit(&c)
	}
	set := idp.New(idp.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Timeout: 20 * time.Second})
	if problems := set.Update([]idp.Config{c}); len(problems) > 0 {
		t.Fatal(problems)
	}
	return set.Find("real")
}

// visit has somebody sign in there, and returns what came back.
func (p *provider) visit(t *testing.T, c *idp.Provider, b *browser, user, secret string, again bool) (idp.Callback, error) {
	t.Helper()
	return p.visitBy(t, c, b, user, secret, startOf(again))
}

func startOf(again bool) idp.Start {
	return idp.Start{State: "state-" + oauth2.GenerateVerifier(), Nonce: "nonce-" + oauth2.GenerateVerifier(),
		Verifier: oauth2.GenerateVerifier(), RedirectURI: callback, Reauthenticate: again}
}

func (p *provider) visitBy(t *testing.T, c *idp.Provider, b *browser, user, secret string, s idp.Start) (idp.Callback, error) {
	t.Helper()
	to, err := c.AuthCodeURL(t.Context(), s)
	if err != nil {
		return idp.Callback{}, err
	}
	var answer url.Values
	if answer, err = b.signIn(t.Context(), to, user, secret); err != nil {
		return idp.Callback{}, err
	}
	if answer.Get("state") != s.State {
		t.Fatalf("back with %v", answer)
	}
	return answerOf(answer, s), nil
}

// ann signs in as ann.
func (p *provider) ann(t *testing.T, c *idp.Provider, b *browser, again bool) idp.Callback {
	t.Helper()
	answer, err := p.visit(t, c, b, p.user, password, again)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (p *provider) isAnn(t *testing.T, who idp.Identity, err error) {
	t.Helper()
	if err != nil || who.ID == "" || who.Email != p.email || who.Name != p.name {
		t.Fatalf("%+v, %v", who, err)
	}
	for _, g := range p.groups {
		if !slices.Contains(who.Groups, g) {
			t.Errorf("groups are %q", who.Groups)
		}
	}
}

func signsIn(t *testing.T, p *provider) {
	c := p.client(t, nil)
	var ids []string
	for range 2 {
		who, err := c.Exchange(t.Context(), p.ann(t, c, newBrowser(), false))
		p.isAnn(t, who, err)
		ids = append(ids, who.ID)
	}
	if ids[0] != ids[1] {
		t.Errorf("ann is %q", ids)
	}
}

func answersByForm(t *testing.T, p *provider) {
	c := p.client(t, func(c *idp.Config) { c.FormPost = true })
	b := newBrowser()
	who, err := c.Exchange(t.Context(), p.ann(t, c, b, false))
	p.isAnn(t, who, err)
	if b.posted != p.posts {
		t.Errorf("it answered by a form: %v", b.posted)
	}
}

func wrongPassword(t *testing.T, p *provider) {
	if p.noPassword {
		if _, err := p.visit(t, p.client(t, nil), newBrowser(), "nobody", "", false); err == nil {
			t.Error("nobody signed in")
		}
		return
	}
	if _, err := p.visit(t, p.client(t, nil), newBrowser(), p.user, "wrong", false); !errors.Is(err, errWrongPassword) {
		t.Errorf("%v", err)
	}
}

func claimsOfRules(t *testing.T, p *provider) {
	c := p.client(t, nil)
	answer := p.ann(t, c, newBrowser(), false)
	answer.Claims = []string{"name", "email", "nothing_like_it"}
	who, err := c.Exchange(t.Context(), answer)
	p.isAnn(t, who, err)
	for _, one := range who.Claims {
		want := map[string][]string{"name": {p.name}, "email": {p.email}}[one.Name]
		if !slices.Equal(one.Values, want) || one.Unknown {
			t.Errorf("%+v, want %q", one, want)
		}
	}
	if len(who.Claims) != 3 {
		t.Errorf("%+v", who.Claims)
	}
}

func renews(t *testing.T, p *provider) {
	c, b := p.client(t, nil), newBrowser()
	for i := range 2 {
		who, err := c.Exchange(t.Context(), p.ann(t, c, b, false))
		p.isAnn(t, who, err)
		if want := 1 + i; b.asked != 1 && !p.remembersNobody || p.remembersNobody && b.asked != want {
			t.Errorf("it asked %d times", b.asked)
		}
	}
}

func asksAgain(t *testing.T, p *provider) {
	c, b := p.client(t, nil), newBrowser()
	p.ann(t, c, b, false)
	who, err := c.Exchange(t.Context(), p.ann(t, c, b, true))
	p.isAnn(t, who, err)
	if b.asked != 2 {
		t.Errorf("it asked %d times", b.asked)
	}
}

// stepsUp asks for more than a sign-in takes: whoever has a session there is asked again, and the
// answer says so, or does not.
func stepsUp(t *testing.T, p *provider) {
	if p.unleveled != "" {
		t.Skip("it takes " + p.unleveled)
	}
	c := p.client(t, func(c *idp.Config) {
		c.StepUp = []idp.StepUp{{Method: "mfa", ACRValues: []string{"gold"}, Login: true}}
	})
	b := newBrowser()
	who, err := c.Exchange(t.Context(), p.ann(t, c, b, false))
	if p.isAnn(t, who, err); slices.Contains(who.AMR, "mfa") {
		t.Fatalf("before it is asked for it says %q", who.AMR)
	}
	s := startOf(true)
	s.StepUp = "mfa"
	answer, err := p.visitBy(t, c, b, p.user, password, s)
	if err != nil {
		t.Fatal(err)
	}
	answer.StepUp = "mfa"
	who, err = c.Exchange(t.Context(), answer)
	if p.isAnn(t, who, err); slices.Contains(who.AMR, "mfa") != p.acr || b.asked != 2 {
		t.Errorf("it asked %d times, and says %q", b.asked, who.AMR)
	}
}

func codes(t *testing.T, p *provider) {
	c := p.client(t, nil)
	for name, edit := range map[string]func(*idp.Callback){
		"nonce of another":    func(a *idp.Callback) { a.Nonce = "another" },
		"verifier of another": func(a *idp.Callback) { a.Verifier = oauth2.GenerateVerifier() },
		"another callback":    func(a *idp.Callback) { a.RedirectURI += "x" },
		"made up":             func(a *idp.Callback) { a.Code = "made-up" },
		"another issuer":      func(a *idp.Callback) { a.Issuer = "https://other.example.com" },
	} {
		answer := p.ann(t, c, newBrowser(), false)
		edit(&answer)
		if who, err := c.Exchange(t.Context(), answer); !errors.Is(err, idp.ErrRejected) || who.ID != "" {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
	answer := p.ann(t, c, newBrowser(), false)
	who, err := c.Exchange(t.Context(), answer)
	p.isAnn(t, who, err)
	if who, err := c.Exchange(t.Context(), answer); !errors.Is(err, idp.ErrRejected) || who.ID != "" {
		t.Errorf("a second time: %+v, %v", who, err)
	}
}

func wrongSecret(t *testing.T, p *provider) {
	c := p.client(t, func(c *idp.Config) { c.ClientSecret = "wrong" })
	if who, err := c.Exchange(t.Context(), p.ann(t, c, newBrowser(), false)); !errors.Is(err, idp.ErrRejected) || who.ID != "" {
		t.Errorf("%+v, %v", who, err)
	}
}

// elsewhere reads the metadata at another name of this machine.
func elsewhere(t *testing.T, p *provider) {
	c := p.client(t, func(c *idp.Config) {
		c.DiscoveryURL = strings.Replace(c.Issuer, "127.0.0.1", "localhost", 1) + "/.well-known/openid-configuration"
	})
	to, err := c.AuthCodeURL(t.Context(), idp.Start{State: "s", Nonce: "n", Verifier: oauth2.GenerateVerifier(), RedirectURI: callback})
	switch {
	// Keycloak may call itself what it is asked as: then it is another issuer.
	case err != nil && errors.Is(err, idp.ErrRejected) && strings.Contains(err.Error(), "must be the same"):
		t.Log(err)
	case err != nil || !strings.HasPrefix(to, "http://"):
		t.Errorf("%s, %v", to, err)
	default:
		who, err := c.Exchange(t.Context(), p.ann(t, c, newBrowser(), false))
		p.isAnn(t, who, err)
	}
}

func down(t *testing.T, p *provider) {
	c := p.client(t, nil)
	answer := p.ann(t, c, newBrowser(), false)
	p.stop()
	if who, err := c.Exchange(t.Context(), answer); !errors.Is(err, idp.ErrUnavailable) || who.ID != "" {
		t.Errorf("%+v, %v", who, err)
	}
	fresh := p.client(t, nil)
	to, err := fresh.AuthCodeURL(t.Context(), idp.Start{State: "s", Nonce: "n", Verifier: "v", RedirectURI: callback})
	if !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("%s, %v", to, err)
	}
}
