// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// A sender is a way in which a page sends a request, and whether that carries the session: to
// the page's own host, and to another one of the site that lists the page's origin.
type sender struct {
	name       string
	script     string // %s is the address; a promise of its end
	own, other bool
}

// element is the script that adds one, and waits until it has loaded or failed.
func element(kind, set string) string {
	return `new Promise(r => { const e = document.createElement("` + kind + `"); e.onload = e.onerror = () => r(true); ` +
		set + `; document.head.append(e) })`
}

var senders = []sender{
	{"fetch", `fetch("%s").then(() => true, () => true)`, true, false},
	{"fetch-include", `fetch("%s", {credentials: "include"}).then(() => true, () => true)`, true, true},
	{"script", element("script", `e.src = "%s"`), true, true},
	{"script-anonymous", element("script", `e.crossOrigin = "anonymous"; e.src = "%s"`), true, false},
	{"module", element("script", `e.type = "module"; e.src = "%s"`), true, false},
	{"module-with", element("script", `e.type = "module"; e.crossOrigin = "use-credentials"; e.src = "%s"`), true, true},
	{"style", element("link", `e.rel = "stylesheet"; e.href = "%s"`), true, true},
	{"style-anonymous", element("link", `e.rel = "stylesheet"; e.crossOrigin = "anonymous"; e.href = "%s"`), true, false},
	{"preload", element("link", `e.rel = "preload"; e.as = "fetch"; e.crossOrigin = "use-credentials"; e.href = "%s"`), true, true},
	{"font", `new FontFace("x", "url(%s)").load().then(() => true, () => true)`, true, false},
	{"image", element("img", `e.src = "%s"`), true, true},
	{"image-anonymous", element("img", `e.crossOrigin = "anonymous"; e.src = "%s"`), true, false},
	{"image-with", element("img", `e.crossOrigin = "use-credentials"; e.src = "%s"`), true, true},
	{"events", `new Promise(r => { const e = new EventSource("%s"); e.onerror = () => { e.close(); r(true) } })`, true, false},
	{"events-with", `new Promise(r => { const e = new EventSource("%s", {withCredentials: true});
		e.onerror = () => { e.close(); r(true) } })`, true, true},
	{"socket", `new Promise(r => { const s = new WebSocket("%s".replace("https", "wss"));
		s.onopen = s.onerror = () => r(true) })`, true, true},
	{"beacon", `navigator.sendBeacon("%s", "x")`, true, true},
	{"frame", element("iframe", `e.src = "%s"; document.body.append(e); return`), true, true},
}

// TestWhatCarriesTheSession is the table of docs/guides/app-authors.md.
func TestWhatCarriesTheSession(t *testing.T) {
	onceForAllProxies(t)
	tab := signedIn(t, allowed, api)
	tab.open(app1 + "/loose")
	for _, s := range senders {
		for origin, want := range map[string]bool{app1: s.own, api: s.other} {
			address := origin + "/sent-" + s.name
			tab.eval1(fmt.Sprintf(s.script, address))
			if got := arrives(address, want); got != want {
				t.Errorf("%s to %s carries the session: %v", s.name, origin, got)
			}
		}
	}
}

// TestManifest: without its attribute, a manifest is asked for without the session, even at the
// page's own host.
func TestManifest(t *testing.T) {
	onceForAllProxies(t)
	tab := signedIn(t, allowed)
	for attribute, want := range map[string]bool{"": false, "anonymous": false, "use-credentials": true} {
		address := app1 + "/manifest-" + strings.ReplaceAll(attribute, "-", "")
		tab.open(app1 + "/loose")
		tab.eval1(`(() => { const l = document.createElement("link"); l.rel = "manifest"; const how = "` + attribute +
			`"; if (how) l.crossOrigin = how; l.href = "` + address + `"; document.head.append(l); return true })()`)
		tab.run(chromedp.ActionFunc(func(ctx context.Context) error {
			_, _, _, _, err := page.GetAppManifest().Do(ctx)
			return err
		}))
		if got := arrives(address, want); got != want {
			t.Errorf("crossorigin=%q: the application gets it: %v", attribute, got)
		}
	}
}

// arrives reports whether a request came to an application; one that should is waited for.
func arrives(address string, should bool) bool {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if len(env.apps.at("GET", address))+len(env.apps.at("POST", address)) > 0 {
			return true
		}
		if !should || time.Now().After(end) {
			return false
		}
	}
}
