// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
)

// It shows new denials as they come. Without it, the list has a link to load it again.
//
//go:embed live.js
var live string

var liveHash = hashOf(live)

// hashOf is the source expression that allows a script or a style (CSP 3 §2.3.1).
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// LiveCSP is CSP for the page with that script: no other script runs, and nothing is asked
// but the page's own host.
func (l *Look) LiveCSP(formAction ...string) string {
	return l.CSP(formAction...) + "; script-src " + liveHash + "; connect-src 'self'"
}

// liveScript is, as the style is, byte for byte what the hash is of.
func liveScript() template.HTML {
	return template.HTML("<script>" + live + "</script>") //nolint:gosec // ours
}

// DenialItem returns a row of the list of denials, on one line.
func DenialItem(v DenialRow) []byte {
	var b bytes.Buffer
	if err := Plain().templates[english]["denials.html"].ExecuteTemplate(&b, "denial", v); err != nil {
		return nil
	}
	return bytes.ReplaceAll(b.Bytes(), []byte("\n"), nil)
}
