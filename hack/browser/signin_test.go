// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// S10, S11, S12: a sign-in at app1, and app2, which is another site, opens with
// no prompt. Each has a cookie of its own.
func TestSingleSignOn(t *testing.T) {
	for _, p := range []profile{blocked, allowed} {
		t.Run(string(p), func(t *testing.T) {
			ann := newPerson(t, p)
			tab := ann.tab().enter(app1 + "/orders?id=7&q=%2F")
			tab.wants("app1.site.test/orders")
			if got := ann.cookies(app2); len(got) > 0 {
				t.Errorf("cookies of app2 before it was opened: %v", got)
			}
			tab.path()
			tab.open(app2+"/deep?x=1").at(app2+"/deep?x=1", 200)
			path := tab.path()
			for _, at := range path {
				if strings.Contains(at, env.provider.Issuer) {
					t.Errorf("the provider was asked again: %q", path)
				}
			}
			if len(path) != 5 { // app2, its login, the team host, app2's ticket, app2
				t.Errorf("by %q", path)
			}
			one, two, team := ann.cookies(app1)[sessionCookie], ann.cookies(app2)[sessionCookie], ann.cookies(teamURL)
			if one == nil || two == nil || one.Value == two.Value {
				t.Fatal("each application has a session of its own")
			}
			if !one.Secure || !one.HTTPOnly || one.SameSite != "Lax" || two.SameSite != "None" || one.Path != "/" {
				t.Errorf("the session's cookie: %+v", one)
			}
			if len(team) != 3 || team["__Host-ostiary-team"] == nil || team["__Host-ostiary-opened"] == nil {
				t.Errorf("cookies of the team host: %v", team)
			}
			if hits := env.apps.at("GET", app2+"/deep"); len(hits) != 1 || hits[0].header.Get("X-Access-Email") != ann.email {
				t.Errorf("what app2 was told: %v", hits)
			}
		})
	}
}

// With OpenID, where nobody is asked twice either.
func TestOpenID(t *testing.T) {
	carol := newPerson(t, blocked)
	tab := carol.tab().open(corp + "/start")
	if at := tab.url(); !strings.HasPrefix(at, env.provider.Issuer) {
		t.Fatalf("at %s", at)
	}
	tab.signInAtProvider()
	tab.at(corp+"/start", 200)
	if hits := env.apps.at("GET", corp+"/start"); len(hits) != 1 || hits[0].header.Get("X-Access-Email") != "carol@example.com" {
		t.Errorf("what the application was told: %v", hits)
	}
	// An application with a choice of providers takes the session that there is.
	tab.open(both+"/").at(both+"/", 200)
	// One that takes people of another provider asks for that one.
	tab.open(app1 + "/")
	tab.signIn()
	tab.at(app1+"/", 200)
}

// signInAtProvider is carol at the form of the OpenID provider.
func (t *tab) signInAtProvider() {
	t.t.Helper()
	t.run(chromedp.SendKeys(`input[name=user]`, "carol", chromedp.ByQuery))
	t.after(chromedp.Click(`form button[value=login]`, chromedp.ByQuery))
}

func TestChoice(t *testing.T) {
	tab := newPerson(t, blocked).tab().open(both + "/page")
	tab.wants("Corporation")
	tab.after(chromedp.Click(`//a[contains(., "People")]`, chromedp.BySearch))
	tab.signIn()
	tab.at(both+"/page", 200)
}

// A wrong password costs another try, not the way.
func TestWrongPassword(t *testing.T) {
	tab := newPerson(t, blocked).tab().open(app1 + "/page")
	tab.run(chromedp.SetValue(`input[name=username]`, tab.name, chromedp.ByQuery),
		chromedp.SetValue(`input[name=password]`, "wrong", chromedp.ByQuery))
	tab.after(chromedp.Click(`form button[type=submit]`, chromedp.ByQuery))
	tab.wants("Wrong user name or password")
	tab.signIn()
	tab.at(app1+"/page", 200)
}

// S12: whoever may not reach an application gets a page that says so, and no
// cookie of it.
func TestNotPermitted(t *testing.T) {
	bob := newPerson(t, blocked)
	tab := bob.tab().enter(app1 + "/")
	tab.open(app3 + "/secret")
	if tab.status != 403 {
		t.Fatalf("%d at %s", tab.status, tab.url())
	}
	tab.wants(bob.email)
	if got := bob.cookies(app3)[sessionCookie]; got != nil {
		t.Errorf("a session: %v", got)
	}
	if hits := env.apps.at("GET", app3+"/secret"); len(hits) > 0 {
		t.Error("the application was reached")
	}
	// Somebody else signs in from there.
	tab.after(chromedp.Click(`//a[contains(., "else") or contains(., "other") or contains(., "out")]`, chromedp.BySearch))
	for strings.Contains(tab.url(), "logout") && tab.eval1(`document.querySelector("form button") !== null`) {
		tab.after(chromedp.Click(`form button[type=submit]`, chromedp.ByQuery))
	}
	tab.open(app3 + "/secret")
	tab.signInAs("root")
	tab.at(app3+"/secret", 200)
}

