// SPDX-License-Identifier: Apache-2.0

// Package controllers starts and joins what watches a cluster: it runs the feed of the
// table and what lets routes name policies, elects the replica that writes, and tells
// since when the API server has been away; the last table decides meanwhile. It knows of
// the auth server just the table, and of keys just bytes.
package controllers
