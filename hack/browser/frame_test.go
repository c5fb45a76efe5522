// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// shows puts a page into a frame of this one.
func (t *tab) shows(url string) {
	t.t.Helper()
	t.run(chromedp.Evaluate(fmt.Sprintf(`(() => { document.querySelectorAll("iframe").forEach(f => f.remove());
		const f = document.createElement("iframe"); f.src = %q; document.body.append(f); return true })()`, url), nil))
}

// inside runs a script in the frame of a tab, as a click would if it is one. A frame of
// another site is a target of its own.
func (t *tab) inside(origin, script string, click bool, into any) error {
	ctx, id := t.ctx, cdp.FrameID("")
	if tree, err := frames(t.ctx); err == nil {
		for _, child := range tree.ChildFrames {
			if strings.HasPrefix(child.Frame.URL, origin+"/") {
				id = child.Frame.ID
			}
		}
	}
	if id == "" {
		all, err := target.GetTargets().Do(t.browser())
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.Type == "iframe" && one.BrowserContextID == t.id && strings.HasPrefix(one.URL, origin+"/") {
				id = cdp.FrameID(one.TargetID)
				ctx = t.frameContext(one.TargetID)
			}
		}
	}
	if id == "" {
		return fmt.Errorf("no frame of %s", origin)
	}
	return runSoon(ctx, func(ctx context.Context) error {
		world, err := page.CreateIsolatedWorld(id).WithWorldName("test").Do(ctx)
		if err != nil {
			return err
		}
		result, bad, err := runtime.Evaluate(script).WithContextID(world).WithReturnByValue(true).WithAwaitPromise(true).
			WithUserGesture(click).Do(ctx)
		if err == nil && bad != nil {
			err = bad
		}
		if err != nil || into == nil {
			return err
		}
		return json.Unmarshal(result.Value, into)
	})
}

// frameContext drives a frame that is a target of its own, until the test ends: a context that
// ends closes what it drives.
func (t *tab) frameContext(id target.ID) context.Context {
	if ctx := t.within[id]; ctx != nil {
		return ctx
	}
	ctx, cancel := chromedp.NewContext(t.person.ctx, chromedp.WithTargetID(id))
	t.t.Cleanup(cancel)
	if err := chromedp.Run(ctx); err == nil {
		if t.within == nil {
			t.within = map[target.ID]context.Context{}
		}
		t.within[id] = ctx
	}
	return ctx
}

// runSoon gives up before a frame that is gone would answer.
func runSoon(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience/4)
	defer cancel()
	return chromedp.Run(ctx, chromedp.ActionFunc(do))
}

func frames(ctx context.Context) (tree *page.FrameTree, err error) {
	err = runSoon(ctx, func(ctx context.Context) error {
		tree, err = page.GetFrameTree().Do(ctx)
		return err
	})
	return tree, err
}

// reads waits until a frame says something.
func (t *tab) reads(origin, words string) {
	t.t.Helper()
	var text string
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = t.inside(origin, `document.body.innerText`, false, &text); err == nil && strings.Contains(text, words) {
			return
		}
	}
	t.t.Fatalf("the frame of %s does not say %q: %v\n%s", origin, words, err, text)
}

// clicks presses something in a frame.
func (t *tab) clicks(origin, id string) {
	t.t.Helper()
	if err := t.inside(origin, fmt.Sprintf(`document.getElementById(%q).click()`, id), true, nil); err != nil {
		t.t.Fatal(err)
	}
}

// opened follows the tab that a click in a frame opens: it knows nothing of its opener.
func (t *tab) opened(click func()) *tab {
	t.t.Helper()
	before := map[target.ID]bool{}
	pages := func() (all []*target.Info) {
		all, err := target.GetTargets().Do(t.browser())
		if err != nil {
			t.t.Fatal(err)
		}
		return all
	}
	for _, one := range pages() {
		before[one.TargetID] = true
	}
	click()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, one := range pages() {
			if one.Type == "page" && one.BrowserContextID == t.id && !before[one.TargetID] {
				window, err := t.attach(one.TargetID)
				if err != nil {
					t.t.Fatal(err)
				}
				window.watch()
				return window
			}
		}
	}
	t.t.Fatal("no tab was opened")
	return nil
}

// signsInBeside is a person who signs in in the tab that the frame opens.
func (t *tab) signsInBeside(origin string) {
	t.t.Helper()
	window := t.opened(func() { t.clicks(origin, "sign-in") })
	window.run(chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery))
	if opener := window.eval1(`window.opener !== null`); opener {
		t.t.Error("the tab has an opener")
	}
	window.run(chromedp.SetValue(`input[name=username]`, t.name, chromedp.ByQuery),
		chromedp.SetValue(`input[name=password]`, password, chromedp.ByQuery),
		chromedp.Click(`form button[type=submit]`, chromedp.ByQuery)) // and then the tab closes itself
}

