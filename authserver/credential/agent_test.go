// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// agent are the claims of a token of a client that acts for Ada.
func agent() Claims {
	c := ada()
	c.Audience, c.Host = []string{"shop/mcp"}, "mcp.example.com"
	c.Client, c.GrantedAt, c.Scope = "https://agent.example.net/client.json", start.Add(-time.Hour+125*time.Millisecond), "files:read"
	return c
}

// TestAgent: a token of a client counts in Authorization alone, says who acts and since when,
// and passes for nothing else that we sign. (THREATS I8)
func TestAgent(t *testing.T) {
	ring := fixedRing(t, fixedKey(t, "EdDSA", 1, start))
	v := NewVerifier(ring, issuer, 0)
	token := mint(t, ring, agent(), start)
	s, why := v.Verify(token, start)
	if s == nil || s.Client != agent().Client || !s.GrantedAt.Equal(agent().GrantedAt) || s.Host != "mcp.example.com" {
		t.Fatalf("%+v %s", s, why)
	}
	if got := v.Subject(policy.Place{}, "", "Bearer "+token, start); got.Subject != s || !got.InHeader {
		t.Errorf("in Authorization: %+v", got)
	}
	for _, name := range []string{CookieName, PathCookieName} {
		if got := v.Subject(policy.Place{}, name+"="+token, "", start); got.Subject != nil {
			t.Errorf("in a cookie %s: %+v", name, got.Subject)
		}
	}
	if l, why := v.Linked(token, start); l != nil || why != policy.TokenInvalid {
		t.Errorf("as the session of a linked application: %v %s", l, why)
	}
	if s, _ := ring.OpenTeam(token, issuer, start); s != nil {
		t.Error("as a session at the team host")
	}
	session := mint(t, ring, ada(), start)
	if s, _ := v.Verify(session, start); s == nil || s.Client != "" || !s.GrantedAt.IsZero() {
		t.Errorf("a session says who acts: %+v", s)
	}
}

// TestAgentRefuses: no token is made, or taken, that is for more than a client may have.
func TestAgentRefuses(t *testing.T) {
	k := fixedKey(t, "EdDSA", 1, start)
	ring := fixedRing(t, k)
	for name, edit := range map[string]func(*Claims){
		"for every host":   func(c *Claims) { c.Host = "" },
		"for two policies": func(c *Claims) { c.Audience = []string{"shop/mcp", "shop/app"} },
		"since ever":       func(c *Claims) { c.GrantedAt = time.Time{} },
		"for pages":        func(c *Claims) { c.AuthorizedParty = "https://spa.example.com" },
		"a cookie":         func(c *Claims) { c.PathScoped = true },
		"a line end":       func(c *Claims) { c.Client = "https://a.example.com/\r\nX: y" },
		"scope, line end":  func(c *Claims) { c.Scope = "a\nb" },
	} {
		c := agent()
		edit(&c)
		if token, err := ring.Mint(c, start); err == nil {
			t.Errorf("%s: %s", name, token)
		}
	}
	team := agent()
	if _, err := ring.MintTeam(team, start); err != nil {
		t.Errorf("a session at the team host says nothing of clients: %v", err)
	} else if token, _ := ring.MintTeam(team, start); token != "" {
		if s, _ := ring.OpenTeam(token, issuer, start); s == nil || s.Client != "" {
			t.Errorf("of the team host: %+v", s)
		}
	}
	v := NewVerifier(ring, issuer, 0)
	since := start.Unix()
	for name, changes := range map[string]map[string]any{
		"a session that names a client": {"client_id": "cli", "granted_at": since, "host": "mcp.example.com"},
		"a client without a name":       {"type": typeAgent, "granted_at": since, "host": "mcp.example.com"},
		"a client without a host":       {"type": typeAgent, "client_id": "cli", "granted_at": since},
		"a client since ever":           {"type": typeAgent, "client_id": "cli", "host": "mcp.example.com"},
		"a session with a scope":        {"scope": "all"},
		"a session with milliseconds":   {"granted_ms": 1},
		"a client since 1000 ms":        {"type": typeAgent, "client_id": "cli", "host": "a.x", "granted_at": since, "granted_ms": 1000},
		"a client since less than then": {"type": typeAgent, "client_id": "cli", "host": "a.example.com", "granted_at": since, "granted_ms": -1},
		"a client since the year 10000": {"type": typeAgent, "client_id": "cli", "host": "a.example.com", "granted_at": lastSecond + 1},
	} {
		if s, why := v.Verify(claiming(t, k, with(changes)), start); s != nil || why != policy.BadSignature {
			t.Errorf("%s: %+v %s", name, s, why)
		}
	}
}
