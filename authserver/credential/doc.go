// SPDX-License-Identifier: Apache-2.0

// Package credential turns cookies and bearer tokens into a policy.Subject, and
// back. It owns the key ring that does both, and seals what a browser carries
// between the steps of signing in.
//
// A token is a plain JWT (RFC 7519) that any library can verify with Ring.JWKS.
// It is a Subject only if its header is, byte for byte, one that a key of the ring
// writes, its MAC fits and its signature verifies: nothing in it says how to
// verify or decrypt it. Zero values refuse: a nil Ring or Verifier, a zero Live.
//
// It never asks for the time, opens no connection, logs nothing, and decides
// about nobody: which audience is right, and who is too old or revoked, policy
// judges on every request. Only Folder touches the file system.
package credential
