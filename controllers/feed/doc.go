// SPDX-License-Identifier: Apache-2.0

// Package feed keeps what decides equal to the cluster: policies, whose the hosts are,
// keys, identity providers and revocations → translate → the table → publish; and it
// writes what became of each into its status. Every replica computes and publishes, the
// leader alone writes. A user's mistake is a condition, never a retry.
package feed
