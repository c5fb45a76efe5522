// SPDX-License-Identifier: Apache-2.0

// Package credential turns cookies and bearer tokens into a policy.Subject, and
// back: it mints and verifies them, and owns the key ring that does both.
//
// A token is a plain JWT (RFC 7519) that any library can verify with Ring.JWKS.
// It is a Subject only if its header is, byte for byte, one that a key of the
// ring writes, its MAC fits and its signature verifies: nothing in a token says
// how to verify it. Zero values refuse: a nil Ring, a nil Verifier, a zero Live.
//
// It never asks for the time, opens no connection, logs nothing, and decides
// about nobody: which audience is the right one, and whether a session is too
// old or revoked, policy.Decide judges on every request from Audience and
// IssuedAt, also for tokens in the cache. Only Folder touches the file system.
package credential
