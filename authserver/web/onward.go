// SPDX-License-Identifier: Apache-2.0

package web

import (
	_ "embed"
	"html/template"
	"strings"
)

//go:embed onward.js
var onward string

var onwardHash = hashOf(onward)

// An OnwardView is a page of the team host that has something for the host of an
// application: its script sends the form, and without one the person does.
type OnwardView struct {
	Host   string // of the application
	Origin string // of the application: nobody else is sent anything
	Action string // below Origin
	Hidden []Field
	// To is where to go afterwards. Empty: where the answer says, if that begins with
	// Next.
	To, Next string
	// Popup: the page that opened this window waits for it.
	Popup bool
	// Hand: pages of the application may send the form in place of this one.
	Hand bool
	// Only they may, as what comes of it has to be in their jar of cookies.
	Only bool
	// Shown: the answer to the form is a page that has to be seen, so no script sends it.
	Shown bool
	// Plain is where a browser without scripts goes instead; empty: it has the button.
	Plain string
}

// Onward is that page. It needs OnwardCSP.
func Onward(v OnwardView) Document { return Document{"onward.html", v} }

// OnwardCSP is CSP for a page with the script of Onward: no other script runs, and it asks
// one origin.
func (l *Look) OnwardCSP(origin string, formAction ...string) string {
	if strings.ContainsAny(origin, " ;,'\r\n") || !strings.Contains(origin, "://") {
		origin = "'none'"
	}
	return l.CSP(formAction...) + "; script-src " + onwardHash + "; connect-src " + origin
}

// onwardScript is, as the style is, byte for byte what the hash is of.
func onwardScript() template.HTML {
	return template.HTML("<script>" + onward + "</script>") //nolint:gosec // ours
}
