// SPDX-License-Identifier: Apache-2.0

package passkey

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Why an answer is refused.
var (
	// ErrAnswer is for what is no answer to the challenge by the key that it names.
	ErrAnswer = errors.New("the answer of the passkey is not valid")
	// ErrUnknown is for a key that this person does not have, or has no more.
	ErrUnknown = errors.New("the passkey is none of this user")
	// ErrUnverified is for a key that did not ask its user for a PIN, a finger or a face.
	ErrUnverified = errors.New("the passkey did not verify its user")
	// ErrSpent is for an answer that has come before.
	ErrSpent = errors.New("the challenge was answered before")
	// ErrCounter is for a key whose counter did not go up: somebody may have a copy of it
	// (WebAuthn §6.1.1).
	ErrCounter = errors.New("the passkey's counter did not go up, so there may be a copy of it")
	// ErrTooOften is for more sign-ins by one key than are remembered.
	ErrTooOften = errors.New("the passkey was used too often within a few minutes")
	// ErrRegistered is for a key that this person has registered already.
	ErrRegistered = errors.New("the passkey is registered already")
	// ErrHost is for a host for which browsers make no passkeys.
	ErrHost = errors.New("browsers make passkeys for names of hosts over HTTPS, and for localhost")
)

// MaxAnswer bounds what a browser may answer, in bytes.
const MaxAnswer = 8 << 10

// Timeout is how long a browser waits for somebody's key.
const Timeout = 5 * time.Minute

// algorithms are the three that all authenticators know between them (WebAuthn §5.4).
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// A Party is the relying party: one origin, and its host as the RP ID.
type Party struct {
	origin string
	lib    *webauthn.WebAuthn
}

// New returns the relying party of an origin.
func New(origin string) (*Party, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin {
		return nil, fmt.Errorf("%w: %q is no origin", ErrHost, origin)
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil || u.Scheme != "https" && host != "localhost" {
		return nil, fmt.Errorf("%w: not %q", ErrHost, origin)
	}
	lib, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: host, RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			// The password says who it is, so a key need not know, and keys with few places keep them.
			ResidentKey:        protocol.ResidentKeyRequirementDiscouraged,
			RequireResidentKey: protocol.ResidentKeyNotRequired(),
			UserVerification:   protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login:        webauthn.TimeoutConfig{Timeout: Timeout},
			Registration: webauthn.TimeoutConfig{Timeout: Timeout},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHost, err)
	}
	return &Party{origin, lib}, nil
}

// A person is what the library wants to know of somebody.
type person struct {
	handle      []byte
	name, shown string
	keys        []webauthn.Credential
}

func (p *person) WebAuthnID() []byte                         { return p.handle }
func (p *person) WebAuthnName() string                       { return p.name }
func (p *person) WebAuthnDisplayName() string                { return p.shown }
func (p *person) WebAuthnCredentials() []webauthn.Credential { return p.keys }

// isChallenge reports whether a string can be a challenge of ours: 32 bytes.
func isChallenge(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == 32
}

// HandleFor returns the user handle of somebody who has these keys. One handle for all keeps an
// authenticator from holding two keys of one account.
func HandleFor(keys []Key) []byte {
	if len(keys) > 0 {
		return slices.Clone(keys[0].Handle)
	}
	handle := make([]byte, 32)
	_, _ = rand.Read(handle) // never fails
	return handle
}

// Creation is what to ask a browser for that makes a key: PublicKeyCredentialCreationOptions in
// JSON. It makes none on an authenticator that has one of these keys.
func (p *Party) Creation(challenge string, handle []byte, name, shown string, keys []Key) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(challenge)
	if err != nil {
		return nil, fmt.Errorf("challenge: %w", err)
	}
	creation, _, err := p.lib.BeginRegistration(&person{handle: handle, name: name, shown: shown},
		webauthn.WithCredentialParameters(algorithms), webauthn.WithExclusions(descriptors(keys)),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge = raw
			return nil
		})
	if err != nil {
		return nil, err
	}
	return json.Marshal(creation.Response)
}

// Request is what to ask a browser for that has one of these keys:
// PublicKeyCredentialRequestOptions in JSON.
func (p *Party) Request(challenge string, keys []Key) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(challenge)
	if err != nil {
		return nil, fmt.Errorf("challenge: %w", err)
	}
	all := make([]webauthn.Credential, len(keys))
	for i := range keys {
		all[i] = keys[i].credential()
	}
	asked, _, err := p.lib.BeginLogin(&person{keys: all}, webauthn.WithChallenge(raw))
	if err != nil {
		return nil, err
	}
	return json.Marshal(asked.Response)
}

