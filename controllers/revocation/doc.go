// SPDX-License-Identifier: Apache-2.0

// Package revocation is what is said of SessionRevocations: the leader writes into their
// statuses since which table they are in force, and the command `revoke` makes one and
// waits for that. It does not heed them: feed and the table do.
package revocation
