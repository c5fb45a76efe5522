// SPDX-License-Identifier: Apache-2.0

// Package authserver is the HTTP surface: it owns the listeners, one trust
// level each, and the way of a request through them: read → who → decide →
// write → observe. What a request says is read and written by package dialect,
// who sent it is told by package credential, and package policy decides. It
// can read the table in force and never publish one, and it knows no cluster.
package authserver
