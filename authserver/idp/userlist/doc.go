// SPDX-License-Identifier: Apache-2.0

// Package userlist is the command `ostiary user`: it edits a list of built-in users, as
// a file or in the manifest of a Secret, and makes their passwords. What it writes it has
// read by the rules of idp/config first. It asks no cluster.
package userlist
