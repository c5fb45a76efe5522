// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// TestConsentInAWindow: a client that is a page of another site opens the question in a window. It
// has no hold of that from then on, and cannot lead it elsewhere while the person is about to
// click; nor has the page that the answer goes to of the one that asked. They are of one origin,
// and so can tell each other, and the window can close itself.
func TestConsentInAWindow(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(home + "/")
	tab.open(free + "/loose")
	ask := teamURL + "/.access/oauth/authorize?" + url.Values{"response_type": {"code"}, "client_id": {"web-agent"},
		"redirect_uri": {free + "/loose/done"}, "state": {"s1"}, "code_challenge_method": {"S256"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "resource": {home + "/"}}.Encode()
	window, err := tab.window(func() {
		tab.run(chromedp.Evaluate(`globalThis.heard = "";
			new BroadcastChannel("agent").onmessage = (e) => { heard = e.data };
			void (globalThis.asked = open(`+"`"+ask+"`"+`))`, nil,
			func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithUserGesture(true) }))
	})
	if err != nil {
		t.Fatal(err)
	}
	window.run(chromedp.WaitVisible(`button[value=allow]`, chromedp.ByQuery))
	tab.until(`asked.closed`) // as far as it can see
	tab.run(chromedp.Evaluate(`void (asked.location = "`+evil+`/")`, nil))
	if window.eval1(`opener !== null || name !== ""`) {
		t.Error("the question knows who opened it")
	}
	window.wants("web-agent")
	window.run(chromedp.Click(`button[value=allow]`, chromedp.ByQuery))
	window.until(`location.pathname === "/loose/done" && document.readyState === "complete"`)
	if window.eval1(`opener !== null`) {
		t.Error("the page of the answer has a hold of the one that asked")
	}
	window.run(chromedp.Evaluate(`new BroadcastChannel("agent").postMessage(location.search)`, nil))
	tab.until(`new URLSearchParams(heard).get("code") && new URLSearchParams(heard).get("state") === "s1"`)
	if !shown(tab, free+"/loose/done") {
		t.Fatal("the window is gone before it closes itself")
	}
	window.run(chromedp.Evaluate(`void setTimeout(close, 1)`, nil))
	for end := time.Now().Add(patience); shown(tab, free+"/loose/done"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the window cannot close itself")
		}
	}
	if got := len(env.apps.at("GET", evil+"/")); got > 0 {
		t.Error("the window was led elsewhere")
	}
}

// shown reports whether some window is at an address, or below it.
func shown(t *tab, address string) bool {
	t.t.Helper()
	all, err := target.GetTargets().Do(t.browser())
	if err != nil {
		t.t.Fatal(err)
	}
	return slices.ContainsFunc(all, func(i *target.Info) bool { return strings.HasPrefix(i.URL, address) })
}
