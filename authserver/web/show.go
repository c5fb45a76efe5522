// SPDX-License-Identifier: Apache-2.0

package web

import (
	_ "embed"
	"html/template"
)

// It shows what is typed as a password, if somebody wants to see it.
//
//go:embed show.js
var show string

var showHash = hashOf(show)

// LoginCSP is CSP for the page of Login: its own script runs and no other, and it asks nobody.
func (l *Look) LoginCSP(formAction ...string) string {
	return l.CSP(formAction...) + "; script-src " + showHash
}

// showScript is, as the style is, byte for byte what the hash is of.
func showScript() template.HTML {
	return template.HTML("<script>" + show + "</script>") //nolint:gosec // ours
}
