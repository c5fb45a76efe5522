// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestLinked: the session of a linked application is what the application was told, and
// nothing else that we sign, or that anybody says we did. (THREATS F4)
func TestLinked(t *testing.T) {
	old, now := fixedKey(t, "EdDSA", 1, start), fixedKey(t, "EdDSA", 2, start)
	ring := fixedRing(t, old, now)
	v := NewVerifier(ring, issuer, 0)
	session := mint(t, ring, ada(), start)
	l, why := v.Linked(session, start)
	if l == nil || why != policy.NoReason {
		t.Fatalf("%v %s", l, why)
	}
	if again, _ := v.Linked(session, start); again != l {
		t.Error("read anew")
	}
	if n := testing.AllocsPerRun(100, func() { v.Linked(session, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if l, why = v.Linked(claiming(t, old, with(nil)), start); l == nil {
		t.Errorf("of a key that signs no more, but counts: %s", why)
	}
	pages, scoped := ada(), ada()
	pages.AuthorizedParty, scoped.PathScoped = "https://o.example.com", true
	if l, why = v.Linked(mint(t, ring, scoped, start), start); l == nil {
		t.Errorf("for a part of the host: %s", why)
	}
	team := ada()
	team.Audience = []string{issuer}
	ofTeam, err := ring.MintTeam(team, start)
	if err != nil {
		t.Fatal(err)
	}
	inquiry, _, err := ring.MintInquiry(issuer, "wiki/wiki", map[string]string{}, start)
	if err != nil {
		t.Fatal(err)
	}
	machine := v.Assertion(&policy.Machine{Name: "service:wiki/ci", ID: "x", ExpiresAt: start.Add(time.Hour)},
		policy.Source{Namespace: "wiki", Name: "wiki"}, start)
	parts := strings.Split(session, ".")
	for name, token := range map[string]string{
		"nothing": "", "no token": "?", "for pages": mint(t, ring, pages, start), "of a machine": machine, "of the team host": ofTeam,
		"of an inquiry": inquiry,
		"with a scheme": "Bearer " + session, "twice": session + "," + session, "with a blank": session + " ",
		"in a cookie":          CookieName + "=" + session,
		"unsigned":             parts[0] + "." + parts[1] + ".",
		"alg none":             seg(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"alg none, with a kid": seg(fmt.Sprintf(`{"alg":"none","kid":%q}`, now.id)) + "." + parts[1] + "." + parts[2],
		"of another key":       parts[0] + "." + parts[1] + "." + strings.Split(claiming(t, fixedKey(t, "EdDSA", 3, start), with(nil)), ".")[2],
		"of a dropped key":     claiming(t, fixedKey(t, "EdDSA", 3, start), with(nil)),
		"of another issuer":    claiming(t, now, with(map[string]any{"iss": "https://evil.example"})),
		"not yet":              claiming(t, now, with(map[string]any{"nbf": start.Add(10 * time.Minute).Unix()})),
		"without end":          claiming(t, now, with(map[string]any{"exp": nil})),
	} {
		for range 2 {
			if l, why := v.Linked(token, start); l != nil || why != policy.TokenInvalid {
				t.Errorf("%s: %+v %s", name, l, why)
			}
		}
	}
	for range 2 {
		if l, why := v.Linked(session, start.Add(time.Hour)); l != nil || why != policy.TokenExpired {
			t.Errorf("over: %+v %s", l, why)
		}
	}
	if l, why := (&Live{}).Linked(session, start); l != nil || why != policy.TokenInvalid {
		t.Errorf("without keys: %+v %s", l, why)
	}
}

// TestLinkedAreBounded: whoever has many sessions cannot make us remember them all twice.
func TestLinkedAreBounded(t *testing.T) {
	var l linked
	for range 2*maxLinked + 1 {
		l.of(&policy.Subject{})
		if len(l.made) > maxLinked {
			t.Fatalf("%d are remembered", len(l.made))
		}
	}
}
