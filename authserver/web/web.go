// SPDX-License-Identifier: Apache-2.0

package web

import "net/url"

// Render is a page with one short message.
func Render(v Page) Document { return Document{"page.html", v} }

// Login is the password form.
func Login(v LoginView) Document { return Document{"login.html", v} }

// Chooser is the choice of identity providers.
func Chooser(v ChooserView) Document { return Document{"chooser.html", v} }

// Denied is the page for those who are signed in and not permitted.
func Denied(v DeniedView) Document { return Document{"denied.html", v} }

// SignedOut is the page after a sign-out.
func SignedOut(v SignedOutView) Document { return Document{"signedout.html", v} }

// ConfirmLogout is the question before a sign-out.
func ConfirmLogout(v ConfirmLogoutView) Document { return Document{"confirmlogout.html", v} }

// Loop is the page that ends a sign-in loop.
func Loop(v LoopView) Document { return Document{"loop.html", v} }

// Launcher is the team host's front page.
func Launcher(v LauncherView) Document { return Document{"launcher.html", v} }

// Sessions is the page of a person's sessions.
func Sessions(v SessionsView) Document { return Document{"sessions.html", v} }

// Continue is a page that moves on by itself: where a redirect and its
// cookies would be too large for a proxy, or where the next request must not
// count as cross-site (SameSite=Strict).
func Continue(v ContinueView) Document {
	to, err := url.Parse(v.URL)
	if err != nil || to.Host == "" || to.Scheme != "https" && to.Scheme != "http" {
		return Render(Page{Title: "This address can’t be opened", Message: "The link does not lead to a web address."})
	}
	return Document{"continue.html", struct{ URL, Host string }{to.String(), to.Host}}
}
