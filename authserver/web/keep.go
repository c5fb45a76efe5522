// SPDX-License-Identifier: Apache-2.0

package web

import (
	_ "embed"
	"html/template"
)

// It keeps a long address in the tab, and brings it back after the sign-in.
//
//go:embed keep.js
var keep string

var keepHash = hashOf(keep)

// A KeepView is a page of the application's host, in front of a sign-in that cannot carry
// the whole address to come back to: its script has the tab keep that, and goes on.
type KeepView struct {
	Host string
	// Address is what to keep, from its path on; empty: that of the page itself.
	Address string
	// Next is where the sign-in begins, with what it can carry.
	Next string
}

// Keep is that page. It needs KeepCSP.
func Keep(v KeepView) Document { return Document{"keep.html", v} }

// Kept ends a sign-in that could not carry the whole address: its script goes on to what the
// tab kept, and where it kept nothing, the page says so. It needs KeepCSP.
func Kept(host, to, requestID string) Document {
	return Document{"kept.html", signedInShortened(host, to, requestID)}
}

// KeepCSP is CSP for these two: their own script runs and no other, and it asks nobody.
func (l *Look) KeepCSP() string { return l.CSP() + "; script-src " + keepHash }

// keepScript is, as the style is, byte for byte what the hash is of.
func keepScript() template.HTML {
	return template.HTML("<script>" + keep + "</script>") //nolint:gosec // ours
}
