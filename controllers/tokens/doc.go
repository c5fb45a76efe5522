// SPDX-License-Identifier: Apache-2.0

// Package tokens issues ServiceTokens: it makes their secrets, writes each to a Secret
// beside the object, and keeps a hash in the status, by which every replica decides. It
// never reads what is in a Secret, and never writes to one that it has not made.
//
// What is in force, controllers/feed makes of the statuses. The leader writes them, but
// for lastUsed: the first replica that sees a later hour than is written does.
package tokens
