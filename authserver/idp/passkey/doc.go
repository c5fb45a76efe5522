// SPDX-License-Identifier: Apache-2.0

// Package passkey has the two ceremonies of WebAuthn (Level 3) for built-in
// users: a key is registered, and it signs. It says what to ask a browser for,
// judges the answer, and keeps nothing: what a key is goes to whoever calls, as
// bytes. It sets no cookie and counts no guesses.
//
// The relying party is the team host, its own origin and no other. Every key has
// to verify its user (a PIN, a finger, a face), so it is two factors by itself.
// No attestation is asked for: nobody learns which make of key somebody has, and
// nothing here proves that a key is hardware.
package passkey
