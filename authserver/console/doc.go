// SPDX-License-Identifier: Apache-2.0

// Package console is for people who are signed in, and for the pages that they have
// open: the start page at the team host, who somebody is (get-identity), tokens for
// other applications, the library for browsers (client.js), and why a request was denied.
// Operators, whom a policy names, see the last denials, test requests, and read the table.
//
// It signs nobody in and out; it shows and hands out what a session allows. What it keeps of
// denials is bounded, and lets nobody in.
package console
