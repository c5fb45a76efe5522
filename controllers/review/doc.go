// SPDX-License-Identifier: Apache-2.0

// Package review are the commands for who looks at policies before, or after, they are
// applied: `ostiary diff` says which requests a change opens and closes, `ostiary who`
// says who can reach a host. What is decided, authserver/policy says; which requests
// differ, authserver/policy/compare finds. This package reads both sides, and words it.
package review
