// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

type state struct {
	Host string `json:"h"`
	Path string `json:"p,omitempty"`
}

func seal(t testing.TB, r *Ring, purpose string, v any, now time.Time) string {
	t.Helper()
	text, err := r.Seal(purpose, v, now.Add(time.Minute), now)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func wantSealed(t *testing.T, r *Ring, purpose, text string, now time.Time, want error) {
	t.Helper()
	v := state{Host: "before"}
	if err := r.Open(purpose, text, &v, now); !errors.Is(err, want) || v.Host != "before" {
		t.Fatalf("Open(%.200q) = %v, %+v; want %v", text, err, v, want)
	}
}

func wantOpen(t *testing.T, r *Ring, purpose, text string, now time.Time, want state) {
	t.Helper()
	var v state
	if err := r.Open(purpose, text, &v, now); err != nil || v != want {
		t.Fatalf("Open(%.200q) = %v, %+v; want %+v", text, err, v, want)
	}
}

func TestSeal(t *testing.T) {
	want := state{"app.example.com", "/a?b=<c>&\u2028"}
	for _, alg := range []string{"EdDSA", "ES256", "RS256"} {
		k := fixedKey(t, alg, 1, start)
		r := fixedRing(t, k)
		text := seal(t, r, "state", want, start)
		wantOpen(t, r, "state", text, start, want)
		wantOpen(t, r, "state", text, start.Add(time.Minute-1), want)
		wantOpen(t, r, "state", text, start.Add(-day), want)
		wantSealed(t, r, "state", text, start.Add(time.Minute), ErrSealExpired)
		if seal(t, r, "state", want, start) == text {
			t.Error("sealed alike twice")
		}
		if strings.Contains(text, seg("app.example")[:10]) ||
			strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
			t.Error(text)
		}
		// It is a JWE to anybody who has the key.
		object, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
		if err != nil || object.Header.KeyID != k.id {
			t.Fatal(err)
		}
		secret, _ := k.boxKey(sealFor("state"))
		content, err := object.Decrypt(secret)
		if got := fmt.Sprintf(`{"exp":%d,"v":{"h":"app.example.com","p":"/a?b=\u003cc\u003e\u0026\u2028"}}`, start.Unix()+60); err != nil ||
			string(content) != got {
			t.Errorf("%s, %v", content, err)
		}
	}
}

func TestSealValues(t *testing.T) {
	r := fixedRing(t)
	for _, v := range []any{"text", 7, true, []string{"a"}, map[string]int{"a": 1}, state{"h", "p"}, ""} {
		got := reflect.New(reflect.TypeOf(v))
		if err := r.Open("p", seal(t, r, "p", v, start), got.Interface(), start); err != nil || !reflect.DeepEqual(got.Elem().Interface(), v) {
			t.Errorf("%v came back as %v, %v", v, got.Elem(), err)
		}
	}
	wantSealed(t, r, "p", seal(t, r, "p", []string{"a"}, start), start, ErrSealed) // another shape
}

// TestSealPurposes: a state is never a ticket.
func TestSealPurposes(t *testing.T) {
	r := fixedRing(t)
	purposes := []string{"state", "ticket", "State", "state ", "stat", "states", "s", "\x00", "org", "app", "mac over the payload, v1"}
	for _, one := range purposes {
		text := seal(t, r, one, state{Host: "h"}, start)
		for _, other := range purposes {
			if one != other {
				wantSealed(t, r, other, text, start, ErrSealed)
			}
		}
		wantSealed(t, r, "", text, start, ErrSealed)
		wantOpen(t, r, one, text, start, state{Host: "h"})
	}
}

