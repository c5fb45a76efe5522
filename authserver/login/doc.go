// SPDX-License-Identifier: Apache-2.0

// Package login signs people in and out, one file a step:
//
//	application's host         team host                  identity provider
//	begin    /login         →  team      /login/HOST   →  provider, or password (a form here)
//	                           provider  /idp/…        ←
//	ticket   /authorized    ←  session, ticket
//	session  → application
//
// It keeps no state: what has to be remembered travels in addresses, sealed (state),
// and any replica opens it. A browser's key for each host (browser) binds each step to
// the browser that began it. What was used up, a replica remembers for itself (public.Spent).
// It decides about nobody: whom an application admits, policy.Decide says (judge).
package login