// TestFrameOfTheSite: a dashboard in a frame of another host of the site, whose session is over.
func TestFrameOfTheSite(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/loose")
	tab.forgetTeam()
	env.apps.forget()
	tab.shows(api + "/board?x=1#part")
	tab.reads(api, "Sign-in required")
	if len(env.apps.at("GET", api+"/board")) > 0 {
		t.Error("the application was reached")
	}
	tab.signsInBeside(api)
	tab.reads(api, "api.site.test/board") // by itself
	var at string
	if err := tab.inside(api, `location.href`, false, &at); err != nil || at != api+"/board?x=1#part" {
		t.Errorf("the frame is at %s: %v", at, err)
	}
}

// TestFrameWithoutAWord: where the team host is of the site, and knows the person, the frame goes on
// without a click; and one whose sign-in needs a page comes back to its own.
func TestFrameWithoutAWord(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(home + "/loose")
	tab.forget(home)
	tab.shows(home + "/board#part")
	tab.reads(home, "app.team.test/board")
	tab.forget(home)
	tab.forgetTeam()
	tab.shows(home + "/other")
	tab.reads(home, "Sign-in required")
	if err := tab.inside(home, fmt.Sprintf(`if (location.href !== %q) throw location.href`, home+"/other"), false, nil); err != nil {
		t.Error(err)
	}
	tab.signsInBeside(home)
	tab.reads(home, "app.team.test/other")
}

// refusedThere counts the decisions about requests for a path that came without a session.
func refusedThere(t *testing.T, path string) (n int) {
	t.Helper()
	for i := range env.replicas {
		text, err := os.ReadFile(filepath.Join(env.dir, fmt.Sprintf("ostiary-%d.log", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, `"challenge"`) && strings.Contains(line, `"path":"`+path+`"`) {
				n++
			}
		}
	}
	return n
}

// TestFrameOfAnotherSite: the browser holds the cookies back until the person allows the frame to
// have them, and from then on sends them because it is asked to. In a browser without a window
// nobody answers its question: the permission is set in place of that.
func TestFrameOfAnotherSite(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/loose")
	tab.forgetTeam()
	tab.shows(app2 + "/board")
	tab.reads(app2, "Sign-in required")
	tab.signsInBeside(app2)
	for end := time.Now().Add(patience); tab.cookies(app2)[sessionCookie] == nil && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	tab.run(chromedp.ActionFunc(bringToFront))
	tab.reads(app2, "Use my sign-in on this page")
	tab.allows(app1, app2)
	env.apps.forget()
	tab.clicks(app2, "access")
	tab.reads(app2, "app2.hostname.test/board")

	// The page is opened again: no click, and no script of ours.
	tab.open(app1 + "/loose")
	env.apps.forget()
	tab.shows(app2 + "/again")
	tab.reads(app2, "app2.hostname.test/again")
	if r := tab.fetch("fetch", app2+"/data-of-a-frame", withCookies); r.Status != 200 || !strings.Contains(r.Body, tab.email) {
		t.Errorf("a fetch: %+v", r)
	}
	if n := refusedThere(t, "/again"); n != 1 { // and the browser sent it again
		t.Errorf("%d refusals", n)
	}
	for _, path := range []string{"/again", "/data-of-a-frame"} {
		hits := env.apps.at("GET", app2+path)
		if len(hits) != 1 || hits[0].header.Get("Sec-Fetch-Storage-Access") != "active" || hits[0].header.Get("Origin") != app1 {
			t.Errorf("%s: what reached the application: %v", path, hits)
		}
	}
}

// TestFrameOfNobody: a page that the policy does not list shows nothing of it, and no cookies are
// asked for on its behalf, though the person allowed the browser to send them.
func TestFrameOfNobody(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app2 + "/")
	tab.allows(evil, app2)
	tab.open(evil + "/loose")
	env.apps.forget()
	tab.shows(app2 + "/board")
	tab.until(`document.querySelector("iframe").contentDocument === null`) // of an origin of its own, by now
	if r := tab.fetch("fetch", app2+"/data", withCookies); r.Error == "" {
		t.Errorf("a fetch can be read: %+v", r)
	}
	var text string
	if err := tab.inside(app2, `document.body.innerText`, false, &text); err == nil && strings.Contains(text, "ign in") {
		t.Errorf("the frame shows %q", text)
	}
	if len(env.apps.at("GET", app2+"/board"))+len(env.apps.at("GET", app2+"/data")) > 0 {
		t.Error("the application was reached")
	}
}

// allows is what the person answers, where a page of top shows one of a site that wants its cookies.
func (t *tab) allows(top, embedded string) {
	t.t.Helper()
	grant := browser.SetPermission(&browser.PermissionDescriptor{Name: "storage-access"}, browser.PermissionSettingGranted).
		WithOrigin(top).WithEmbeddedOrigin(embedded).WithBrowserContextID(t.id)
	if err := grant.Do(t.browser()); err != nil {
		t.t.Fatal(err)
	}
}
