// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// signsInForFrame is a person who presses the button in a frame, and signs in in the tab that it
// opens: by a form where form says so, and without a word where the team host knows them.
func (t *tab) signsInForFrame(origin string, form bool) {
	t.t.Helper()
	if !form {
		t.clicks(origin, "sign-in")
		return
	}
	window := t.opened(func() { t.clicks(origin, "sign-in") })
	window.until(`!!document.querySelector("input[name=password]") && document.readyState === "complete"`)
	window.run(chromedp.SetValue(`input[name=username]`, t.name, chromedp.ByQuery),
		chromedp.SetValue(`input[name=password]`, password, chromedp.ByQuery),
		chromedp.Click(`form button[type=submit]`, chromedp.ByQuery)) // and then the tab closes itself
}

// whoIn is whom the application in a frame was told of by the frame's own request, which has the
// browser's cookies as any of its requests.
func (t *tab) whoIn(origin string) (who string) {
	t.t.Helper()
	err := t.inside(origin, `fetch("/data-of-frame").then(async r => r.ok ? (await r.json()).user : String(r.status))`, false, &who)
	if err != nil {
		t.t.Fatal(err)
	}
	return who
}

// TestFramePartitioned takes the description of session.cookie.partitioned at its word: each site that
// embeds the application has a session of its own, where the browser blocks cookies of other sites.
// A click in the frame opens a tab, and what comes of it is in the frame; no permission is asked for.
func TestFramePartitioned(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/loose")
	tab.forgetTeam()
	env.apps.forget()
	tab.shows(part + "/board?x=1#part")
	tab.reads(part, "Sign-in required")
	tab.signsInForFrame(part, true)
	tab.reads(part, "partapi.cookie.test/board")
	var at string
	if err := tab.inside(part, `location.href`, false, &at); err != nil || at != part+"/board?x=1#part" {
		t.Errorf("the frame is at %s: %v", at, err)
	}
	if got := tab.whoIn(part); got != tab.email {
		t.Errorf("the frame is %s", got)
	}
	for _, h := range env.apps.at("GET", part+"/board") {
		if got := h.header.Get("X-Access-Email"); got != tab.email {
			t.Errorf("the application was told %q", got)
		}
	}

	// In a tab of its own the application has another jar, and so it has below another site.
	tab.forgetTeam()
	tab.open(part + "/page")
	tab.wants("Sign in")
	tab.enter(app2 + "/loose")
	tab.shows(part + "/other")
	tab.reads(part, "Sign-in required")
	tab.signsInForFrame(part, false) // the team host knows them by now
	tab.reads(part, "partapi.cookie.test/other")

	// Signing out below one site leaves the session below the other one.
	var status int
	script := `fetch("/.access/logout", {method: "POST", headers: {"X-Requested-With": "x", Accept: "application/json"}}).then(r => r.status)`
	if err := tab.inside(part, script, false, &status); err != nil || status != 200 {
		t.Errorf("signing out: %d %v", status, err)
	}
	if got := tab.whoIn(part); got != "401" {
		t.Errorf("signed out, the frame is %s", got)
	}
	tab.open(app1 + "/loose")
	tab.shows(part + "/board")
	tab.reads(part, "partapi.cookie.test/board")
	if got := tab.whoIn(part); got != tab.email {
		t.Errorf("below the first site the frame is %s", got)
	}
}

// TestFramePartitionedBlocked: a tab that is closed before its end leaves the frame as it was, and its
// button works again.
func TestFramePartitionedAgain(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/loose")
	tab.forgetTeam()
	tab.shows(part + "/board")
	tab.reads(part, "Sign-in required")
	window := tab.opened(func() { tab.clicks(part, "sign-in") })
	window.until(`!!document.querySelector("input[name=password]")`)
	window.run(chromedp.Evaluate(`void setTimeout(close)`, nil))
	time.Sleep(100 * time.Millisecond)
	if got := tab.whoIn(part); got != "401" {
		t.Errorf("the frame is %s", got)
	}
	tab.signsInForFrame(part, true)
	tab.reads(part, "partapi.cookie.test/board")
}
