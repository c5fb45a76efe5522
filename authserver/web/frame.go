// SPDX-License-Identifier: Apache-2.0

package web

import (
	_ "embed"
	"html/template"
	"strings"
)

//go:embed frame.js
var frame string

var frameHash = hashOf(frame)

// A FrameView is a refusal that is shown in a frame of another page, which covers it with
// whatever it likes: no click here does more than open a tab, or ask again.
type FrameView struct {
	RefusalView
	URL string // what was asked for, or what is left of it
	// Opens: URL is the application, as what was asked for cannot be asked again by a link.
	Opens bool
	// Jar: the session is of this frame, and of frames in pages of the same site. The script has
	// the tab bring it here.
	Jar bool
	// SignInURL is opened in a tab. IdentityURL tells the script whether there is a session by
	// now; empty: it does not look. SilentURL may lead to one without a word; empty: it will not.
	SignInURL, IdentityURL, SilentURL string
}

// Frame is that page. It needs FrameCSP.
func Frame(v FrameView) Document {
	v.LoginURL = v.SignInURL
	p := wordsOf(v.RefusalView)
	again := TryAgain
	if v.Opens {
		again = OpenApplication
	}
	return Document{"frame.html", framed{v, p.Title, p.Message, again}}
}

type framed struct {
	FrameView
	Title, Message, Again string
}

func (v framed) in(c *catalogue) any {
	v.Title, v.Message, v.Again = c.text(v.Title), c.text(v.Message), c.text(v.Again)
	return v
}

// FrameCSP is CSP for the page of Frame: pages of its own host may show it in a frame, and those
// of framers, which are sources, with spaces between them. Its own script runs and no other.
func (l *Look) FrameCSP(framers string) string {
	ancestors := "'self' " + framers
	if framers == "" || strings.ContainsAny(framers, ";,'\r\n") {
		ancestors = "'self'"
	}
	return strings.Replace(l.CSP(), "frame-ancestors 'none'", "frame-ancestors "+ancestors, 1) +
		"; script-src " + frameHash + "; connect-src 'self'"
}

// frameScript is, as the style is, byte for byte what the hash is of.
func frameScript() template.HTML {
	return template.HTML("<script>" + frame + "</script>") //nolint:gosec // ours
}
