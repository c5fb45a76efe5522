// SPDX-License-Identifier: Apache-2.0

package factor

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Key returns what the record of a user is called. Names of users may hold letters that keys
// of a Secret may not.
func Key(user string) string {
	sum := sha256.Sum256([]byte(user))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// A record is an Enrolled as it is stored.
type record struct {
	User     string          `json:"user"`
	TOTP     *totpRecord     `json:"totp,omitempty"`
	Passkeys []passkeyRecord `json:"passkeys,omitempty"`
	Recovery []string        `json:"recovery,omitempty"`
	Changes  []changeRecord  `json:"changes,omitempty"`
}

type totpRecord struct {
	Secret  string `json:"secret"`
	Created int64  `json:"created"`
	Step    int64  `json:"step"`
}

type passkeyRecord struct {
	Name       string          `json:"name"`
	Created    int64           `json:"created"`
	Credential json.RawMessage `json:"credential"`
}

type changeRecord struct {
	At   int64  `json:"at"`
	What string `json:"what"`
	From string `json:"from,omitempty"`
}

var secretText = base32.StdEncoding.WithPadding(base32.NoPadding)

// Encode writes the record of a user, if Decode would take it.
func Encode(user string, e *Enrolled) ([]byte, error) {
	r := record{User: user}
	if e.TOTP != nil {
		r.TOTP = &totpRecord{secretText.EncodeToString(e.TOTP.Secret), e.TOTP.Created.Unix(), e.TOTP.Step}
	}
	for _, p := range e.Passkeys {
		r.Passkeys = append(r.Passkeys, passkeyRecord{p.Name, p.Created.Unix(), p.Credential})
	}
	for _, h := range e.Recovery {
		r.Recovery = append(r.Recovery, base64.RawURLEncoding.EncodeToString(h[:]))
	}
	for _, c := range e.Changes {
		r.Changes = append(r.Changes, changeRecord{c.At.Unix(), string(c.What), c.From})
	}
	text, err := r.marshal()
	if err != nil {
		return nil, err
	}
	if _, err := Decode(user, text); err != nil {
		return nil, err
	}
	return text, nil
}

func (r *record) marshal() ([]byte, error) {
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	if err := w.Encode(r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// Decode reads the record of a user. It takes what Encode writes, blanks aside, and nothing
// else: no field that it does not know, none that comes twice or is spelled in another
// way. So a record of a later version keeps its user out, and no factor is overlooked.
func Decode(user string, text []byte) (Enrolled, error) {
	bad := func(why string) (Enrolled, error) { return Enrolled{}, fmt.Errorf("%w: %s", ErrRecord, why) }
	if len(text) > maxRecord {
		return bad("it is too long")
	}
	var r record
	if json.Unmarshal(text, &r) != nil { // its error may quote a secret
		return bad("it is no record in JSON")
	}
	again, err := r.marshal()
	if err != nil {
		return bad("it is no record in JSON")
	}
	var compact bytes.Buffer
	if json.Compact(&compact, text) != nil || !bytes.Equal(compact.Bytes(), again) {
		return bad("it holds something that this version does not know, or something twice")
	}
	if r.User != user {
		return bad("it is somebody else's")
	}
	e, why := r.read()
	if why != "" {
		return bad(why)
	}
	return e, nil
}

// read checks each part, and says which is wrong.
func (r *record) read() (e Enrolled, why string) {
	if e.TOTP, why = r.TOTP.read(); why != "" {
		return e, why
	}
	if e.Passkeys, why = readPasskeys(r.Passkeys); why != "" {
		return e, why
	}
	if e.Recovery, why = readHashes(r.Recovery); why != "" {
		return e, why
	}
	if len(r.Changes) > maxChanges {
		return e, "it has too many changes"
	}
	for _, c := range r.Changes {
		if !isText(c.What, 64) || c.From != "" && !isText(c.From, 64) {
			return e, "a change is none"
		}
		e.Changes = append(e.Changes, Change{At: time.Unix(c.At, 0).UTC(), What: What(c.What), From: c.From})
	}
	return e, ""
}

func (t *totpRecord) read() (*TOTP, string) {
	if t == nil {
		return nil, ""
	}
	secret, err := secretText.DecodeString(t.Secret)
	if err != nil || secretText.EncodeToString(secret) != t.Secret || len(secret) < minSecret || len(secret) > maxSecret || t.Step < 0 {
		return nil, "the secret of its app is none"
	}
	return &TOTP{Secret: secret, Created: time.Unix(t.Created, 0).UTC(), Step: t.Step}, ""
}

func readHashes(all []string) (out []CodeHash, why string) {
	if len(all) > RecoveryCodes {
		return nil, "it has too many recovery codes"
	}
	for _, text := range all {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || len(raw) != len(CodeHash{}) {
			return nil, "a recovery code's hash is none"
		}
		out = append(out, CodeHash(raw))
	}
	return out, ""
}

func readPasskeys(all []passkeyRecord) (out []Passkey, why string) {
	if len(all) > MaxPasskeys {
		return nil, "it has too many passkeys"
	}
	for _, p := range all {
		switch {
		case !IsKeyName(p.Name) || slices.ContainsFunc(out, func(o Passkey) bool { return o.Name == p.Name }):
			return nil, "a passkey's name is none, or another's"
		case len(p.Credential) > MaxCredential || !bytes.HasPrefix(bytes.TrimSpace(p.Credential), []byte("{")):
			return nil, "a passkey's credential is none"
		}
		out = append(out, Passkey{Name: p.Name, Created: time.Unix(p.Created, 0).UTC(), Credential: p.Credential})
	}
	return out, ""
}

// IsKeyName reports whether people can call a passkey that.
func IsKeyName(s string) bool { return isText(s, MaxKeyName) }

func isText(s string, longest int) bool {
	return s != "" && utf8.ValidString(s) && strings.TrimSpace(s) == s && utf8.RuneCountInString(s) <= longest &&
		!strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
}
