// SPDX-License-Identifier: Apache-2.0

// Package console is for people who are signed in, and for the pages that they have
// open: the launcher at the team host, who somebody is (get-identity), tokens for
// other applications, and the library for browsers (client.js).
//
// It signs nobody in and out; it shows and hands out what a session allows.
package console
