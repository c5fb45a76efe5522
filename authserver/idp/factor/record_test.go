// SPDX-License-Identifier: Apache-2.0

package factor

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// full is somebody who has one of everything.
func full() *Enrolled {
	e := &Enrolled{
		TOTP:     &TOTP{Secret: []byte("12345678901234567890"), Created: now, Step: 59},
		Passkeys: []Passkey{{Name: "my key <1> & é", Created: now, Credential: json.RawMessage(`{"id":"<&>"}`)}},
	}
	e.NewRecovery()
	e.Note(AddedTOTP, now, "192.0.2.1")
	return e
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	for name, e := range map[string]*Enrolled{
		"full": full(), "nothing": {}, "a change alone": {Changes: []Change{{At: now, What: RemovedTOTP}}},
	} {
		text, err := Encode("ann", e)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := Decode("ann", text)
		if err != nil || !reflect.DeepEqual(&got, e) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, e)
		}
	}
}

// TestRecordsThatAreNone: whatever a record says that is not understood keeps its user out. (THREATS F33)
func TestRecordsThatAreNone(t *testing.T) {
	large := strings.Repeat("x", MaxCredential)
	const totp = `"totp":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","created":1,"step":2}`
	if e, err := Decode("ann", []byte(` {"user": "ann", `+totp+"}\n")); err != nil || e.TOTP == nil {
		t.Fatalf("blanks are no fault: %v", err)
	}
	key := `{"name":"a","created":1,"credential":{}}`
	for name, text := range map[string]string{
		"empty":                   ``,
		"null":                    `null`,
		"a list":                  `[]`,
		"no user":                 `{` + totp + `}`,
		"somebody else's":         `{"user":"bob",` + totp + `}`,
		"a field of the future":   `{"user":"ann","push":{}}`,
		"a field twice":           `{"user":"ann",` + totp + `,"totp":null}`,
		"a user twice":            `{"user":"bob","user":"ann"}`,
		"another spelling":        `{"user":"ann","TOTP":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","created":1,"step":2}}`,
		"something behind it":     `{"user":"ann"}{"user":"ann"}`,
		"null for a factor":       `{"user":"ann","totp":null}`,
		"a short secret":          `{"user":"ann","totp":{"secret":"GEZDGNBV","created":1,"step":2}}`,
		"no secret":               `{"user":"ann","totp":{"secret":"","created":1,"step":2}}`,
		"a secret in small":       `{"user":"ann","totp":{"secret":"gezdgnbvgy3tqojqgezdgnbvgy3tqojq","created":1,"step":2}}`,
		"a step before all time":  `{"user":"ann","totp":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","created":1,"step":-1}}`,
		"no step":                 `{"user":"ann","totp":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","created":1}}`,
		"a key of no name":        `{"user":"ann","passkeys":[{"name":"","created":1,"credential":{}}]}`,
		"keys of one name":        `{"user":"ann","passkeys":[` + key + `,` + key + `]}`,
		"a key that is a text":    `{"user":"ann","passkeys":[{"name":"a","created":1,"credential":"x"}]}`,
		"a key that is null":      `{"user":"ann","passkeys":[{"name":"a","created":1,"credential":null}]}`,
		"many keys":               `{"user":"ann","passkeys":[` + strings.Repeat(key+",", 10) + key + `]}`,
		"a large key":             `{"user":"ann","passkeys":[{"name":"a","created":1,"credential":{"x":"` + large + `"}}]}`,
		"a hash that is none":     `{"user":"ann","recovery":["AAAA"]}`,
		"many recovery codes":     `{"user":"ann","recovery":["` + strings.Repeat(`AAAAAAAAAAAAAAAAAAAAAA","`, 10) + `AAAAAAAAAAAAAAAAAAAAAA"]}`,
		"a change that is none":   `{"user":"ann","changes":[{"at":1,"what":"a\u0000b"}]}`,
		"no Unicode":              "{\"user\":\"ann\",\"changes\":[{\"at\":1,\"what\":\"\xff\"}]}",
		"nested without a bottom": strings.Repeat(`{"user":`, 1000),
		"too long":                `{"user":"ann"` + strings.Repeat(" ", maxRecord) + `}`,
	} {
		if e, err := Decode("ann", []byte(text)); !errors.Is(err, ErrRecord) || !reflect.DeepEqual(e, Enrolled{}) {
			t.Errorf("%s: %+v, %v; want ErrRecord", name, e, err)
		}
	}
}

// TestErrorsQuoteNoSecret: they stand in logs.
func TestErrorsQuoteNoSecret(t *testing.T) {
	for _, text := range []string{`GEZDGNBV`, `{"user":"ann","totp":"GEZDGNBV"}`, `{"user":"ann","GEZDGNBV":1}`} {
		if _, err := Decode("ann", []byte(text)); err == nil || strings.Contains(err.Error(), "GEZDGNBV") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzDecode: what is read is written as it was, and what has a factor never comes back without one.
func FuzzDecode(f *testing.F) {
	text, _ := Encode("ann", full())
	f.Add(text)
	f.Add([]byte(`{"user":"ann"}`))
	f.Add([]byte(`{"user":"ann","totp":{},"totp":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := Decode("ann", text)
		if err != nil {
			if e.Any() || e.Recovery != nil {
				t.Fatal("something was read all the same")
			}
			return
		}
		if !e.Any() && (strings.Contains(string(text), `"totp"`) || strings.Contains(string(text), `"passkeys"`)) {
			t.Fatalf("a factor was overlooked in %s", text)
		}
		again, err := Encode("ann", &e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode("ann", again)
		if err != nil || !reflect.DeepEqual(back, e) {
			t.Fatalf("%+v, %v; want %+v", back, err, e)
		}
	})
}

func TestRecoveryCodes(t *testing.T) {
	e := &Enrolled{TOTP: &TOTP{}}
	codes := e.NewRecovery()
	if len(codes) != RecoveryCodes || len(e.Recovery) != RecoveryCodes {
		t.Fatalf("%d codes, %d hashes", len(codes), len(e.Recovery))
	}
	for _, wrong := range []string{"", "-", codes[0][:18], codes[0] + "0", "0000-0000-0000-0000", strings.Repeat("0", 1000)} {
		if e.UseRecovery(wrong) {
			t.Errorf("%q is a code", wrong)
		}
	}
	for i, code := range codes {
		typed := []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " "),
			strings.NewReplacer("0", "O", "1", "l").Replace(code)}[i%5]
		if !IsRecoveryCode(typed) || !e.UseRecovery(typed) {
			t.Errorf("%q, typed as %q, is no code", code, typed)
		}
		if e.UseRecovery(code) {
			t.Errorf("%q is good twice", code)
		}
	}
	if len(e.Recovery) != 0 {
		t.Errorf("%d are left", len(e.Recovery))
	}
}

// TestRecoveryGoesWithTheLastFactor: codes that stand in for nothing would be a factor of their own.
func TestRecoveryGoesWithTheLastFactor(t *testing.T) {
	e := full()
	e.TOTP = nil
	if e.Note(RemovedTOTP, now, ""); len(e.Recovery) != RecoveryCodes {
		t.Error("a passkey is left, and so are the codes")
	}
	e.Passkeys = nil
	if e.Note(RemovedPasskey, now, ""); len(e.Recovery) != 0 {
		t.Error("nothing is left, but codes")
	}
	for range 3 * maxChanges {
		e.Note(ResetByOperator, now, "")
	}
	if len(e.Changes) != maxChanges {
		t.Errorf("%d changes", len(e.Changes))
	}
}
