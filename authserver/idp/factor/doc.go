// SPDX-License-Identifier: Apache-2.0

// Package factor keeps what built-in users sign in with besides their passwords: the secret
// of an authenticator app, passkeys, recovery codes. It reads and writes records, of which
// a Store has one a user. A record that cannot be read keeps its user out: what is not
// understood is never taken for no second factor.
//
// It checks no passkey and shows no page.
package factor
