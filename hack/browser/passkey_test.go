// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// authenticator gives a tab a security key, which verifies its user if that is wanted.
func (t *tab) authenticator(verifies bool) (id webauthn.AuthenticatorID) {
	t.t.Helper()
	t.run(webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) (err error) {
		id, err = webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportUsb,
			HasUserVerification: true, IsUserVerified: verifies, AutomaticPresenceSimulation: true,
		}).Do(ctx)
		return err
	}))
	return id
}

// again is the person after a restart of a browser that keeps no cookies.
func (t *tab) again() {
	t.t.Helper()
	t.run(network.ClearBrowserCookies())
}

const passkeysURL, usesPasskey = teamURL + "/.access/passkeys", `form#passkey button[type=submit]`

// A passkey is made, and from then on asked for after the password: by Chromium's own authenticator.
func TestPasskey(t *testing.T) {
	ann := newPerson(t, blocked)
	tab := ann.tab().enter(app1 + "/page")
	key := tab.authenticator(true)
	tab.open(passkeysURL).wants("You have no passkey yet")
	tab.run(chromedp.SendKeys(`#name`, "Blue key", chromedp.ByQuery))
	tab.after(chromedp.Click(usesPasskey, chromedp.ByQuery))
	tab.wants("Save your recovery codes")

	tab.again()
	tab.open(app1 + "/page")
	tab.signIn()
	tab.wants("Confirm that it’s you")
	tab.after(chromedp.Click(usesPasskey, chromedp.ByQuery))
	tab.at(app1+"/page", 200)

	// That was with it, so they may change it; this device gets no second one.
	tab.open(passkeysURL).wants("Blue key")
	tab.run(chromedp.SendKeys(`#name`, "Once more", chromedp.ByQuery), chromedp.Click(usesPasskey, chromedp.ByQuery))
	tab.until(`document.body.innerText.includes("This device already has a passkey for your account.")`)

	// Whoever has the password and another key is not let in, and reads why.
	tab.again()
	tab.run(webauthn.RemoveVirtualAuthenticator(key))
	tab.authenticator(true)
	tab.open(app1 + "/page")
	tab.signIn()
	tab.run(chromedp.Click(usesPasskey, chromedp.ByQuery))
	tab.until(`document.body.innerText.includes("No passkey was used")`)
	if ann.cookies(teamURL)["__Host-ostiary-team"] != nil {
		t.Error("they are signed in")
	}
}

// Without scripts the page says what to do.
func TestPasskeyWithoutScripts(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/page")
	tab.run(emulation.SetScriptExecutionDisabled(true))
	tab.open(passkeysURL).wants("Passkeys need JavaScript.")
	var shown bool
	tab.eval(`document.querySelector("form#passkey").checkVisibility()`, &shown)
	if shown {
		t.Error("there is a form that does nothing")
	}
}
