// SPDX-License-Identifier: Apache-2.0

// Package explain tells people what would be decided about a request, and why.
// It asks the table that enforces, through the dialect that writes, so there
// is nothing in it that could tell another story. It words, and decides nothing.
package explain
