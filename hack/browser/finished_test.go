// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// visits records the addresses that a tab goes to from now on, by redirects and by forms as well.
func (t *tab) visits() (all func() []string) {
	t.t.Helper()
	var seen []string
	done := make(chan []string)
	heard := make(chan string, 1000)
	go func() {
		for address := range heard {
			seen = append(seen, address)
		}
		done <- seen
	}()
	ctx, stop := context.WithCancel(t.ctx)
	chromedp.ListenTarget(ctx, func(e any) {
		if r, ok := e.(*network.EventRequestWillBeSent); ok && r.Type == network.ResourceTypeDocument && ctx.Err() == nil {
			heard <- r.DocumentURL
		}
	})
	t.run(network.Enable())
	return func() []string {
		stop()
		t.run(network.Enable()) // what was sent before has been heard by now
		close(heard)
		return <-done
	}
}

// TestFinishedAddresses: a sign-in that a page's script began, or its form, is over. Whatever address of
// it comes back, by a bookmark, by Back or by a reload, in whatever order, the tab ends at the application.
func TestFinishedAddresses(t *testing.T) {
	const form = `(() => { const f = document.createElement("form"); f.method = "post"; f.action = "/.access/login";
		f.innerHTML = '<input name="rd" value="/loose-app">'; document.body.append(f); f.submit() })()`
	for _, origin := range []string{home, app1} { // home is of the team host's site
		for name, begins := range map[string]string{
			"accessFetch": `configure({login: "redirect"}); void accessFetch("/data")`, "a form": form,
		} {
			t.Run(strings.TrimPrefix(origin, "https://")+", "+name, func(t *testing.T) {
				tab := newPerson(t, blocked).tab().enter(origin + "/loose-app")
				tab.until(`document.documentElement.dataset.ready === "yes"`)
				tab.forgetAll(origin, teamURL)
				visited := tab.visits()
				leave := func(by string) { // what comes out of the browser's memory is there again
					t.Helper()
					tab.run(network.DeleteCookies("__Host-ostiary-hops").WithURL(origin + "/")) // a minute later: it looks like no circle
					tab.run(chromedp.Evaluate(`void (globalThis.left = true); addEventListener("pageshow", () => { left = false }); `+by, nil))
				}
				there := func() {
					t.Helper()
					tab.until(`!globalThis.left && location.origin === "` + origin + `" && !location.pathname.startsWith("/.access/") &&
						document.documentElement.dataset.ready === "yes"`)
					tab.answered()
				}
				leave(begins)
				tab.fill(map[string]string{"username": tab.name, "password": password})
				there()
				all := visited()
				if len(all) < 3 {
					t.Fatal(all)
				}
				for _, i := range rand.Perm(len(all)) {
					leave(`void (location.href = "` + all[i] + `")`)
					there()
				}
				_, entries := tab.history()
				for _, i := range rand.Perm(len(entries)) {
					at, now := tab.history()
					entry := entries[i]
					if !strings.HasPrefix(entry.URL, "https://") || now[at].ID == entry.ID ||
						!slices.ContainsFunc(now, func(e *page.NavigationEntry) bool { return e.ID == entry.ID }) {
						continue // going on from an earlier one took it away
					}
					if strings.Contains(entry.URL, "/.access/") { // else it may be of the document that is there
						leave("void 0")
					}
					tab.run(chromedp.ActionFunc(func(ctx context.Context) error { return page.NavigateToHistoryEntry(entry.ID).Do(ctx) }))
					there()
				}
				leave("void location.reload()")
				there()
			})
		}
	}
}

// history is where the tab is in its history, and what that holds.
func (t *tab) history() (at int64, all []*page.NavigationEntry) {
	t.t.Helper()
	t.run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		at, all, err = page.GetNavigationHistory().Do(ctx)
		return err
	}))
	return at, all
}
