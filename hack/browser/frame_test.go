// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"encoding/json"
	"fmt"
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
		result, bad, err := runtime.Evaluate(script).WithContextID(world).WithReturnByValue(true).WithAwaitPromise(true).WithUserGesture(click).Do(ctx)
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
func (t *tab) signsInBeside(origin string) *tab {
	t.t.Helper()
	window := t.opened(func() { t.clicks(origin, "sign-in") })
	window.run(chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery))
	if opener := window.eval1(`window.opener !== null`); opener {
		t.t.Error("the tab has an opener")
	}
	window.signIn()
	window.until(`location.pathname === "/.access/done"`)
	return window
}

// TestFrameOfTheSite: a dashboard in a frame of another host of the site, whose session is over.
func TestFrameOfTheSite(t *testing.T) {
	embedder := newPerson(t, blocked).tab().enter(app1 + "/loose")
	embedder.forgetTeam()
	env.apps.forget()
	embedder.shows(api + "/board?x=1#part")
	embedder.reads(api, "Sign-in required")
	if len(env.apps.at("GET", api+"/board")) > 0 {
		t.Error("the application was reached")
	}
	embedder.signsInBeside(api)
	embedder.reads(api, "api.site.test/board") // by itself
	var at string
	if err := embedder.inside(api, `location.href`, false, &at); err != nil || at != api+"/board?x=1#part" {
		t.Errorf("the frame is at %s: %v", at, err)
	}
}

// TestFrameOfAnotherSite: the browser holds the cookies back until the person allows the frame to
// have them, and from then on sends them because it is asked to.
func TestFrameOfAnotherSite(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/loose")
	tab.forgetTeam()
	tab.shows(app2 + "/board")
	tab.reads(app2, "Sign-in required")
	window := tab.signsInBeside(app2)
	window.after(chromedp.Click(`a.button`, chromedp.ByQuery)) // Open the application: a visit that the browser counts
	tab.run(chromedp.ActionFunc(bringToFront))
	tab.reads(app2, "Use my sign-in on this page")
	grant := browser.SetPermission(&browser.PermissionDescriptor{Name: "storage-access"}, browser.PermissionSettingGranted).
		WithOrigin(app1).WithEmbeddedOrigin(app2).WithBrowserContextID(tab.id)
	if err := grant.Do(tab.browser()); err != nil {
		t.Fatal(err)
	}
	env.apps.forget()
	tab.clicks(app2, "access")
	tab.reads(app2, "app2.hostname.test/board")
	for _, h := range env.apps.at("GET", app2+"/board") {
		t.Log(h.header)
	}
	// The page is opened again: no click, and no script of ours.
	tab.open(app1 + "/loose")
	env.apps.forget()
	tab.shows(app2 + "/board")
	tab.reads(app2, "app2.hostname.test/board")
	for _, h := range env.apps.at("GET", app2+"/board") {
		t.Log(h.header)
	}
	var title string
	tab.eval(fmt.Sprintf(`fetch(%q, {credentials: "include"}).then(r => r.status + "", e => String(e))`, app2+"/data"), &title)
	t.Log(title)
	for _, h := range env.apps.at("GET", app2+"/data") {
		t.Log(h.header)
	}
}
