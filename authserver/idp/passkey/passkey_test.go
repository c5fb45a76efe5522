// SPDX-License-Identifier: Apache-2.0

package passkey

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/hack/lab/authenticator"
)

const teamOrigin = "https://access.example.com"

var (
	now   = time.Unix(1_800_000_000, 0)
	until = now.Add(10 * time.Minute)
)

func challengeOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func partyOf(t testing.TB, origin string) *Party {
	t.Helper()
	p, err := New(origin)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// registered is a key of an authenticator, made for somebody who has others.
func registered(t testing.TB, p *Party, device *authenticator.Key, others ...Key) Key {
	t.Helper()
	k, err := register(t, p, device, others...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func register(t testing.TB, p *Party, device *authenticator.Key, others ...Key) (Key, error) {
	t.Helper()
	challenge, handle := challengeOf("register"), HandleFor(others)
	asked, err := p.Creation(challenge, handle, "ann", "Ann", others)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := device.Create(asked, teamOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return p.Register(challenge, handle, others, answer)
}

// answerOf is what an authenticator says to a challenge.
func answerOf(t testing.TB, p *Party, device *authenticator.Key, challenge string, keys ...Key) string {
	t.Helper()
	asked, err := p.Request(challenge, keys)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := device.Get(asked, teamOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestKeySignsIn(t *testing.T) {
	p, device, other := partyOf(t, teamOrigin), authenticator.New(), authenticator.New()
	first := registered(t, p, other)
	second := registered(t, p, device, first)
	if !slices.Equal(first.Handle, second.Handle) {
		t.Error("two keys of one account have two user handles: an authenticator would hold both")
	}
	keys := []Key{first, second}
	for round := range 3 {
		i, kept, err := p.Assert(challengeOf("visit"+string(rune('0'+round))), keys,
			answerOf(t, p, device, challengeOf("visit"+string(rune('0'+round))), keys...), now, until)
		if err != nil {
			t.Fatal(err)
		}
		if i != 1 || kept.Count != device.Count || len(kept.Spent) != round+1 {
			t.Fatalf("key %d, count %d of %d, %d spent", i, kept.Count, device.Count, len(kept.Spent))
		}
		written, err := kept.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if keys[1], err = Parse(written); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOptionsAskForVerifiedUsers(t *testing.T) {
	p, device := partyOf(t, teamOrigin), authenticator.New()
	k := registered(t, p, device)
	created, err := p.Creation(challengeOf("x"), k.Handle, "ann", "Ann", []Key{k})
	if err != nil {
		t.Fatal(err)
	}
	asked, err := p.Request(challengeOf("x"), []Key{k})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"userVerification":"required"`, `"attestation":"none"`, `"id":"access.example.com"`,
		`"residentKey":"discouraged"`, `"excludeCredentials":[{"type":"public-key"`, `"challenge":"` + challengeOf("x")} {
		if !strings.Contains(string(created), want) {
			t.Errorf("%s lacks %s", created, want)
		}
	}
	for _, want := range []string{`"userVerification":"required"`, `"rpId":"access.example.com"`, `"challenge":"` + challengeOf("x"),
		`"allowCredentials":[{"type":"public-key"`, `"transports":["usb","nfc"]`} {
		if !strings.Contains(string(asked), want) {
			t.Errorf("%s lacks %s", asked, want)
		}
	}
	if _, err := device.Create(created, teamOrigin); !errors.Is(err, authenticator.ErrExcluded) {
		t.Errorf("a second key on one authenticator: %v", err)
	}
}

// THREATS J1, J4, J5. What is signed elsewhere, for somebody else, or without the person, is no sign-in.
func TestHostileAssertions(t *testing.T) {
	rows := []struct {
		name  string
		alter func(*authenticator.Answer)
		want  error
	}{
		{"another origin", func(a *authenticator.Answer) { a.Client["origin"] = "https://evil.example.com" }, ErrAnswer},
		{"another port", func(a *authenticator.Answer) { a.Client["origin"] = teamOrigin + ":8443" }, ErrAnswer},
		{"the default port, spelled", func(a *authenticator.Answer) { a.Client["origin"] = teamOrigin + ":443" }, ErrAnswer},
		{"another scheme", func(a *authenticator.Answer) { a.Client["origin"] = "http://access.example.com" }, ErrAnswer},
		{"a user before the host", func(a *authenticator.Answer) { a.Client["origin"] = "https://x@access.example.com" }, ErrAnswer},
		{"a path behind the host", func(a *authenticator.Answer) { a.Client["origin"] = teamOrigin + "/x" }, ErrAnswer},
		{"other letters", func(a *authenticator.Answer) { a.Client["origin"] = "https://ACCESS.example.com" }, ErrAnswer},
		{"an application's host", func(a *authenticator.Answer) { a.Client["origin"] = "https://app.example.com" }, ErrAnswer},
		{"in a frame of another site", func(a *authenticator.Answer) { a.Client["crossOrigin"] = true }, ErrAnswer},
		{"below another page", func(a *authenticator.Answer) { a.Client["topOrigin"] = teamOrigin }, ErrAnswer},
		{"another RP ID", func(a *authenticator.Answer) { a.RPID = "example.com" }, ErrAnswer},
		{"another challenge", func(a *authenticator.Answer) { a.Client["challenge"] = challengeOf("other") }, ErrAnswer},
		{"no challenge", func(a *authenticator.Answer) { a.Client["challenge"] = "" }, ErrAnswer},
		{"another ceremony", func(a *authenticator.Answer) { a.Client["type"] = "webauthn.create" }, ErrAnswer},
		{"a payment", func(a *authenticator.Answer) { a.Client["type"] = "payment.get" }, ErrAnswer},
		{"nobody there", func(a *authenticator.Answer) { a.Flags &^= authenticator.Present }, ErrAnswer},
		{"user not verified", func(a *authenticator.Answer) { a.Flags &^= authenticator.Verified }, ErrUnverified},
		{"backed up though it cannot be", func(a *authenticator.Answer) { a.Flags |= authenticator.BackedUp }, ErrAnswer},
		{"all of a sudden it can be copied", func(a *authenticator.Answer) { a.Flags |= authenticator.Eligible }, ErrAnswer},
		{"another user's handle", func(a *authenticator.Answer) { a.Handle = []byte("somebody else") }, ErrAnswer},
		{"another key's signature", func(a *authenticator.Answer) { a.Signature = func([]byte) []byte { return []byte("x") } }, ErrAnswer},
		{"no signature", func(a *authenticator.Answer) { a.Signature = func([]byte) []byte { return nil } }, ErrAnswer},
		{"another key's id", func(a *authenticator.Answer) { a.ID = []byte("another") }, ErrUnknown},
		{"something behind the data", func(a *authenticator.Answer) { a.Extra = []byte{0xa0} }, ErrAnswer},
		{"extensions that are none", func(a *authenticator.Answer) { a.Flags |= 1 << 7; a.Extra = []byte{0xff} }, ErrAnswer},
		{"the same counter", func(a *authenticator.Answer) { a.Count = 7 }, ErrCounter},
		{"a lower counter", func(a *authenticator.Answer) { a.Count = 6 }, ErrCounter},
		{"no counter any more", func(a *authenticator.Answer) { a.Count = 0 }, ErrCounter},
		{"a higher counter", func(a *authenticator.Answer) { a.Count = 8 }, nil},
		{"no user handle", func(a *authenticator.Answer) { a.Handle = nil }, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p, device := partyOf(t, teamOrigin), authenticator.New()
			k := registered(t, p, device)
			k.Count, device.Alter = 7, func(a *authenticator.Answer) { a.Count = 8; row.alter(a) }
			_, kept, err := p.Assert(challengeOf("x"), []Key{k}, answerOf(t, p, device, challengeOf("x"), k), now, until)
			if !errors.Is(err, row.want) {
				t.Fatalf("%v, want %v", err, row.want)
			}
			if err != nil && (kept.ID != nil || errors.Is(err, ErrAnswer) && len(err.Error()) > 600) {
				t.Errorf("kept %v; %d bytes for the log", kept, len(err.Error()))
			}
		})
	}
}

// THREATS J3.
func TestAnswersAreGoodOnce(t *testing.T) {
	p, device := partyOf(t, teamOrigin), authenticator.New()
	device.Counts = false // as synced keys: no counter says that it is a replay
	k := registered(t, p, device)
	answer := answerOf(t, p, device, challengeOf("x"), k)
	_, kept, err := p.Assert(challengeOf("x"), []Key{k}, answer, now, until)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{now, now.Add(time.Minute), until} {
		if _, _, err := p.Assert(challengeOf("x"), []Key{kept}, answer, at, until); !errors.Is(err, ErrSpent) {
			t.Errorf("replayed at %v: %v", at, err)
		}
	}
	again := answerOf(t, p, device, challengeOf("x"), k)
	if _, _, err := p.Assert(challengeOf("x"), []Key{kept}, again, now, until); !errors.Is(err, ErrSpent) {
		t.Errorf("signed again for a spent challenge: %v", err)
	}
	// What is too old to come again is forgotten, and so what is kept of a key is bounded.
	for i := range maxSpent - 1 {
		c := challengeOf("more" + string(rune('A'+i)))
		if _, kept, err = p.Assert(c, []Key{kept}, answerOf(t, p, device, c, k), now, until); err != nil {
			t.Fatal(err)
		}
	}
	c := challengeOf("one too many")
	last := answerOf(t, p, device, c, k)
	if _, _, err := p.Assert(c, []Key{kept}, last, now, until); !errors.Is(err, ErrTooOften) {
		t.Errorf("more than are remembered: %v", err)
	}
	later := until.Add(time.Second)
	_, kept, err = p.Assert(c, []Key{kept}, last, later, later.Add(time.Minute))
	if err != nil || len(kept.Spent) != 1 {
		t.Errorf("later: %v, %d spent", err, len(kept.Spent))
	}
	if written, err := kept.Marshal(); err != nil || len(written) > MaxKey {
		t.Errorf("%d bytes: %v", len(written), err)
	}
}

// THREATS J2.
func TestKeysOfOthers(t *testing.T) {
	p, anns, bobs := partyOf(t, teamOrigin), authenticator.New(), authenticator.New()
	ann, bob := registered(t, p, anns), registered(t, p, bobs)
	answer := answerOf(t, p, bobs, challengeOf("x"), bob)
	if _, _, err := p.Assert(challengeOf("x"), []Key{ann}, answer, now, until); !errors.Is(err, ErrUnknown) {
		t.Errorf("Bob's key for Ann: %v", err)
	}
	named := strings.ReplaceAll(answer, base64.RawURLEncoding.EncodeToString(bob.ID), base64.RawURLEncoding.EncodeToString(ann.ID))
	if _, _, err := p.Assert(challengeOf("x"), []Key{ann}, named, now, until); !errors.Is(err, ErrAnswer) {
		t.Errorf("Bob's signature under the name of Ann's key: %v", err)
	}
	if _, _, err := p.Assert(challengeOf("x"), nil, answer, now, until); !errors.Is(err, ErrUnknown) {
		t.Errorf("a key that was removed in between: %v", err)
	}
}

// THREATS J1, J7.
func TestHostileRegistrations(t *testing.T) {
	rows := []struct {
		name  string
		alter func(*authenticator.Answer)
		want  error
	}{
		{"as asked", func(*authenticator.Answer) {}, nil},
		{"another origin", func(a *authenticator.Answer) { a.Client["origin"] = "https://evil.example.com" }, ErrAnswer},
		{"the default port, spelled", func(a *authenticator.Answer) { a.Client["origin"] = teamOrigin + ":443" }, ErrAnswer},
		{"in a frame", func(a *authenticator.Answer) { a.Client["crossOrigin"] = true }, ErrAnswer},
		{"another RP ID", func(a *authenticator.Answer) { a.RPID = "example.com" }, ErrAnswer},
		{"another challenge", func(a *authenticator.Answer) { a.Client["challenge"] = challengeOf("other") }, ErrAnswer},
		{"another ceremony", func(a *authenticator.Answer) { a.Client["type"] = "webauthn.get" }, ErrAnswer},
		{"user not verified", func(a *authenticator.Answer) { a.Flags &^= authenticator.Verified }, ErrUnverified},
		{"nobody there", func(a *authenticator.Answer) { a.Flags &^= authenticator.Present }, ErrAnswer},
		{"no key in it", func(a *authenticator.Answer) { a.Flags &^= 1 << 6 }, ErrAnswer},
		{"an attestation of a TPM", func(a *authenticator.Answer) { a.Format = "tpm" }, ErrAnswer},
		{"a chain of certificates", func(a *authenticator.Answer) {
			a.Format, a.Statement = "packed", map[string]any{"alg": -7, "sig": []byte("x"), "x5c": []any{[]byte("x")}}
		}, ErrAnswer},
		{"it attests itself, wrongly", func(a *authenticator.Answer) {
			a.Format, a.Statement = "packed", map[string]any{"alg": -7, "sig": []byte("x")}
		}, ErrAnswer},
		{"no attestation, with a statement", func(a *authenticator.Answer) { a.Statement = map[string]any{"x": 1} }, ErrAnswer},
		{"an algorithm that was not offered", func(a *authenticator.Answer) { a.Key[3] = -257 }, ErrAnswer},
		{"a point that is on no curve", func(a *authenticator.Answer) { a.Key[-2] = make([]byte, 32) }, ErrAnswer},
		{"half a point", func(a *authenticator.Answer) { delete(a.Key, -3) }, ErrAnswer},
		{"an id that is too long", func(a *authenticator.Answer) { a.ID = make([]byte, maxID+1) }, ErrAnswer},
		{"no id", func(a *authenticator.Answer) { a.ID = nil }, ErrAnswer},
		{"a key that is too long", func(a *authenticator.Answer) { a.Key[-70] = make([]byte, maxPublicKey) }, ErrAnswer},
		{"something behind the key", func(a *authenticator.Answer) { a.Extra = []byte{0} }, ErrAnswer},
		{"too much of all", func(a *authenticator.Answer) { a.Client["x"] = strings.Repeat("x", MaxAnswer) }, ErrAnswer},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			device := authenticator.New()
			device.Alter = row.alter
			k, err := register(t, partyOf(t, teamOrigin), device)
			if !errors.Is(err, row.want) {
				t.Fatalf("%v, want %v", err, row.want)
			}
			if err != nil && k.ID != nil {
				t.Errorf("kept %v", k)
			}
		})
	}
	p, device := partyOf(t, teamOrigin), authenticator.New()
	k := registered(t, p, device)
	asked, _ := p.Creation(challengeOf("x"), k.Handle, "ann", "Ann", nil) // a browser that ignores what is excluded
	answer, err := device.Create(asked, teamOrigin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Register(challengeOf("x"), k.Handle, []Key{k}, answer); !errors.Is(err, ErrRegistered) {
		t.Errorf("registered twice: %v", err)
	}
}

func TestWhatKeysAreCalled(t *testing.T) {
	for _, row := range []struct {
		flags byte
		want  string
	}{
		{authenticator.Present | authenticator.Verified, "pop user mfa"},
		{authenticator.Present | authenticator.Verified | authenticator.Eligible, "pop swk user mfa"},
		{authenticator.Present | authenticator.Verified | authenticator.Eligible | authenticator.BackedUp, "pop swk user mfa"},
	} {
		device := authenticator.New()
		device.Flags = row.flags
		k := registered(t, partyOf(t, teamOrigin), device)
		if got := strings.Join(k.AMR(), " "); got != row.want {
			t.Errorf("%08b is %q, want %q", row.flags, got, row.want)
		}
	}
}

func TestOriginsOfParties(t *testing.T) {
	for origin, ok := range map[string]bool{
		teamOrigin: true, teamOrigin + ":8443": true, "http://localhost:8080": true, "http://localhost": true, "https://localhost": true,
		"http://access.example.com": false, "https://192.0.2.1": false, "https://[2001:db8::1]": false, "": false, "access.example.com": false,
		teamOrigin + "/": false, "https://a b": false, "http://127.0.0.1:8080": false, "https://x@access.example.com": false,
	} {
		if _, err := New(origin); (err == nil) != ok || err != nil && !errors.Is(err, ErrHost) {
			t.Errorf("%q: %v", origin, err)
		}
	}
}

// The largest key fits into what a record has room for.
func TestLargestKey(t *testing.T) {
	k := registered(t, partyOf(t, teamOrigin), authenticator.New())
	k.ID, k.Handle, k.Count, k.Synced = make([]byte, maxID), make([]byte, maxHandle), 1<<32-1, true
	k.Transports, k.Spent = transports, slices.Repeat([]Spent{{Challenge: "AAAAAAAAAAAAAAAA", Until: until.Unix()}}, maxSpent)
	written, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(written) + (maxPublicKey-len(k.PublicKey))*4/3 + 4; n > MaxKey || MaxKey > factor.MaxCredential {
		t.Errorf("%d bytes, of at most %d; a record has room for %d", n, MaxKey, factor.MaxCredential)
	}
}

// THREATS J8.
func TestDamagedKeysAreNone(t *testing.T) {
	k := registered(t, partyOf(t, teamOrigin), authenticator.New())
	good, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(m map[string]any){
		"no id":              func(m map[string]any) { delete(m, "id") },
		"no public key":      func(m map[string]any) { delete(m, "key") },
		"no handle":          func(m map[string]any) { delete(m, "user") },
		"another public key": func(m map[string]any) { m["key"] = "AAAA" },
		"a counter below 0":  func(m map[string]any) { m["count"] = -1 },
		"a counter too high": func(m map[string]any) { m["count"] = 1 << 40 },
		"an unknown field":   func(m map[string]any) { m["trusted"] = true },
		"an odd transport":   func(m map[string]any) { m["transports"] = []string{"<script>"} },
		"many transports":    func(m map[string]any) { m["transports"] = slices.Repeat([]string{"usb"}, 7) },
		"an odd challenge":   func(m map[string]any) { m["spent"] = []Spent{{Challenge: "x"}} },
		"too many challenges": func(m map[string]any) {
			m["spent"] = slices.Repeat([]Spent{{Challenge: "AAAAAAAAAAAAAAAA"}}, maxSpent+1)
		},
		"a long id": func(m map[string]any) { m["id"] = make([]byte, maxID+1) },
	} {
		var m map[string]any
		if err := json.Unmarshal(good, &m); err != nil {
			t.Fatal(err)
		}
		edit(m)
		damaged, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(damaged); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, damaged := range []string{"", "null", "{}", string(good) + "{}", string(good[:len(good)-1]),
		strings.Repeat(" ", MaxKey) + string(good)} {
		if _, err := Parse([]byte(damaged)); err == nil {
			t.Errorf("%.40q: taken", damaged)
		}
	}
}
