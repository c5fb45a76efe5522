// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// Access is what a browser says of the cookies that it has for this site, of a request that
// another site's page had it send (Sec-Fetch-Storage-Access). The zero Access is nothing.
type Access uint8

// The values of Sec-Fetch-Storage-Access.
const (
	AccessUnsaid   Access = iota
	AccessNone            // they are held back
	AccessInactive        // they are held back, and would not be if we asked for them
	AccessActive          // they are sent
)

func readAccess(v View) Access {
	said, n := v.Header("Sec-Fetch-Storage-Access")
	if n != 1 {
		return AccessUnsaid
	}
	switch said {
	case "none":
		return AccessNone
	case "inactive":
		return AccessInactive
	case "active":
		return AccessActive
	}
	return AccessUnsaid
}

// Frames are the values of Sec-Fetch-Dest for what is shown within another page.
func Frames(dest string) bool {
	switch dest {
	case "iframe", "frame", "embed", "object", "fencedframe":
		return true
	}
	return false
}

// readFrame finds out whether a page is opened within another one. What cannot be told is a tab.
func (a *Ask) readFrame(v View) {
	dest, n := v.Header("Sec-Fetch-Dest")
	a.Framed = n == 1 && Frames(dest)
	// Nothing but the page itself knows whether cookies come through where this is another
	// site, so of a sign-in without a word nothing is hoped there.
	site, n := v.Header("Sec-Fetch-Site")
	a.Near = n == 1 && (site == "same-origin" || site == "same-site" || site == "none")
}

// activate asks a browser for the cookies that it holds back, if the person has said before that
// this site may have them in pages of that one, and if the policy lists the page: retry has it
// send the request again, with them (Storage Access Headers). It says so of one origin, which
// the policy vouches for, and not a word of others. To a page that has them, load gives them
// as well: it waits for a session.
func activate(a *Answer, q *Ask, d *policy.Decision) bool {
	switch {
	case !d.Activates || d.Verdict != policy.Challenge || q.Method == "OPTIONS":
	case q.Access == AccessInactive:
		a.Set("Activate-Storage-Access", `retry; allowed-origin="`+d.CORS.AllowOrigin+`"`)
		return true
	case q.Access == AccessActive && q.Framed:
		a.Set("Activate-Storage-Access", "load")
		return true
	}
	return false
}

// frame is what a person sees in a frame: no page of the team host shows itself there, nor
// anything that one click would do.
func (p *Pages) frame(a *Answer, q *Ask, d *policy.Decision, login, words string) {
	v := web.FrameView{URL: p.origin(q) + q.rooted(), RefusalView: web.RefusalView{
		Status: a.Status, Host: q.Target.Host(), Reason: d.Reason.String(), RequestID: q.RequestID, Message: words,
	}}
	if login != "" {
		v.SignInURL, v.Unsent = p.besideURL(q), q.mayChange()
	}
	switch {
	case q.mayChange(): // a link would be another request than the one that was sent
		v.URL, v.Opens = p.origin(q)+"/", true
	case login != "":
		v.IdentityURL = p.origin(q) + p.PathPrefix + "/get-identity"
		v.Jar = d.Partitioned
		if address, cut := p.loginURL(q); q.Near && !cut {
			v.SilentURL = address
		}
	}
	a.Set("Content-Security-Policy", p.Look.FrameCSP(d.Framers))
	a.Body = p.Look.Render(web.Frame(v), q.Languages)
}
