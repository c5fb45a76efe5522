// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"errors"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/authserver/policy"
)

func mintTeam(t testing.TB, r *Ring, c Claims, now time.Time) string {
	t.Helper()
	token, err := r.MintTeam(c, now)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// nest encrypts any content for the team, with the key that the team's have.
func nest(t testing.TB, k *key, content string) string {
	t.Helper()
	text, err := k.encrypt(teamUse, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// team returns the claims of a team token with some set, or taken away (nil).
func team(changes map[string]any) string {
	all := map[string]any{"type": "org", "aud": []string{issuer}}
	for name, value := range changes {
		all[name] = value
	}
	return with(all)
}

func wantNoTeam(t *testing.T, r *Ring, token string, now time.Time, want policy.Reason) {
	t.Helper()
	if subject, why := r.OpenTeam(token, issuer, now); subject != nil || why != want {
		t.Fatalf("OpenTeam(%.200q) = %+v, %q; want nobody, %q", token, subject, why, want)
	}
}

func wantTeam(t *testing.T, r *Ring, token string, now time.Time) *policy.Subject {
	t.Helper()
	subject, why := r.OpenTeam(token, issuer, now)
	if subject == nil || why != policy.NoReason {
		t.Fatalf("OpenTeam(%.200q) = %+v, %q; want somebody", token, subject, why)
	}
	return subject
}

func TestTeam(t *testing.T) {
	for _, alg := range []string{"EdDSA", "ES256", "RS256"} {
		k := fixedKey(t, alg, 1, start)
		r := fixedRing(t, k)
		c := ada()
		c.AMR, c.Provider, c.SignedInAt = []string{"hwk"}, "corp", start.Add(-time.Hour)
		token := mintTeam(t, r, c, start)
		want := &policy.Subject{
			ID: c.ID, Email: c.Email, Groups: c.Groups, AMR: c.AMR, Provider: "corp", Audience: []string{issuer},
			SignedInAt: c.SignedInAt, IssuedAt: start, ExpiresAt: start.Add(time.Hour),
		}
		if got := wantTeam(t, r, token, start); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got  %+v\nwant %+v", alg, got, want)
		}
		if strings.Count(token, ".") != 4 || mintTeam(t, r, c, start) == token {
			t.Error(token)
		}
		if object, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT},
			[]jose.ContentEncryption{jose.A256GCM}); err != nil ||
			object.Header.ExtraHeaders["cty"] != "JWT" || object.Header.KeyID != k.id {
			t.Errorf("%+v, %v", object, err)
		}
	}
}

// TestTeamIsNoApp: a team token is never an app token, a sealed text or the
// other way round, in whatever it is wrapped.
func TestTeamIsNoApp(t *testing.T) {
	for _, alg := range []string{"EdDSA", "RS256"} {
		k := fixedKey(t, alg, 1, start)
		r := fixedRing(t, k)
		v := NewVerifier(r, issuer, 0)
		c := ada()
		c.Audience = []string{issuer} // the closest that an app token gets
		app, whole := mint(t, r, c, start), mintTeam(t, r, c, start)
		wantSubject(t, v, app, start)
		wantTeam(t, r, whole, start)
		_, inside := r.decrypt(teamUse, whole)
		wantRefused(t, v, whole, start, policy.BadSignature)
		wantRefused(t, v, string(inside), start, policy.BadSignature)
		wantNoTeam(t, r, app, start, policy.BadSignature)
		wantNoTeam(t, r, nest(t, k, app), start, policy.BadSignature)
		wantNoTeam(t, r, string(inside), start, policy.BadSignature)
		wantNoTeam(t, r, nest(t, k, whole), start, policy.BadSignature)
		for _, purpose := range []string{"org", "team", "team token, v1", "p"} {
			wantSealed(t, r, purpose, whole, start, ErrSealed)
			wantNoTeam(t, r, seal(t, r, purpose, string(inside), start), start, policy.BadSignature)
			text, err := k.encrypt(use{info: sealFor(purpose).info, nested: true}, inside)
			if err != nil {
				t.Fatal(err)
			}
			wantNoTeam(t, r, text, start, policy.BadSignature)
		}
		flat, err := k.encrypt(use{info: teamUse.info}, inside) // the right key, but not said to be nested
		if err != nil {
			t.Fatal(err)
		}
		wantNoTeam(t, r, flat, start, policy.BadSignature)
		wantSubject(t, v, app, start)
	}
}

