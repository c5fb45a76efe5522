// SPDX-License-Identifier: Apache-2.0

package web

import (
	_ "embed"
	"html/template"
)

// It says that a sign-in is over, and closes its window. Without it, the person does.
//
//go:embed ended.js
var ended string

var endedHash = hashOf(ended)

// SignedInCSP is CSP for the page of SignedIn: its own script runs and no other, and it asks nobody.
func (l *Look) SignedInCSP() string { return l.CSP() + "; script-src " + endedHash }

// endedScript is, as the style is, byte for byte what the hash is of.
func endedScript() template.HTML {
	return template.HTML("<script>" + ended + "</script>") //nolint:gosec // ours
}
