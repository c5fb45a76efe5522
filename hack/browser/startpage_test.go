// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestStartPage: a person signs in at the team host, sees the applications that they may
// open and no other, opens one without being asked again, and ends that session.
func TestStartPage(t *testing.T) {
	ann := newPerson(t, blocked)
	tab := ann.tab().open(teamURL + "/")
	tab.wants("You’re not signed in")
	tab.after(chromedp.Click(`a.button`, chromedp.ByQuery))
	tab.after(chromedp.Click(`//a[contains(., "People")]`, chromedp.BySearch))
	tab.signIn()
	tab.at(teamURL+"/", 200)
	tab.wants(ann.email)
	tab.wants(strings.TrimPrefix(app1, "https://"))
	if tab.eval1(`document.body.innerText.includes("app3")`) {
		t.Error("the application of others is on the page")
	}
	tab.path()
	tab.after(chromedp.Click(`.tiles a[href="`+app1+`/"]`, chromedp.ByQuery))
	tab.at(app1+"/", 200)
	for _, at := range tab.path() {
		if strings.Contains(at, "/idp/") || strings.Contains(at, env.provider.Issuer) {
			t.Errorf("they were asked again: %s", at)
		}
	}

	tab.open(teamURL + "/")
	tab.after(chromedp.Click(`//a[contains(., "Your sessions")]`, chromedp.BySearch))
	tab.at(teamURL+"/.access/sessions", 200)
	tab.after(chromedp.Click(`button[aria-label="Sign out of `+strings.TrimPrefix(app1, "https://")+`"]`, chromedp.ByQuery))
	tab.until(`document.body.innerText.includes("You have not opened an application")`) // after a page that goes on
	if got := ann.cookies(app1)[sessionCookie]; got != nil {
		t.Errorf("the session is still there: %v", got)
	}
	if ann.cookies(teamURL)["__Host-ostiary-team"] == nil {
		t.Error("they were signed out everywhere")
	}

	root := newPerson(t, blocked).tab().open(teamURL + "/.access/login")
	root.after(chromedp.Click(`//a[contains(., "People")]`, chromedp.BySearch))
	root.signInAs("root")
	root.at(teamURL+"/", 200)
	root.wants("app3")
}