// TestTeamDamaged: THREATS F1.
func TestTeamDamaged(t *testing.T) {
	k := fixedKey(t, "EdDSA", 1, start)
	r := fixedRing(t, k)
	good := mintTeam(t, r, ada(), start)
	cases := boxes(t, k, good)
	delete(cases, "nothing")
	for name, token := range cases {
		t.Run(name, func(t *testing.T) { wantNoTeam(t, r, token, start, policy.BadSignature) })
	}
	for n := 1; n < len(good); n++ {
		wantNoTeam(t, r, good[:n], start, policy.BadSignature)
		for _, bit := range []byte{1, 2, 4, 32} {
			wantNoTeam(t, r, good[:n]+string(rune(good[n]^bit))+good[n+1:], start, policy.BadSignature)
		}
	}
	wantNoTeam(t, r, "", start, policy.NoReason)
	for _, none := range []*Ring{nil, {}} {
		wantNoTeam(t, none, good, start, policy.NotReady)
	}
	for _, other := range []string{issuer + "/", "https://evil.example", strings.ToUpper(issuer)} {
		if subject, why := r.OpenTeam(good, other, start); subject != nil || why != policy.BadSignature {
			t.Errorf("%s: %+v, %q", other, subject, why)
		}
	}
	if _, why := r.OpenTeam(good, "", start); why != policy.NotReady {
		t.Error(why)
	}
}

// TestTeamConfusion: THREATS F2, by somebody who can encrypt but not sign.
func TestTeamConfusion(t *testing.T) {
	ed, rs, foreign := fixedKey(t, "EdDSA", 1, start), fixedKey(t, "RS256", 2, start), fixedKey(t, "EdDSA", 3, start)
	r := fixedRing(t, ed, rs)
	payload := seg(team(nil))
	wantTeam(t, r, nest(t, ed, claiming(t, ed, team(nil))), start)
	wantTeam(t, r, nest(t, rs, claiming(t, rs, team(nil))), start)
	for name, token := range map[string]string{
		"none":                           nest(t, ed, seg(`{"alg":"none"}`)+"."+payload+"."),
		"our header, unsigned":           nest(t, ed, ed.header(payload)+"."+payload+"."),
		"our header, zeros":              nest(t, ed, ed.header(payload)+"."+payload+"."+strings.Repeat("A", 86)),
		"our header, foreign signature":  nest(t, ed, signed(t, foreign, ed.header(payload), payload)),
		"foreign key inside":             nest(t, ed, claiming(t, foreign, team(nil))),
		"other key of the ring inside":   nest(t, ed, claiming(t, rs, team(nil))),
		"other key of the ring outside":  nest(t, rs, claiming(t, ed, team(nil))),
		"RS256 under the Ed25519 header": nest(t, ed, signed(t, rs, ed.header(payload), payload)),
		"EdDSA under the RSA header":     nest(t, rs, signed(t, ed, rs.header(payload), payload)),
		"foreign key outside":            nest(t, foreign, claiming(t, ed, team(nil))),
		"all foreign":                    nest(t, foreign, claiming(t, foreign, team(nil))),
		"claims alone":                   nest(t, ed, team(nil)),
		"nothing":                        nest(t, ed, ""),
		"with a line end":                nest(t, ed, claiming(t, ed, team(nil))+"\n"),
		"twice":                          nest(t, ed, claiming(t, ed, team(nil))+claiming(t, ed, team(nil))),
	} {
		t.Run(name, func(t *testing.T) { wantNoTeam(t, r, token, start, policy.BadSignature) })
	}
}

