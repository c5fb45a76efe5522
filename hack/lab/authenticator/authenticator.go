// SPDX-License-Identifier: Apache-2.0

// Package authenticator is a passkey and the browser before it, for tests: what
// options ask for is answered as Chromium does, by a key in memory (ES256). A test
// alters an answer before it is signed, and so is as hostile as it likes.
package authenticator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// Flags of authenticator data (WebAuthn §6.1).
const (
	Present  byte = 1 << 0
	Verified byte = 1 << 2
	Eligible byte = 1 << 3
	BackedUp byte = 1 << 4
	attested byte = 1 << 6
)

// ErrExcluded is for options that exclude a key that the authenticator has.
var ErrExcluded = errors.New("InvalidStateError: the authenticator has a key for this account")

// ErrNoKey is for options that allow none of the authenticator's keys.
var ErrNoKey = errors.New("NotAllowedError: the authenticator has none of these keys")

// A Key is an authenticator that holds one credential.
type Key struct {
	ID     []byte
	Flags  byte
	Count  uint32 // how often it has signed
	Counts bool   // it says so
	// Alter changes an answer before it is signed. Optional.
	Alter func(*Answer)

	private *ecdsa.PrivateKey
	handle  []byte
}

// An Answer is what is signed, and what goes with it.
type Answer struct {
	Client     map[string]any // clientDataJSON
	RPID       string
	Flags      byte
	Count      uint32
	ID, Handle []byte
	Format     string         // of the attestation
	Statement  map[string]any // of the attestation
	Key        map[int]any    // COSE
	Extra      []byte         // behind the authenticator data
	Signature  func([]byte) []byte
}

// New returns an authenticator that verifies its user, with a key that stays in it.
func New() *Key { return Seeded(rand.Text()) }

// Seeded returns one that has the same key in every process.
func Seeded(seed string) *Key {
	scalar, id := sha256.Sum256([]byte("key "+seed)), sha256.Sum256([]byte("id "+seed))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		panic(err) // one of 2^32 seeds
	}
	return &Key{ID: id[:], Flags: Present | Verified, Counts: true, private: private}
}

type descriptor struct {
	ID string `json:"id"`
}

type options struct {
	Challenge string       `json:"challenge"`
	RPID      string       `json:"rpId"`
	RP        descriptor   `json:"rp"`
	User      descriptor   `json:"user"`
	Exclude   []descriptor `json:"excludeCredentials"`
	Allow     []descriptor `json:"allowCredentials"`
}

func (k *Key) isIn(all []descriptor) bool {
	return slices.Contains(all, descriptor{encode(k.ID)})
}

// Create answers PublicKeyCredentialCreationOptions for a page of an origin.
func (k *Key) Create(asked []byte, origin string) (string, error) {
	var o options
	if err := json.Unmarshal(asked, &o); err != nil {
		return "", err
	}
	if k.isIn(o.Exclude) {
		return "", ErrExcluded
	}
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil {
		return "", err
	}
	k.handle = handle
	a := k.answer("webauthn.create", &o, o.RP.ID, origin)
	a.Flags |= attested
	a.Format, a.Statement = "none", map[string]any{}
	point, err := k.private.PublicKey.Bytes()
	if err != nil {
		return "", err
	}
	a.Key = map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]}
	if k.Alter != nil {
		k.Alter(a)
	}
	key, err := webauthncbor.Marshal(a.Key)
	if err != nil {
		return "", err
	}
	data := binary.BigEndian.AppendUint16(append(a.data(), make([]byte, 16)...), uint16(len(a.ID))) //nolint:gosec // short
	data = append(append(append(data, a.ID...), key...), a.Extra...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": a.Format, "attStmt": a.Statement, "authData": data})
	if err != nil {
		return "", err
	}
	return a.say(map[string]any{"attestationObject": encode(object), "transports": []string{"usb", "nfc"}})
}

// Get answers PublicKeyCredentialRequestOptions for a page of an origin.
func (k *Key) Get(asked []byte, origin string) (string, error) {
	var o options
	if err := json.Unmarshal(asked, &o); err != nil {
		return "", err
	}
	if !k.isIn(o.Allow) {
		return "", ErrNoKey
	}
	k.Count++
	a := k.answer("webauthn.get", &o, o.RPID, origin)
	if k.Alter != nil {
		k.Alter(a)
	}
	data := append(a.data(), a.Extra...)
	client, err := json.Marshal(a.Client)
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(client)
	response := map[string]any{"authenticatorData": encode(data), "signature": encode(a.Signature(append(slices.Clone(data), hash[:]...)))}
	if len(a.Handle) > 0 {
		response["userHandle"] = encode(a.Handle)
	}
	return a.say(response)
}

func (k *Key) answer(kind string, o *options, rpID, origin string) *Answer {
	a := &Answer{
		Client: map[string]any{"type": kind, "challenge": o.Challenge, "origin": origin, "crossOrigin": false},
		RPID:   rpID, Flags: k.Flags, ID: k.ID, Handle: k.handle, Signature: k.sign,
	}
	if k.Counts {
		a.Count = k.Count
	}
	return a
}

func (k *Key) sign(message []byte) []byte {
	sum := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, sum[:])
	if err != nil {
		panic(err)
	}
	return signature
}

func (a *Answer) data() []byte {
	hash := sha256.Sum256([]byte(a.RPID))
	return binary.BigEndian.AppendUint32(append(hash[:], a.Flags), a.Count)
}

// say is the answer as pages send it.
func (a *Answer) say(response map[string]any) (string, error) {
	client, err := json.Marshal(a.Client)
	if err != nil {
		return "", err
	}
	response["clientDataJSON"] = encode(client)
	said, err := json.Marshal(map[string]any{"id": encode(a.ID), "rawId": encode(a.ID), "type": "public-key", "response": response})
	return string(said), err
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
