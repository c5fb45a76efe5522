// SPDX-License-Identifier: Apache-2.0

package passkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Bounds of a key.
const (
	// MaxKey is the length of what Marshal returns at most.
	MaxKey = 4 << 10 // factor.MaxCredential

	maxID        = 1023 // WebAuthn §5.8.3
	maxHandle    = 64   // WebAuthn §5.4.3
	maxPublicKey = 1100 // RSA with 8 192 bits
	maxSpent     = 16
	digestSize   = 12
)

// A Key is what is known of a passkey. Make one with Party.Register or Parse.
type Key struct {
	// ID is the credential's id, by which browsers find it.
	ID []byte `json:"id"`
	// PublicKey is a COSE_Key (RFC 9052).
	PublicKey []byte `json:"key"`
	// Handle is the user handle that it was made with: random, so it says nothing of anybody
	// (WebAuthn §14.6.1).
	Handle []byte `json:"user"`
	// Transports are how browsers reach it.
	Transports []protocol.AuthenticatorTransport `json:"transports,omitempty"`
	// Synced: it can be copied to other devices ("backup eligible").
	Synced bool `json:"synced,omitempty"`
	// Count is its signature counter; 0: it has none.
	Count uint32 `json:"count,omitempty"`
	// Spent are challenges that it has answered, for as long as they could be answered again.
	Spent []Spent `json:"spent,omitempty"`
}

// A Spent is a challenge that was answered.
type Spent struct {
	Challenge string `json:"c"` // a digest
	Until     int64  `json:"t"` // after that it is refused for its age
}

// transports are all that there are (WebAuthn §5.8.4).
var transports = []protocol.AuthenticatorTransport{
	protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal,
}

// Parse reads what Marshal wrote. A key of which anything is wrong is none.
func Parse(data []byte) (Key, error) {
	var k Key
	if len(data) > MaxKey {
		return Key{}, fmt.Errorf("a passkey of %d bytes: at most %d are read", len(data), MaxKey)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		return Key{}, fmt.Errorf("a passkey cannot be read: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Key{}, errors.New("a passkey is followed by something else")
	}
	return k, k.check()
}

// Marshal writes a key.
func (k *Key) Marshal() ([]byte, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	return json.Marshal(k)
}

// check says what is wrong with a key.
func (k *Key) check() error {
	for _, part := range []struct {
		what     string
		has      int
		min, max int
	}{
		{"bytes in its id", len(k.ID), 1, maxID},
		{"bytes in its user handle", len(k.Handle), 1, maxHandle},
		{"bytes in its public key", len(k.PublicKey), 1, maxPublicKey},
		{"answered challenges", len(k.Spent), 0, maxSpent},
		{"transports", len(k.Transports), 0, len(transports)},
	} {
		if part.has < part.min || part.has > part.max {
			return fmt.Errorf("a passkey has %d to %d %s, not %d", part.min, part.max, part.what, part.has)
		}
	}
	for _, t := range k.Transports {
		if !slices.Contains(transports, t) {
			return fmt.Errorf("a passkey has no transport %.20q", string(t))
		}
	}
	for _, s := range k.Spent {
		if raw, err := base64.RawURLEncoding.Strict().DecodeString(s.Challenge); err != nil || len(raw) != digestSize {
			return fmt.Errorf("a passkey was never asked %.20q", s.Challenge)
		}
	}
	if _, err := webauthncose.ParsePublicKey(k.PublicKey); err != nil {
		return fmt.Errorf("the public key of a passkey cannot be read: %w", err)
	}
	return nil
}

// AMR is what a sign-in by this key is called, beside the password's "pwd" (RFC 8176): possession
// of a key was proved, and its user was there and verified. A key that can be copied is not in
// hardware. That another one is, is its own word, and so it is not said.
func (k *Key) AMR() []string {
	if k.Synced {
		return []string{"pop", "swk", "user", "mfa"}
	}
	return []string{"pop", "user", "mfa"}
}

// credential is the key as the library has it.
func (k *Key) credential() webauthn.Credential {
	return webauthn.Credential{
		ID: k.ID, PublicKey: k.PublicKey, Transport: k.Transports,
		Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: k.Synced},
		Authenticator: webauthn.Authenticator{SignCount: k.Count},
	}
}

// spend notes that a challenge was answered, and forgets those that are too old to be.
func (k *Key) spend(challenge string, now, until time.Time) error {
	sum := sha256.Sum256([]byte(challenge))
	digest := base64.RawURLEncoding.EncodeToString(sum[:digestSize])
	k.Spent = slices.DeleteFunc(slices.Clone(k.Spent), func(s Spent) bool { return s.Until < now.Unix() })
	switch {
	case slices.ContainsFunc(k.Spent, func(s Spent) bool { return s.Challenge == digest }):
		return ErrSpent
	case len(k.Spent) >= maxSpent:
		return ErrTooOften
	}
	k.Spent = append(k.Spent, Spent{digest, until.Unix()})
	return nil
}