// TestTeamClaims: THREATS F7, all well signed and encrypted.
func TestTeamClaims(t *testing.T) {
	k := fixedKey(t, "EdDSA", 1, start)
	r := fixedRing(t, k)
	now := start.Unix()
	const good, bad = policy.NoReason, policy.BadSignature
	for name, test := range map[string]struct {
		changes map[string]any
		want    policy.Reason
	}{
		"as they are":         {nil, good},
		"exp ahead":           {map[string]any{"exp": now + 1}, good},
		"over":                {map[string]any{"iat": now - 9, "nbf": now - 9, "exp": now}, policy.SessionExpired},
		"exp missing":         {map[string]any{"exp": nil}, bad},
		"exp float":           {map[string]any{"exp": 1893456000.5}, bad},
		"exp string":          {map[string]any{"exp": "1893456000"}, bad},
		"exp year 10000":      {map[string]any{"exp": int64(lastSecond) + 1}, bad},
		"nbf ahead":           {map[string]any{"nbf": now + 31}, bad},
		"iat ahead":           {map[string]any{"iat": now + 31}, bad},
		"iat within leeway":   {map[string]any{"iat": now + 30}, good},
		"iat missing":         {map[string]any{"iat": nil}, bad},
		"auth_time earlier":   {map[string]any{"auth_time": now - 9}, good},
		"auth_time ahead":     {map[string]any{"auth_time": now + 31}, bad},
		"auth_time string":    {map[string]any{"auth_time": "1"}, bad},
		"iss other":           {map[string]any{"iss": "https://evil.example"}, bad},
		"iss and aud other":   {map[string]any{"iss": "https://evil.example", "aud": []string{"https://evil.example"}}, bad},
		"aud of an app":       {map[string]any{"aud": []string{"wiki/wiki"}}, bad},
		"aud and of an app":   {map[string]any{"aud": []string{issuer, "wiki/wiki"}}, bad},
		"aud missing":         {map[string]any{"aud": nil}, bad},
		"aud none":            {map[string]any{"aud": []string{}}, bad},
		"type of an app":      {map[string]any{"type": "app"}, bad},
		"type case":           {map[string]any{"type": "Org"}, bad},
		"type missing":        {map[string]any{"type": nil}, bad},
		"azp":                 {map[string]any{"azp": "https://spa.example.com"}, bad},
		"sub missing":         {map[string]any{"sub": nil}, bad},
		"sub line end":        {map[string]any{"sub": "ada\n"}, bad},
		"groups string":       {map[string]any{"groups": "admins"}, bad},
		"other case":          {map[string]any{"Exp": 1}, bad},
		"of a coming version": {map[string]any{"more": 1}, good},
	} {
		t.Run(name, func(t *testing.T) {
			token := nest(t, k, claiming(t, k, team(test.changes)))
			if test.want == good {
				wantTeam(t, r, token, start)
			} else {
				wantNoTeam(t, r, token, start, test.want)
			}
		})
	}
}

func TestTeamTimes(t *testing.T) {
	r := fixedRing(t)
	token := mintTeam(t, r, ada(), start)
	for at, want := range map[time.Duration]policy.Reason{
		0: policy.NoReason, -Leeway: policy.NoReason, -Leeway - 1: policy.BadSignature,
		time.Hour - 1: policy.NoReason, time.Hour: policy.SessionExpired, 1e6 * time.Hour: policy.SessionExpired,
	} {
		if _, why := r.OpenTeam(token, issuer, start.Add(at)); why != want {
			t.Errorf("after %s: %q, want %q", at, why, want)
		}
	}
}

// TestTeamSize: THREATS F12.
func TestTeamSize(t *testing.T) {
	for _, alg := range []string{"EdDSA", "RS256"} {
		r := fixedRing(t, fixedKey(t, alg, 1, start))
		of := func(n int) (string, error) {
			c := ada()
			c.Groups = []string{strings.Repeat("g", n)}
			return r.MintTeam(c, start)
		}
		most := sort.Search(MaxToken, func(n int) bool { _, err := of(n + 1); return err != nil })
		token, err := of(most)
		if err != nil || len(token) > MaxToken || len(token) < MaxToken-3 {
			t.Errorf("the longest token is %d bytes, %v", len(token), err)
		}
		t.Logf("%s: %d bytes of groups fit", alg, most)
		if token, err = of(most + 1); !errors.Is(err, ErrTooLarge) || token != "" {
			t.Errorf("%q, %v", token, err)
		}
	}
}

