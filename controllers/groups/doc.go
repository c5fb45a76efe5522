// SPDX-License-Identifier: Apache-2.0

// Package groups makes of the AccessGroups of a cluster what policies can name, and
// writes into their statuses what became of them and who uses them. What a group means
// for a decision is authserver/policy's.
package groups