func TestSealRefuses(t *testing.T) {
	r := fixedRing(t)
	for name, test := range map[string]struct {
		ring    *Ring
		purpose string
		v       any
		expires time.Time
		want    error
	}{
		"nil ring":            {nil, "p", 1, start.Add(time.Hour), nil},
		"zero ring":           {&Ring{}, "p", 1, start.Add(time.Hour), nil},
		"no purpose":          {r, "", 1, start.Add(time.Hour), nil},
		"no end":              {r, "p", 1, time.Time{}, nil},
		"over":                {r, "p", 1, start, nil},
		"over within seconds": {r, "p", 1, start.Add(time.Second - 1), nil},
		"year 10000":          {r, "p", 1, time.Unix(lastSecond+1, 0), nil},
		"no JSON":             {r, "p", func() {}, start.Add(time.Hour), nil},
		"too large":           {r, "p", strings.Repeat("x", MaxSealed), start.Add(time.Hour), ErrTooLarge},
	} {
		text, err := test.ring.Seal(test.purpose, test.v, test.expires, start)
		if err == nil || text != "" || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	for _, none := range []*Ring{nil, {}} {
		wantSealed(t, none, "p", seal(t, r, "p", state{}, start), start, ErrSealed)
	}
	for n := MaxSealed; ; n-- {
		text, err := r.Seal("p", strings.Repeat("x", n), start.Add(time.Hour), start)
		if err == nil {
			var back string
			if r.Open("p", text, &back, start) != nil || len(back) != n || len(text) < MaxSealed-2 {
				t.Errorf("the longest is %d bytes for %d", len(text), n)
			}
			break
		}
	}
}

// boxes are damaged or made up ones: THREATS F1 and F2, by someone who knows all
// public keys and has seen good ones.
func boxes(t *testing.T, k *key, good string) map[string]string {
	t.Helper()
	parts := strings.Split(good, ".")
	join := func(change func(p []string)) string {
		p := append([]string(nil), parts...)
		change(p)
		return strings.Join(p, ".")
	}
	header := func(text string) string { return join(func(p []string) { p[0] = seg(text) }) }
	bits := func(n int) string {
		return join(func(p []string) {
			last := strings.IndexByte(base64Alphabet, p[n][len(p[n])-1])
			p[n] = p[n][:len(p[n])-1] + string(base64Alphabet[last^1])
		})
	}
	raw, _ := base64url.DecodeString(parts[0])
	return map[string]string{
		"nothing": "", "dots": "....", "many dots": strings.Repeat(".", 6000), "NUL": "\x00", "one byte": "x",
		"huge":                strings.Repeat("eyJ", 1<<18),
		"header alone":        parts[0],
		"header and dots":     parts[0] + "....",
		"three parts":         parts[0] + "." + parts[2] + "." + parts[3],
		"six parts":           good + ".x",
		"empty sixth":         good + ".",
		"no IV":               join(func(p []string) { p[2] = "" }),
		"no content":          join(func(p []string) { p[3] = "" }),
		"no tag":              join(func(p []string) { p[4] = "" }),
		"short tag":           join(func(p []string) { p[4] = p[4][:16] }),
		"tag of zeros":        join(func(p []string) { p[4] = strings.Repeat("A", 22) }),
		"tag with other bits": bits(4),
		"tag padded":          good + "==",
		"content padded":      join(func(p []string) { p[3] += "=" }),
		"IV with other byte":  bits(2),
		"short IV":            join(func(p []string) { p[2] = p[2][:8] }),
		"long IV":             join(func(p []string) { p[2] += "AAAA" }),
		"encrypted key":       join(func(p []string) { p[1] = "AAAA" }),
		"line end after":      good + "\n",
		"line end before":     "\n" + good,
		"line end in header":  parts[0][:5] + "\n" + good[5:],
		"line end in key":     join(func(p []string) { p[1] = "\n" }),
		"line end in IV":      join(func(p []string) { p[2] = p[2][:5] + "\n" + p[2][5:] }),
		"line end in content": join(func(p []string) { p[3] = p[3][:5] + "\r" + p[3][5:] }),
		"line end in tag":     join(func(p []string) { p[4] = p[4][:5] + "\r\n" + p[4][5:] }),
		"blank before":        " " + good,
		"blank after":         good + " ",
		"quoted":              `"` + good + `"`,
		"twice":               good + good,
		"upper case":          strings.ToUpper(good),
		"standard alphabet":   strings.NewReplacer("-", "+", "_", "/").Replace(good) + "+",
		"swapped":             join(func(p []string) { p[2], p[4] = p[4], p[2] }),
		"JSON": fmt.Sprintf(`{"protected":%q,"iv":%q,"ciphertext":%q,"tag":%q}`,
			parts[0], parts[2], parts[3], parts[4]),
		"header with a space":  header(strings.Replace(string(raw), ",", ", ", 1)),
		"header in other case": header(strings.Replace(string(raw), `"alg"`, `"ALG"`, 1)),
		"zip":                  header(strings.Replace(string(raw), `}`, `,"zip":"DEF"}`, 1)),
		"crit":                 header(strings.Replace(string(raw), `}`, `,"crit":["exp"]}`, 1)),
		"p2c":                  header(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","kid":"` + k.id + `","p2c":1000000000,"p2s":"AAAA"}`),
		"no alg":               header(`{"enc":"A256GCM","kid":"` + k.id + `"}`),
		"none":                 header(`{"alg":"none","enc":"A256GCM","kid":"` + k.id + `"}`),
		"other enc":            header(`{"alg":"dir","enc":"A128CBC-HS256","kid":"` + k.id + `"}`),
		"ECDH-ES": header(`{"alg":"ECDH-ES","enc":"A256GCM","kid":"` + k.id +
			`","epk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}`),
		"RSA-OAEP": header(`{"alg":"RSA-OAEP","enc":"A256GCM","kid":"` + k.id + `"}`),
		"no kid":   header(`{"alg":"dir","enc":"A256GCM"}`),
		"kid path": header(`{"alg":"dir","enc":"A256GCM","kid":"../../../../dev/null"}`),
		"nested or not": header(map[bool]string{true: strings.Replace(string(raw), `"cty":"JWT",`, "", 1),
			false: strings.Replace(string(raw), `"enc"`, `"cty":"JWT","enc"`, 1)}[strings.Contains(string(raw), "cty")]),
	}
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// madeUp encrypts anything, with any key and header.
func madeUp(t *testing.T, secret []byte, id string, content string, headers map[jose.HeaderKey]any) string {
	t.Helper()
	options := &jose.EncrypterOptions{ExtraHeaders: headers}
	e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: secret, KeyID: id}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := e.Encrypt([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOpenRefuses(t *testing.T) {
	k, foreign := fixedKey(t, "EdDSA", 1, start), fixedKey(t, "EdDSA", 2, start)
	r := fixedRing(t, k)
	good := seal(t, r, "state", state{Host: "h"}, start)
	secret, _ := k.boxKey(sealFor("state"))
	theirs, _ := foreign.boxKey(sealFor("state"))
	value := fmt.Sprintf(`{"exp":%d,"v":{"h":"evil"}}`, start.Unix()+60)
	var v state
	if err := r.Open("state", madeUp(t, secret, k.id, value, nil), &v, start); err != nil || v.Host != "evil" {
		t.Fatal("the control", err)
	}
	cases := boxes(t, k, good)
	for name, text := range map[string]string{
		"foreign key":             madeUp(t, theirs, foreign.id, value, nil),
		"foreign key, our kid":    madeUp(t, theirs, k.id, value, nil),
		"key of zeros":            madeUp(t, make([]byte, 32), k.id, value, nil),
		"public key":              madeUp(t, k.publicBytes(t), k.id, value, nil),
		"right key, more headers": madeUp(t, secret, k.id, value, map[jose.HeaderKey]any{"typ": "JWT"}),
		"right key, other kid":    madeUp(t, secret, foreign.id, value, nil),
		"right key, null":         madeUp(t, secret, k.id, "null-", nil),
		"right key, list":         madeUp(t, secret, k.id, "[]", nil),
		"right key, exp of text":  madeUp(t, secret, k.id, `{"exp":"9999999999","v":{"h":"evil"}}`, nil),
		"right key, exp of 1e99":  madeUp(t, secret, k.id, `{"exp":1e99,"v":{"h":"evil"}}`, nil),
		"right key, cut short":    madeUp(t, secret, k.id, value[:len(value)-1], nil),
		"app token":               mint(t, r, ada(), start),
	} {
		cases[name] = text
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) { wantSealed(t, r, "state", text, start, ErrSealed) })
	}
	wantSealed(t, r, "state", madeUp(t, secret, k.id, `{"v":{"h":"evil"}}`, nil), start, ErrSealExpired)
	wantSealed(t, r, "state", madeUp(t, secret, k.id, "null", nil), start, ErrSealExpired)
	for n := range good {
		wantSealed(t, r, "state", good[:n], start, ErrSealed)
		for _, bit := range []byte{1, 2, 4, 32} {
			wantSealed(t, r, "state", good[:n]+string(rune(good[n]^bit))+good[n+1:], start, ErrSealed)
		}
	}
	wantSealed(t, fixedRing(t, foreign), "state", good, start, ErrSealed)
}

func (k *key) publicBytes(t *testing.T) []byte {
	t.Helper()
	x, err := base64url.DecodeString(k.public.X)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestSealRotation: all keys open, only the one that signs seals, and what a
// dropped one sealed is void.
func TestSealRotation(t *testing.T) {
	one, two := fixedKey(t, "EdDSA", 1, start), fixedKey(t, "RS256", 2, start.Add(time.Hour))
	both, only := fixedRing(t, one, two), fixedRing(t, two)
	now := start.Add(time.Hour)
	early, late := seal(t, both, "p", state{Host: "early"}, now.Add(-time.Second)), seal(t, both, "p", state{Host: "late"}, now)
	if !strings.HasPrefix(early, one.sealedHeader) || !strings.HasPrefix(late, two.sealedHeader) {
		t.Error("sealed with another key than the signing one")
	}
	wantOpen(t, both, "p", early, now, state{Host: "early"})
	wantOpen(t, both, "p", late, now, state{Host: "late"})
	wantOpen(t, both, "p", late, start, state{Host: "late"}) // a replica whose clock is behind
	wantOpen(t, only, "p", late, now, state{Host: "late"})
	wantSealed(t, only, "p", early, now, ErrSealed)
	wantSealed(t, fixedRing(t, one), "p", late, now, ErrSealed)
}

// FuzzOpen: nothing opens but what was sealed, and that only as it was spelled.
func FuzzOpen(f *testing.F) {
	r := fixedRing(f, fixedKey(f, "EdDSA", 1, start), fixedKey(f, "ES256", 2, start))
	ours := seal(f, r, "p", state{Host: "h"}, start)
	secret, _ := r.signer(start).boxKey(sealFor("p"))
	f.Add("", uint16(0), uint16(0), "")
	f.Add(ours, uint16(0), uint16(0), "")
	f.Add("", uint16(len(ours)-1), uint16(1), "A")
	f.Add("", uint16(len(r.keys[0].sealedHeader)), uint16(1), ".AAAA")
	f.Add("", uint16(40), uint16(0), "\n")
	f.Fuzz(func(t *testing.T, text string, at, drop uint16, insert string) {
		if text == "" {
			cut := min(int(at), len(ours))
			text = ours[:cut] + insert + ours[min(cut+int(drop), len(ours)):]
		}
		var v state
		err := r.Open("p", text, &v, start)
		if text == ours {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if err == nil || errors.Is(err, ErrSealExpired) {
			// Another process of the fuzzer sealed it: with the same key, and no other spelling.
			object, parsed := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
			if parsed != nil {
				t.Fatal(parsed)
			}
			again, _ := object.CompactSerialize()
			if _, bad := object.Decrypt(secret); bad != nil || again != text {
				t.Fatalf("%q opens: %+v", text, v)
			}
		}
	})
}