func descriptors(keys []Key) []protocol.CredentialDescriptor {
	all := make([]protocol.CredentialDescriptor, len(keys))
	for i := range keys {
		c := keys[i].credential()
		all[i] = c.Descriptor()
	}
	return all
}

// Register judges the answer to Creation, and returns the key that was made. keys are those that
// the person has by now.
func (p *Party) Register(challenge string, handle []byte, keys []Key, answer string) (Key, error) {
	if !isChallenge(challenge) || len(answer) > MaxAnswer {
		return Key{}, refused("too long, or asked for nothing")
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return Key{}, explained(err)
	}
	if err := p.looksRight(parsed); err != nil {
		return Key{}, err
	}
	made, err := p.lib.CreateCredential(&person{handle: handle}, webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: p.lib.Config.RPID, Origin: p.origin, UserID: handle,
		UserVerification: protocol.VerificationRequired, CredParams: algorithms,
	}, parsed)
	if err != nil {
		return Key{}, explained(err)
	}
	k := Key{ID: made.ID, PublicKey: made.PublicKey, Handle: handle, Synced: made.Flags.BackupEligible, Count: made.Authenticator.SignCount}
	for _, t := range transports {
		if slices.Contains(made.Transport, t) { // browsers may know ways that we do not
			k.Transports = append(k.Transports, t)
		}
	}
	if slices.ContainsFunc(keys, func(other Key) bool { return bytes.Equal(other.ID, k.ID) }) {
		return Key{}, ErrRegistered
	}
	if err := k.check(); err != nil {
		return Key{}, refused("%v", err)
	}
	return k, nil
}

// looksRight is what the library does not look at, or does not tell apart.
func (p *Party) looksRight(made *protocol.ParsedCredentialCreationData) error {
	att := &made.Response.AttestationObject
	switch {
	case made.Response.CollectedClientData.Origin != p.origin: // the library compares less than all of it
		return refused("made at %.100q", made.Response.CollectedClientData.Origin)
	case att.Format != string(protocol.AttestationFormatNone) && !attestsItself(att): // so nothing of it is ever parsed
		return refused("it has an attestation (%.20q), which was not asked for", att.Format)
	case !att.AuthData.Flags.HasUserVerified():
		return ErrUnverified
	}
	return nil
}

// attestsItself reports whether a key is attested by nothing but itself. Browsers may leave that
// where none is asked for (WebAuthn §5.1.3).
func attestsItself(a *protocol.AttestationObject) bool {
	return a.Format == string(protocol.AttestationFormatPacked) && a.AttStatement["x5c"] == nil
}

// Assert judges the answer to Request by one of a person's keys as they are now, and returns which
// one it is, with what is to be kept of it. Until it is kept the challenge is not spent. until is
// when the challenge becomes too old.
func (p *Party) Assert(challenge string, keys []Key, answer string, now, until time.Time) (int, Key, error) {
	if !isChallenge(challenge) || len(answer) > MaxAnswer {
		return 0, Key{}, refused("too long, or asked for nothing")
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return 0, Key{}, explained(err)
	}
	i := slices.IndexFunc(keys, func(k Key) bool { return bytes.Equal(k.ID, parsed.RawID) })
	switch {
	case i < 0:
		return 0, Key{}, ErrUnknown
	case parsed.Response.CollectedClientData.Origin != p.origin:
		return 0, Key{}, refused("signed at %.100q", parsed.Response.CollectedClientData.Origin)
	}
	k := keys[i]
	signed, err := p.lib.ValidateLogin(&person{handle: k.Handle, keys: []webauthn.Credential{k.credential()}}, webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: p.lib.Config.RPID, Origin: p.origin, UserID: k.Handle,
		AllowedCredentialIDs: [][]byte{k.ID}, UserVerification: protocol.VerificationPreferred,
	}, parsed)
	switch {
	case err != nil:
		return 0, Key{}, explained(err)
	case !parsed.Response.AuthenticatorData.Flags.HasUserVerified(): // apart, as people can do something about it
		return 0, Key{}, ErrUnverified
	}
	if err := k.spend(challenge, now, until); err != nil { // first: what comes twice is no copy
		return 0, Key{}, err
	}
	if signed.Authenticator.CloneWarning {
		return 0, Key{}, ErrCounter
	}
	k.Count = signed.Authenticator.SignCount
	return i, k, nil
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrAnswer}, args...)...)
}

// explained says what the library has against an answer, of which a part may be in what it says.
func explained(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return refused("%.200s (%.200s)", e.Details, e.DevInfo)
	}
	return refused("%.200s", err.Error())
}
