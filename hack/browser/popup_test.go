// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The page's own session is over: a window opens, which needs no prompt as the
// team session lives, the window goes, and the call with it body goes on.
func TestPopup(t *testing.T) {
	tab := signedIn(t, blocked)
	tab.forget(app1)
	window, err := tab.window(func() { tab.call("/data", `{method: "POST", body: "precious"}`) })
	if got := tab.called(); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "precious") {
		if err == nil {
			t.Logf("the window is at %s: %s", window.url(), window.text())
		}
		t.Fatalf("the call: %s", got)
	}
	if hits := env.apps.at("POST", app1+"/data"); len(hits) != 1 {
		t.Errorf("%d hits", len(hits))
	}
	if tab.url() != app1+"/" {
		t.Errorf("the page has gone to %s", tab.url())
	}
}

// The same, where a person has to type, and the call is to another application:
// the sign-in is for the page's own host, as that is who gives out tokens.
func TestPopupWithPassword(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/")
	env.apps.forget()
	tab.forget(app1)
	tab.forgetTeam()
	window, err := tab.window(func() { tab.call(app2+"/data", `{method: "PUT", body: "precious"}`) })
	if err != nil {
		t.Fatal(err)
	}
	window.fillIn(tab.name)
	if got := tab.called(); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "precious") {
		t.Fatalf("the call: %s", got)
	}
	if hits := env.apps.at("PUT", app2+"/data"); len(hits) != 1 {
		t.Errorf("%d hits", len(hits))
	}
}

// A page that is isolated (Cross-Origin-Opener-Policy) cannot see its window. It hears when
// the person has signed in, and takes nothing else for it: no focus that comes and goes, and
// no session that is there for other pages.
func TestPopupOfIsolatedPage(t *testing.T) {
	for _, c := range []struct{ name, at string }{{"its own host", ""}, {"another host", api}} {
		t.Run(c.name, func(t *testing.T) {
			tab := newPerson(t, blocked).tab().enter(app1 + "/isolated")
			if c.at == "" {
				tab.forget(app1)
			}
			tab.forgetTeam()
			window, err := tab.window(func() { tab.call(c.at+"/data", `{method: "POST", body: "precious", credentials: "include"}`) })
			if err != nil {
				t.Fatal(err)
			}
			window.run(chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery))
			for range 3 {
				tab.run(chromedp.ActionFunc(bringToFront))
				tab.eval1(`new Promise(done => setTimeout(done, 1200, true))`)
				window.run(chromedp.ActionFunc(bringToFront))
			}
			if !tab.eval1(`document.title === "calling"`) {
				t.Fatal("the call went on, and nobody has signed in")
			}
			window.fillIn(tab.name)
			if got := tab.called(); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "precious") {
				t.Errorf("the call: %s", got)
			}
		})
	}
}

// Whoever closes the window that an isolated page cannot see goes on by a click on the page:
// the call has its 401, and the click opens another window.
func TestPopupOfIsolatedPageClosed(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/isolated")
	tab.forget(app1)
	tab.forgetTeam()
	window, err := tab.window(func() { tab.call("/data", `{}`) })
	if err != nil {
		t.Fatal(err)
	}
	window.run(chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery))
	if err := chromedp.Cancel(window.ctx); err != nil {
		t.Fatal(err)
	}
	tab.run(chromedp.ActionFunc(bringToFront), chromedp.Click(`h1`, chromedp.ByQuery))
	if got := tab.called(); !strings.HasPrefix(got, "401 ") {
		t.Errorf("the call: %s", got)
	}
	window, err = tab.window(func() { tab.call("/data", `{}`) })
	if err != nil {
		t.Fatal(err)
	}
	window.fillIn(tab.name)
	if got := tab.called(); !strings.HasPrefix(got, "200 ") {
		t.Errorf("the second call: %s", got)
	}
}

// A window that is closed ends the wait: the call has its 401.
func TestPopupClosed(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/")
	tab.forget(app1)
	tab.forgetTeam()
	window, err := tab.window(func() { tab.call("/data", `{}`) })
	if err != nil {
		t.Fatal(err)
	}
	window.run(chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery))
	tab.eval1(`new Promise(done => setTimeout(done, 1200, true))`) // the page has looked for the window
	if err := chromedp.Cancel(window.ctx); err != nil {
		t.Fatal(err)
	}
	tab.run(chromedp.ActionFunc(bringToFront))
	if got := tab.called(); !strings.HasPrefix(got, "401 ") {
		t.Errorf("the call: %s", got)
	}
}

// Another origin with cookies, at the same site: its session is over, and the
// window signs in there.
func TestPopupForAnotherOrigin(t *testing.T) {
	tab := signedIn(t, blocked)
	if _, err := tab.window(func() { tab.call(api+"/data", `{credentials: "include"}`) }); err != nil {
		t.Logf("the window was quick: %v", err)
	}
	if got := tab.called(); !strings.HasPrefix(got, "200 ") {
		t.Errorf("the call: %s", got)
	}
}
