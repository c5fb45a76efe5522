// SPDX-License-Identifier: Apache-2.0

package providers

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
)

// signsOut ends the session at the provider as a sign-out everywhere does: whoever comes next with
// that browser is asked who they are. A provider that has no such address says so, and nothing else.
func signsOut(t *testing.T, p *provider) {
	c, b := p.client(t, func(c *idp.Config) { c.EndSession = true }), newBrowser()
	who, err := c.Exchange(t.Context(), p.ann(t, c, b, false))
	p.isAnn(t, who, err)
	to, err := c.EndSessionURL(t.Context(), idp.Goodbye{State: "farewell-1", RedirectURI: farewell, Email: who.Email})
	if p.words == nil {
		if !errors.Is(err, idp.ErrRejected) || to != "" || !strings.Contains(err.Error(), "end_session_endpoint") {
			t.Errorf("%q, %v", to, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	back, err := b.signOut(t.Context(), to)
	if err != nil || back.Get("state") != "farewell-1" {
		t.Fatalf("back with %v, %v", back, err)
	}
	p.isOver(t, c, who)
	asked := b.asked
	if p.ann(t, c, b, false); b.asked != asked+1 {
		t.Error("it remembers them")
	}
}

// isOver waits for the provider's word that sessions are over, and has it read: it is about that
// user, for us, and nobody can bend it.
func (p *provider) isOver(t *testing.T, c *idp.Provider, who idp.Identity) {
	t.Helper()
	var token string
	select {
	case token = <-p.words:
	case <-time.After(30 * time.Second):
		t.Fatal("the provider says nothing of the sign-out")
	}
	word, err := c.VerifyLogout(t.Context(), token)
	if err != nil || word.ID != who.ID || word.Token == "" || time.Since(word.Until) > 2*time.Minute {
		t.Fatalf("%+v, %v; who left is %s", word, err, who.ID)
	}
	parts := strings.Split(token, ".")
	parts[2] = strings.Map(func(r rune) rune {
		if r == 'A' {
			return 'B'
		}
		return 'A'
	}, parts[2])
	if word, err := c.VerifyLogout(t.Context(), strings.Join(parts, ".")); !errors.Is(err, idp.ErrRejected) {
		t.Errorf("with another signature: %+v, %v", word, err)
	}
	other := p.client(t, func(c *idp.Config) { c.ClientID = "another" })
	if word, err := other.VerifyLogout(t.Context(), token); !errors.Is(err, idp.ErrRejected) {
		t.Errorf("as another client: %+v, %v", word, err)
	}
}
