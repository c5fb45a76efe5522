// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
)

// A FactorView asks for a second factor after the password. It posts "step", and "code", "recovery"
// or "passkey".
type FactorView struct {
	App     bool         // there is one
	Passkey *PasskeyForm // nil: there is none. It needs PasskeyCSP
	// OfPasskey: the problem is that of a passkey, not of the last code.
	OfPasskey    bool
	Host         string // the application that they want to reach
	Action, Step string
	Problem      string // what was wrong with the last code
	RequestID    string // is shown with a problem
}

// An EnrolView shows how to set up an authenticator app. It posts "step" and "code".
type EnrolView struct {
	// Passkey makes a passkey in place of one; nil: none can be made here. It needs PasskeyCSP.
	Passkey      *PasskeyForm
	Host         string // the team host
	Action, Step string
	Account      string // what the user is called
	Secret       string // as people type it
	Required     bool   // there is no way around it
	Problem      string
	HomeURL      string
	RequestID    string
}

// A CodesView shows recovery codes, this once.
type CodesView struct {
	Host  string
	Codes []string
	Next  string // where to go then
}

// A FactorsView is what a person sees of their second factors. Its forms post "do", and "code" or
// "recovery".
type FactorsView struct {
	Host, SignedInAs string
	Action           string
	App              bool // there is one
	Since            time.Time
	Left             int // recovery codes
	Changes          []FactorChange
	Problem          string
	PasskeysURL      string // the page of passkeys; empty: none are made here
	SessionsURL      string
	RequestID        string
}

// A FactorChange is something that was done to second factors: in words of FactorWords.
type FactorChange struct {
	What string
	At   time.Time
	From string // an address; empty: not known
}

// Factor is the form for a second factor.
func Factor(v FactorView) Document { return Document{"factor.html", v} }

// Enrol is the page on which an app is set up.
func Enrol(v EnrolView) Document { return Document{"enrol.html", v} }

// Codes are recovery codes.
func Codes(v CodesView) Document { return Document{"codes.html", v} }

// Factors is the page of a person's second factors.
func Factors(v FactorsView) Document { return Document{"factors.html", v} }

// URI is what apps read (Key URI Format of Google Authenticator). All of it is ours, and escaped:
// html/template takes no scheme that it does not know.
func (v EnrolView) URI() template.URL {
	q := url.Values{"secret": {v.Secret}, "issuer": {v.Host}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	return template.URL("otpauth://totp/" + url.PathEscape(v.Host+":"+v.Account) + "?" + //nolint:gosec // escaped
		strings.ReplaceAll(q.Encode(), "+", "%20"))
}

// Key is the secret in groups.
func (v EnrolView) Key() string {
	var b strings.Builder
	for i, r := range v.Secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// quiet is how many modules around a QR code are white (ISO/IEC 18004).
const quiet = 4

// QR is the URI as a picture, in black and white whatever the page's colours: readers need that.
// Empty: it does not fit, and the link and the key are there.
func (v EnrolView) QR() template.HTML {
	code, err := qr.Encode(string(v.URI()), qr.M, qr.Auto)
	if err != nil {
		return ""
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := range size {
			if r, _, _, _ := code.At(x, y).RGBA(); r == 0 {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	side := size + 2*quiet
	return template.HTML(fmt.Sprintf( //nolint:gosec // digits
		`<svg class="qr" viewBox="0 0 %d %d" aria-hidden="true" shape-rendering="crispEdges">`+
			`<rect width="%d" height="%d" fill="#fff"/><path d="%s" fill="#000"/></svg>`, side, side, side, side, path.String()))
}

func (v FactorView) in(c *catalogue) any {
	v.Problem = c.text(v.Problem)
	return v
}

func (v EnrolView) in(c *catalogue) any {
	v.Problem = c.text(v.Problem)
	return v
}

func (v FactorsView) in(c *catalogue) any {
	v.Problem, v.Changes = c.text(v.Problem), changesIn(c, v.Changes)
	return v
}

func (v SessionsView) in(c *catalogue) any {
	v.Changes = changesIn(c, v.Changes)
	return v
}

func changesIn(c *catalogue, all []FactorChange) (out []FactorChange) {
	for _, one := range all {
		one.What = c.text(one.What)
		out = append(out, one)
	}
	return out
}
