// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/url"
	"slices"
	"strings"
)

//go:embed *.html
var files embed.FS

//go:embed style.css
var css string

// StyleHash is the source expression that a Content-Security-Policy allows our
// style by, and no other.
var StyleHash = func() string {
	sum := sha256.Sum256([]byte(css))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// CSP returns the Content-Security-Policy of our pages. Without an argument no
// form can be sent. Those given are source expressions ("'self'",
// "https://app.example.com") for pages with a form: name those that the answer
// to the form redirects to as well, as Chromium holds them against it too.
func CSP(formAction ...string) string {
	forms := "'none'"
	if len(formAction) > 0 {
		forms = strings.Join(formAction, " ")
		if strings.ContainsAny(forms, ";,\r\n") { // it would be another directive, or another policy
			forms = "'none'"
		}
	}
	return "default-src 'none'; style-src " + StyleHash + "; frame-ancestors 'none'; base-uri 'none'; form-action " + forms
}

// WithImages returns a Content-Security-Policy that CSP made, which also lets a page load
// pictures from the origins. What is no origin is left out.
func WithImages(csp string, origins ...string) string {
	good := slices.DeleteFunc(slices.Clone(origins), func(o string) bool {
		return strings.ContainsAny(o, " ;,\r\n'") || !strings.Contains(o, "://")
	})
	if len(good) == 0 {
		return csp
	}
	return csp + "; img-src " + strings.Join(good, " ")
}

var (
	pageHTML     = parse("page.html")
	loginHTML    = parse("login.html")
	chooserHTML  = parse("chooser.html")
	deniedHTML   = parse("denied.html")
	outHTML      = parse("signedout.html")
	confirmHTML  = parse("confirmlogout.html")
	loopHTML     = parse("loop.html")
	continueHTML = parse("continue.html")
	launcherHTML = parse("launcher.html")
	sessionsHTML = parse("sessions.html")
)

func parse(name string) *template.Template {
	// As HTML, the style stays what it is, byte for byte: the template's escaper
	// takes the comments out of a style, and the hash is of all of it.
	style := template.HTML("<style>" + css + "</style>") //nolint:gosec // ours
	t := template.New("layout.html").Funcs(template.FuncMap{"style": func() template.HTML { return style }, "live": liveScript})
	return template.Must(t.ParseFS(files, "layout.html", name))
}

func render(t *template.Template, view any) []byte {
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return []byte(`<!doctype html><html lang="en"><title>Error</title><h1>Error</h1><p>This page could not be shown.`)
	}
	return b.Bytes()
}

// Render returns a page as HTML, escaped for its context throughout, as all
// these do.
func Render(v Page) []byte { return render(pageHTML, v) }

// Login returns the password form.
func Login(v LoginView) []byte { return render(loginHTML, v) }

// Chooser returns the choice of identity providers.
func Chooser(v ChooserView) []byte { return render(chooserHTML, v) }

// Denied returns the page for those who are signed in and not permitted.
func Denied(v DeniedView) []byte { return render(deniedHTML, v) }

// SignedOut returns the page after a sign-out.
func SignedOut(v SignedOutView) []byte { return render(outHTML, v) }

// ConfirmLogout returns the question before a sign-out.
func ConfirmLogout(v ConfirmLogoutView) []byte { return render(confirmHTML, v) }

// Loop returns the page that ends a sign-in loop.
func Loop(v LoopView) []byte { return render(loopHTML, v) }

// Launcher returns the team host's front page.
func Launcher(v LauncherView) []byte { return render(launcherHTML, v) }

// Sessions returns the page of a person's sessions.
func Sessions(v SessionsView) []byte { return render(sessionsHTML, v) }

// Continue returns a page that moves on by itself: where a redirect and its
// cookies would be too large for a proxy, or where the next request must not
// count as cross-site (SameSite=Strict).
func Continue(v ContinueView) []byte {
	to, err := url.Parse(v.URL)
	if err != nil || to.Host == "" || to.Scheme != "https" && to.Scheme != "http" {
		return Render(Page{Title: "This address can’t be opened", Message: "The link does not lead to a web address."})
	}
	return render(continueHTML, struct{ URL, Host string }{to.String(), to.Host})
}