func TestMintTeamRefuses(t *testing.T) {
	r := fixedRing(t)
	for name, change := range map[string]func(*Claims){
		"nothing":         func(c *Claims) { *c = Claims{} },
		"no issuer":       func(c *Claims) { c.Issuer = "" },
		"no subject":      func(c *Claims) { c.ID = "" },
		"azp":             func(c *Claims) { c.AuthorizedParty = "https://spa.example.com" },
		"line end":        func(c *Claims) { c.Groups = []string{"a\n"} },
		"no lifetime":     func(c *Claims) { c.Lifetime = 0 },
		"over already":    func(c *Claims) { c.IssuedAt = start.Add(-c.Lifetime) },
		"from the future": func(c *Claims) { c.IssuedAt = start.Add(Leeway + 1) },
	} {
		c := ada()
		change(&c)
		if token, err := r.MintTeam(c, start); err == nil || token != "" {
			t.Errorf("%s: minted %q, %v", name, token, err)
		}
	}
	for _, none := range []*Ring{nil, {}} {
		if token, err := none.MintTeam(ada(), start); err == nil || token != "" {
			t.Errorf("minted %q", token)
		}
	}
}

// TestTeamRotation: what a dropped key made is void.
func TestTeamRotation(t *testing.T) {
	one, two := fixedKey(t, "EdDSA", 1, start), fixedKey(t, "RS256", 2, start.Add(time.Minute))
	both := fixedRing(t, one, two)
	now := start.Add(time.Minute)
	early, late := mintTeam(t, both, ada(), start), mintTeam(t, both, ada(), now)
	wantTeam(t, both, early, now)
	wantTeam(t, both, late, now)
	wantTeam(t, fixedRing(t, two), late, now)
	wantNoTeam(t, fixedRing(t, two), early, now, policy.BadSignature)
	wantNoTeam(t, fixedRing(t, one), late, now, policy.BadSignature)
}

// FuzzOpenTeam: either the token is the fuzzer's, or ours with a piece replaced,
// or what is inside is the fuzzer's, signed by somebody else.
func FuzzOpenTeam(f *testing.F) {
	k, foreign := fixedKey(f, "EdDSA", 1, start), fixedKey(f, "EdDSA", 3, start)
	r := fixedRing(f, k, fixedKey(f, "ES256", 2, start.Add(day)))
	inside := claiming(f, k, team(nil)) // the same in all processes of the fuzzer
	ours := nest(f, k, inside)
	f.Add("", uint16(0), uint16(0), "")
	f.Add(ours, uint16(0), uint16(0), "")
	f.Add("", uint16(len(ours)-1), uint16(1), "A")
	f.Add("", uint16(50), uint16(1), "\n")
	f.Add(inside, uint16(1), uint16(0), "")
	f.Add(inside+"\n", uint16(1), uint16(0), "")
	f.Add(claiming(f, k, with(nil)), uint16(1), uint16(0), "")
	f.Add(claiming(f, foreign, team(nil)), uint16(1), uint16(0), "")
	f.Fuzz(func(t *testing.T, token string, at, drop uint16, insert string) {
		good := false
		switch {
		case token == "":
			cut := min(int(at), len(ours))
			token = ours[:cut] + insert + ours[min(cut+int(drop), len(ours)):]
			good = token == ours
		case at%2 == 1:
			good = token == inside
			token = nest(t, k, token)
		default:
			use, content := r.decrypt(teamUse, token)
			good = use == k && string(content) == inside
		}
		subject, why := r.OpenTeam(token, issuer, start)
		if (subject != nil) != good || (subject == nil) == (why == policy.NoReason && token != "") {
			t.Fatalf("OpenTeam(%q) = %+v, %q; ours: %v", token, subject, why, good)
		}
	})
}
