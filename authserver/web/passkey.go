// SPDX-License-Identifier: Apache-2.0

package web

import (
	_ "embed"
	"html/template"
	"time"
)

// It asks the browser for a passkey.
//
//go:embed passkey.js
var passkey string

var passkeyHash = hashOf(passkey)

// A PasskeyForm asks for a passkey. Its script needs PasskeyCSP, and posts the answer as
// "passkey", besides what is hidden.
type PasskeyForm struct {
	Action string
	Hidden []Field
	// Create is what to ask a browser for that makes one, Get what to ask for that has one:
	// options of WebAuthn in JSON.
	Create, Get string
}

// A PasskeysView has the passkeys of whoever is signed in. Each can be removed: that posts
// "remove", its name. The form posts the "name" of a new one.
type PasskeysView struct {
	Host, SignedInAs string
	Keys             []PasskeyShown
	// Form makes one more; nil: there are as many as there may be.
	Form *PasskeyForm
	// Action is where a removal goes to, with Hidden.
	Action string
	Hidden []Field
	// Problem is what was wrong; Done what was done. Empty: nothing.
	Problem, Done string
	// SessionsURL and HomeURL lead on.
	SessionsURL, HomeURL string
	RequestID            string
}

// A PasskeyShown is one passkey.
type PasskeyShown struct {
	Name  string
	Since time.Time
}

// Passkeys is the page of a person's passkeys. It needs PasskeyCSP.
func Passkeys(v PasskeysView) Document { return Document{"passkeys.html", v} }

// PasskeyCSP is CSP for a page with a PasskeyForm: its script runs and no other, and it asks nobody.
func (l *Look) PasskeyCSP(formAction ...string) string {
	return l.CSP(formAction...) + "; script-src " + passkeyHash
}

// passkeyScript is, as the style is, byte for byte what the hash is of.
func passkeyScript() template.HTML {
	return template.HTML("<script>" + passkey + "</script>") //nolint:gosec // ours
}
