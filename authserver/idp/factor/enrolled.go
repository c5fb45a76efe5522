// SPDX-License-Identifier: Apache-2.0

package factor

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Bounds of what one user has.
const (
	MaxPasskeys   = 10
	MaxCredential = 4 << 10 // bytes of a passkey's credential
	MaxKeyName    = 64      // characters
	maxChanges    = 8
	maxSecret     = 64 // bytes
	minSecret     = 16 // RFC 4226 §4, R6
	maxRecord     = 64 << 10
)

// Enrolled is what one user signs in with besides a password. The zero value is nothing.
type Enrolled struct {
	// TOTP is an authenticator app; nil: none.
	TOTP *TOTP
	// Passkeys are in the order in which they were added. No two have one name.
	Passkeys []Passkey
	// Recovery are the recovery codes that were not used yet.
	Recovery []CodeHash
	// Changes are the latest things that were done to all this, oldest first.
	Changes []Change
}

// TOTP is an authenticator app (RFC 6238).
type TOTP struct {
	Secret  []byte
	Created time.Time
	// Step is the latest time step of which a code was used. It, and what is before it, is
	// good no more.
	Step int64
}

// A Passkey is a credential of WebAuthn.
type Passkey struct {
	Name    string
	Created time.Time
	// Credential is a JSON object, which is somebody else's to read.
	Credential json.RawMessage
}

// A Change is something that was done to a user's factors, for them to be told.
type Change struct {
	At   time.Time
	What What
	From string // the address of the client; empty: not known
}

// What was done.
type What string

// All that is done to factors.
const (
	AddedTOTP       What = "totp-added"
	RemovedTOTP     What = "totp-removed"
	AddedPasskey    What = "passkey-added"
	RemovedPasskey  What = "passkey-removed"
	NewRecovery     What = "recovery-codes-made"
	UsedRecovery    What = "recovery-code-used"
	ResetByOperator What = "reset"
)

// Any reports whether there is something to ask for after the password. Recovery codes
// stand in for a factor, and are none.
func (e *Enrolled) Any() bool { return e.TOTP != nil || len(e.Passkeys) > 0 }

// Note remembers a change, and forgets the oldest of many. Whoever removes the last factor has
// no more use for recovery codes: they go, too.
func (e *Enrolled) Note(what What, at time.Time, from string) {
	if !e.Any() {
		e.Recovery = nil
	}
	e.Changes = append(e.Changes, Change{At: at.UTC().Truncate(time.Second), What: what, From: from})
	if n := len(e.Changes) - maxChanges; n > 0 {
		e.Changes = slices.Delete(e.Changes, 0, n)
	}
}

// The errors of a Store, and of changes. Their texts are for a log, and hold no secret.
var (
	// ErrUnavailable says that records cannot be read or written now.
	ErrUnavailable = errors.New("second factors cannot be read or written")
	// ErrRecord says that the record of a user is not one.
	ErrRecord = errors.New("the record of the user's second factors cannot be read")
	// ErrUsed says that a code is wrong, or was used.
	ErrUsed = errors.New("the code is wrong, or was used")
)
