// SPDX-License-Identifier: Apache-2.0

// Package oidc reads what an OpenID Connect issuer publishes: its metadata and
// its keys, over a client that bounds the time, the size, and the redirects of
// every answer, and that an issuer cannot send to our own machine.
//
// Documents are fetched when they are first needed, once for everybody who
// waits. An issuer that is down keeps its last good keys.
//
// The package signs nobody in: providers (idp) and issuers of other tokens are
// built on it.
package oidc
