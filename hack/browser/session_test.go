// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// forgetTeam removes the session at the team host.
func (t *tab) forgetTeam() {
	t.t.Helper()
	for name := range t.cookies(teamURL) {
		t.run(network.DeleteCookies(name).WithURL(teamURL + "/"))
	}
}

func bringToFront(ctx context.Context) error { return page.BringToFront().Do(ctx) }

// Signing out here ends the session at this application alone.
func TestLogoutHere(t *testing.T) {
	tab := signedIn(t, blocked, app2)
	tab.run(chromedp.Evaluate(`void (location.href = "/.access/logout")`, nil))
	tab.until(fmt.Sprintf(`location.href === %q && document.readyState === "complete"`, app1+"/.access/logout"))
	if got := tab.cookies(app1)[sessionCookie]; got != nil {
		t.Errorf("the session is still there: %v", got)
	}
	tab.open(app2+"/").at(app2+"/", 200)
	tab.path()
	tab.open(app1+"/page").at(app1+"/page", 200) // the team session is still there: no prompt
	if got := tab.path(); len(got) < 5 {
		t.Errorf("there was a session: %q", got)
	}
}

// Whoever signs in and out again, and again, is in no circle.
func TestInAndOut(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/page")
	for range 4 {
		tab.run(chromedp.Evaluate(`void (location.href = "/.access/logout")`, nil))
		tab.until(fmt.Sprintf(`location.href === %q && document.readyState === "complete"`, app1+"/.access/logout"))
		tab.open(app1+"/page").at(app1+"/page", 200)
	}
}

// Signing out everywhere ends all sessions, also those that a thief has.
func TestLogoutEverywhere(t *testing.T) {
	bob := newPerson(t, blocked)
	tab := bob.tab().enter(app1 + "/")
	tab.open(app2+"/").at(app2+"/", 200)
	stolen := map[string]string{}
	for _, origin := range []string{app1, app2} {
		stolen[origin] = tab.cookies(origin)[sessionCookie].Value
		if got := request(t, origin+"/data", cookie(stolen[origin])); got.StatusCode != 200 {
			t.Fatalf("%s before the sign-out: %d", origin, got.StatusCode)
		}
	}
	tab.open(app1 + "/")
	tab.run(chromedp.Evaluate(`void (location.href = "/.access/logout?all")`, nil))
	tab.until(`location.pathname.endsWith("/logout") && document.readyState === "complete"`)
	tab.wants("signed out")
	if got := tab.cookies(teamURL); got["__Host-ostiary-team"] != nil {
		t.Errorf("the team session is still there: %v", got)
	}
	for origin, value := range stolen {
		end := time.Now().Add(3 * time.Second) // both replicas
		for good := 0; good < 6; {
			got := request(t, origin+"/data", cookie(value))
			if got.StatusCode == 401 {
				good++
				continue
			}
			good = 0
			if time.Now().After(end) {
				t.Fatalf("%s after the sign-out: %d", origin, got.StatusCode)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	tab.open(app2 + "/")
	tab.wants("assword")
	tab.signIn() // at once, and that session is a good one
	tab.at(app2+"/", 200)
	tab.open(app1+"/").at(app1+"/", 200)
}

func cookie(value string) map[string][]string {
	return map[string][]string{"Cookie": {sessionCookie + "=" + value}}
}

// Another site cannot sign anybody out: a page asks.
func TestLogoutByAnotherSite(t *testing.T) {
	tab := signedIn(t, allowed)
	tab.open(evil + "/loose")
	tab.run(chromedp.Evaluate(fmt.Sprintf(`void (location.href = %q)`, app1+"/.access/logout?all"), nil))
	tab.until(`location.pathname.endsWith("/logout") && document.readyState === "complete"`)
	if tab.cookies(app1)[sessionCookie] == nil || len(tab.cookies(teamURL)) == 0 {
		t.Error("signed out by another site's link")
	}
	tab.after(chromedp.Click(`form button[type=submit]`, chromedp.ByQuery))
	if tab.cookies(app1)[sessionCookie] != nil {
		t.Error("the person said yes, and is still signed in")
	}
}

// signedIn waits until there is a session at a host.
func (t *tab) signedIn(origin string) {
	t.t.Helper()
	for end := time.Now().Add(patience); t.cookies(origin)[sessionCookie] == nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.t.Fatalf("nobody is signed in at %s", origin)
		}
	}
}

// The session ends while somebody fills in a form: what they send reaches nobody, and they
// are told so. They sign in beside it, and send it again: once as the browser repeats what
// this page came of, once from the form, where what they typed still stands. It makes no
// difference whether the application's policy (form-action) would let a form be led away.
func TestExpiryDuringPost(t *testing.T) {
	for _, form := range []string{"/loose-form", "/form"} {
		for _, by := range []string{"reload", "back"} {
			t.Run(strings.Trim(form, "/")+"/"+by, func(t *testing.T) {
				tab := newPerson(t, blocked).tab().enter(quik + form)
				tab.run(chromedp.SendKeys(`input[name=text]`, "my long letter", chromedp.ByQuery))
				time.Sleep((quickSession + 1) * time.Second)
				tab.path()
				env.apps.forget()
				tab.after(chromedp.Click(`#save`, chromedp.ByQuery))
				tab.at(quik+"/save", 401)
				tab.wants("Nothing was sent")
				// The tab beside closes itself once they are signed in, which this one can tell.
				tab.run(chromedp.Click(`.actions a`, chromedp.ByQuery))
				tab.signedIn(quik)
				if hits := env.apps.at("POST", quik+"/save"); len(hits) > 0 {
					t.Errorf("it reached the application: %+v", hits)
				}
				if hits := env.apps.at("GET", quik+"/save"); len(hits) > 0 {
					t.Errorf("the sign-in came back with a GET: %+v", hits)
				}
				var again chromedp.Action = chromedp.Reload()
				if by == "back" {
					tab.back(fmt.Sprintf(`location.pathname === %q`, form))
					if !tab.eval1(`document.querySelector("input[name=text]").value === "my long letter"`) {
						t.Error("the browser has not kept the letter")
					}
					again = chromedp.Evaluate(`document.querySelector("#save").click()`, nil)
				}
				tab.run(again)
				tab.until(`location.pathname === "/save" && document.readyState === "complete" && !document.querySelector(".actions")`)
				if hits := env.apps.at("POST", quik+"/save"); len(hits) != 1 || hits[0].body != "text=my+long+letter" {
					t.Errorf("at the second try: %+v", hits)
				}
			})
		}
	}
}

// With accessFetch nothing is lost: the same call goes on after the sign-in.
func TestExpiryDuringAccessFetch(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(quik + "/form")
	time.Sleep((quickSession + 1) * time.Second)
	if _, err := tab.window(func() { tab.call(app2+"/data", `{method: "POST", body: "my long letter"}`) }); err != nil {
		t.Logf("the window was quick: %v", err)
	}
	if got := tab.called(); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "my long letter") {
		t.Errorf("the call: %s", got)
	}
	if hits := env.apps.at("POST", app2+"/data"); len(hits) != 1 {
		t.Errorf("%d hits", len(hits))
	}
}
