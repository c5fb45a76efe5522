// SPDX-License-Identifier: Apache-2.0

// Package login signs people in. An application's host sends them to the team
// host, that one to an identity provider, and back the same way: there a
// session at the team host, which opens every application without a prompt, and
// a session at the application's own host.
//
// It keeps no state: what has to be remembered travels in addresses, sealed, and
// any replica opens it. A browser has a key for each host, which binds each step to
// the browser that began it: the address of a step is of no use to anybody else.
// What was used up, a replica remembers for itself.
// It decides about nobody: whom an application admits, policy.Decide says.
package login
