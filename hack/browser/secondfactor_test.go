// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
)

// A person sets up an authenticator app on a page that runs no script, and the next sign-in asks for
// its code: behind real nginx, with the page's own policy for content.
func TestSecondFactor(t *testing.T) {
	ann := newPerson(t, blocked)
	tab := ann.tab().enter(app1 + "/")
	own := teamURL + "/.access/second-factor"
	tab.open(own).at(own, 200)
	tab.after(chromedp.Click(`form button[value=add]`, chromedp.ByQuery))
	tab.wants("Set up an authenticator app")
	var picture, link, key string
	tab.run(chromedp.Evaluate(`String(document.querySelector("svg.qr").getBoundingClientRect().width)`, &picture),
		chromedp.Evaluate(`document.querySelector("a[href^='otpauth://totp/']").href`, &link), chromedp.Text(`.key`, &key, chromedp.ByQuery))
	secret := strings.ReplaceAll(key, " ", "")
	if picture == "0" || !strings.Contains(link+"&", "secret="+secret+"&") {
		t.Errorf("a picture of %s, %s", picture, link)
	}
	send := func(step time.Duration) {
		t.Helper()
		code, err := totp.GenerateCode(secret, time.Now().Add(step))
		if err != nil {
			t.Fatal(err)
		}
		tab.run(chromedp.SendKeys(`#code`, code, chromedp.ByQuery))
		tab.after(chromedp.Click(`form button[type=submit]`, chromedp.ByQuery))
	}
	send(-30 * time.Second) // the next one is good as well, however soon
	tab.wants("Save your recovery codes")
	tab.after(chromedp.Click(`.actions a`, chromedp.ByQuery))
	tab.at(own, 200)
	tab.wants("Recovery codes left: 10")
	tab.forgetTeam()
	tab.forget(app1)
	tab.open(app1 + "/orders?id=7")
	tab.signIn()
	tab.wants("Enter your code")
	if ann.cookies(app1)[sessionCookie] != nil || ann.cookies(teamURL)["__Host-ostiary-team"] != nil {
		t.Error("there is a session before the code")
	}
	send(0)
	tab.at(app1+"/orders?id=7", 200)
	tab.open(teamURL + "/.access/sessions")
	tab.wants("Authenticator app added")
}