// E6: five tabs begin at once, and end in another order, each on its own page.
func TestFiveTabs(t *testing.T) {
	ann := newPerson(t, blocked)
	var tabs []*tab
	for i := range 5 {
		one := ann.tab()
		tabs = append(tabs, one)
		one.run(chromedp.ActionFunc(func(ctx context.Context) error { // not waited for: all are under way
			_, _, _, _, err := page.Navigate(fmt.Sprintf("%s/tab%d", app1, i)).Do(ctx)
			return err
		}))
	}
	for _, i := range []int{3, 0, 4, 2, 1} {
		tabs[i].signIn()
		tabs[i].at(fmt.Sprintf("%s/tab%d", app1, i), 200)
	}
	// With a session at the team host all go through by themselves, at once.
	for i, one := range tabs {
		one.run(chromedp.Evaluate(fmt.Sprintf(`void (location.href = %q)`, fmt.Sprintf("%s/tab%d", app2, i)), nil))
	}
	for i, one := range tabs {
		one.until(fmt.Sprintf(`location.href === %q && document.readyState === "complete"`, fmt.Sprintf("%s/tab%d", app2, i)))
	}
}

// Back, after a sign-in, leads to the application again, or to a page that leads there:
// what is finished is no dead end.
func TestBackButton(t *testing.T) {
	tab := newPerson(t, blocked).tab().open(evil + "/loose")
	tab.run(chromedp.Evaluate(fmt.Sprintf(`void (location.href = %q)`, app1+"/page"), nil))
	tab.signIn()
	tab.at(app1+"/page", 200)
	tab.open(app1 + "/other")
	tab.back(fmt.Sprintf(`location.href === %q`, app1+"/page"))
	tab.back(`document.body.innerText.includes("app1.site.test")`) // past where the person signed in
	if text := tab.text(); !strings.Contains(text, "app1.site.test") {
		t.Errorf("a dead end at %s:\n%s", tab.url(), text)
	}
	// Signing in once more from there works, too.
	if tab.eval1(`document.querySelector("input[name=password]") !== null`) {
		tab.signIn()
		tab.at(app1+"/page", 200)
	}
	tab.open(app1+"/page").at(app1+"/page", 200)
}

// A page inside a frame can ask nobody for a password (S4), and no other site's
// page shows ours.
func TestFrame(t *testing.T) {
	tab := newPerson(t, allowed).tab().open(evil + "/loose")
	var mu sync.Mutex
	var refused []string
	chromedp.ListenTarget(tab.ctx, func(event any) {
		if e, ok := event.(*network.EventLoadingFailed); ok && e.Type == network.ResourceTypeDocument {
			mu.Lock()
			defer mu.Unlock()
			refused = append(refused, e.ErrorText)
		}
	})
	for _, url := range []string{free + "/loose", app1 + "/page", teamURL + "/", app1 + "/.access/login"} { // the first may be framed
		var loaded string
		tab.eval(fmt.Sprintf(`new Promise(done => {
			const frame = document.createElement("iframe");
			frame.onload = () => { try { done(String(frame.contentDocument?.URL)) } catch (e) { done(String(e)) } };
			frame.src = %q;
			document.body.append(frame);
		})`, url), &loaded)
	}
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(refused) != "[net::ERR_BLOCKED_BY_RESPONSE net::ERR_BLOCKED_BY_RESPONSE net::ERR_BLOCKED_BY_RESPONSE]" {
		t.Errorf("what became of the frames: %v", refused)
	}
	if hits := env.apps.at("GET", app1+"/page"); len(hits) > 0 {
		t.Error("the application was reached")
	}
}

// A replica that began a login dies; the other one ends it.
func TestReplicaKilled(t *testing.T) {
	for i, r := range env.replicas {
		for at, url := range map[string]string{"the form": app1 + "/page", "the provider": corp + "/page"} {
			t.Run(fmt.Sprintf("ostiary-%d during %s", i+1, at), func(t *testing.T) {
				tab := newPerson(t, blocked).tab().open(url)
				r.Kill()
				defer func() {
					if err := r.start(); err != nil {
						t.Fatal(err)
					}
				}()
				if url == app1+"/page" {
					tab.signIn()
				} else {
					tab.signInAtProvider()
				}
				tab.at(url, 200)
				tab.open(both+"/page").at(both+"/page", 200)
			})
		}
	}
}

// The script of pages is there under a strict policy, and types for it.
func TestClientIsServed(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/")
	tab.until(`document.documentElement.dataset.ready === "yes"`)
	if r := tab.fetch("fetch", "/.access/client.d.ts", "{}"); r.Status != 200 || !strings.Contains(r.Body, "accessFetch") {
		t.Errorf("the types: %+v", r)
	}
	r := tab.fetch("fetch", "/.access/get-identity", "{}")
	if r.Status != 200 || !strings.Contains(r.Body, `"email":"`+tab.email+`"`) {
		t.Errorf("the identity: %+v", r)
	}
	if r := tab.fetch("fetch", api+"/.access/get-identity", `{credentials: "include"}`); r.Error == "" {
		t.Errorf("the identity at another origin can be read: %+v", r)
	}
}

// TestShowPassword: whoever wants to see what they type as a password does, and the form sends
// it as ever.
func TestShowPassword(t *testing.T) {
	tab := newPerson(t, blocked).tab().open(home + "/loose-app")
	tab.until(`!!document.querySelector("#show:not([hidden])")`)
	tab.run(chromedp.SendKeys(`#password`, password, chromedp.ByQuery), chromedp.Click(`#show`, chromedp.ByQuery))
	tab.until(`document.querySelector("#password").type === "text" && document.querySelector("#show").ariaPressed === "true"`)
	tab.run(chromedp.Click(`#show`, chromedp.ByQuery))
	tab.until(`document.querySelector("#password").type === "password" && document.querySelector("#show").ariaPressed === "false"`)
	tab.run(chromedp.Click(`#show`, chromedp.ByQuery), chromedp.SendKeys(`#username`, tab.name, chromedp.ByQuery))
	tab.after(chromedp.Click(`form button[type=submit]`, chromedp.ByQuery))
	tab.at(home+"/loose-app", 200)
}
