// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// long is what Grafana and Kibana make: longer than a sign-in carries.
var long = "/explore?panes=" + strings.Repeat("%7B%22a%22%3A", 400) + "&q=1#row=7"

// A link of some kilobytes survives the sign-in, its fragment too: by a form, by the
// provider, by a renewal that nobody sees, and by nginx's own redirect to the login.
func TestLongAddress(t *testing.T) {
	arrived := func(tab *tab, address string) {
		t.Helper()
		tab.until(fmt.Sprintf(`location.href === %q && document.readyState === "complete"`, address))
		tab.at(address, 200)
		if tab.eval1(`sessionStorage.getItem("ostiary-address") !== null`) {
			t.Error("the tab still keeps the address")
		}
	}
	ann := newPerson(t, blocked).tab().open(app1 + long)
	ann.fill(map[string]string{"username": ann.name, "password": password})
	arrived(ann, app1+long)

	ann.forget(app1) // the team session is still there
	ann.open(app1 + long + "2")
	arrived(ann, app1+long+"2")

	ann.forget(app1)
	ann.open(app1 + "/.access/login?rd=" + url.QueryEscape(long))
	arrived(ann, app1+long)

	carol := newPerson(t, blocked).tab().open(corp + long)
	carol.fill(map[string]string{"user": "carol"})
	arrived(carol, corp+long)
}

// fill fills in a form, once a page that moves on by itself has led to it.
func (t *tab) fill(values map[string]string) {
	t.t.Helper()
	script := ""
	for name, value := range values {
		field := fmt.Sprintf(`document.querySelector("input[name=%s]")`, name)
		t.until(fmt.Sprintf(`!!%s && document.readyState === "complete"`, field))
		script += fmt.Sprintf(`%s.value = %q; `, field, value)
	}
	t.run(chromedp.Evaluate(script+`document.querySelector("form button:not([type=button])").click()`, nil))
}

// Where no script runs, the path is kept, and the page says what is not.
func TestLongAddressWithoutScripts(t *testing.T) {
	tab := newPerson(t, blocked).tab()
	tab.run(emulation.SetScriptExecutionDisabled(true))
	tab.open(app1 + long)
	tab.signIn()
	tab.wants("too long to keep during sign-in")
	tab.after(chromedp.Click(`a#go`, chromedp.ByQuery))
	tab.at(app1+"/explore", 200)
}

// What a page wrote where the tab keeps an address leads to no other host, and to no other page
// of this one than the sign-in did.
func TestKeptAddressIsOfThePage(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(app1 + "/loose-app")
	for i, kept := range []string{evil + "/explore0?x", "//evil.other.test/explore1", "javascript:document.title='stolen'", "/other?x=1",
		`\\evil.other.test\explore4`, "/.access/logout?all", "https://", ""} {
		tab.open(app1 + "/loose-app")
		tab.eval1(fmt.Sprintf(`(sessionStorage.setItem("ostiary-address", %q), true)`, kept))
		tab.forget(app1)
		tab.open(fmt.Sprintf("%s/.access/login?rd=%%2Fexplore%d&cut=1", app1, i)) // of one address it would look like a circle
		tab.until(`!!document.getElementById("go") && document.readyState === "complete"`)
		tab.wants("too long to keep during sign-in")
		if at := tab.url(); !strings.HasPrefix(at, app1+"/.access/authorized?") {
			t.Errorf("%q leads to %s", kept, at)
		}
	}
}

// accessFetch that signs in by a redirect comes back to a long address, too.
func TestLongAddressOfAScript(t *testing.T) {
	for _, origin := range []string{app1, home} { // home is of the team host's site
		address := origin + "/loose-app?x=" + strings.Repeat("y", 4000) + "#top"
		tab := newPerson(t, blocked).tab().enter(origin + "/loose-app").open(address)
		tab.until(`document.documentElement.dataset.ready === "yes"`)
		tab.forget(origin)
		tab.run(chromedp.Evaluate(`configure({login: "redirect"}); void (location.seen = true); void accessFetch("/data")`, nil))
		tab.until(fmt.Sprintf(`!location.seen && location.href === %q && document.documentElement.dataset.ready === "yes"`, address))
		tab.answered()
	}
}
