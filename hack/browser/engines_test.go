// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// engines are the browsers that tell the stories of TestEngines.
var engines = []struct {
	name  string
	start func(*testing.T) (engine, error)
}{{"Chromium", startChromium}, {"Firefox", startFirefox}, {"WebKitGTK", startWebKit}}

// stories are what people and pages do in any browser. Each returns what this one did: it is a
// cell of docs/browsers.md. What all must do, a story checks itself.
var stories = []struct {
	name string
	tell func(*visitor) string
}{
	{"Sign-in by redirects; another site's application opens without a prompt", tellRedirect},
	{"Another host of the same site, with cookies: preflights by policy", tellSameSite},
	{"The same without a session: the page reads the 401", tellReadable},
	{"`accessFetch` without a session: a window, and the call goes on", tellPopup},
	{"The same from an isolated page (Cross-Origin-Opener-Policy)", tellIsolated},
	{"Another site's application with its cookie (`SameSite=None`)", tellCrossSite},
	{"The same by `accessFetch`, with a token", tellToken},
	{"A frame with the origin `null`", tellNull},
	{"A service worker answers all visits: sign-in in a window, sign-out", tellWorker},
	{"Sign-out here, and everywhere", tellSignOut},
}

var update = flag.Bool("update", false, "write docs/browsers.md")

const browsersPage = "../../docs/browsers.md"

// TestEngines tells the stories in all browsers, and compares what they did with
// docs/browsers.md. It takes OSTIARY_ENGINES=1 (make test-browsers), as two of the browsers are
// needed for nothing else.
func TestEngines(t *testing.T) {
	if os.Getenv("OSTIARY_ENGINES") == "" {
		t.Skip("Firefox and WebKitGTK are left out: OSTIARY_ENGINES=1, or make test-browsers, has them tell their stories")
	}
	cells := make([][]string, len(stories))
	for i := range cells {
		cells[i] = make([]string, len(engines))
	}
	for j, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			for i, s := range stories {
				t.Run(s.name, func(t *testing.T) {
					v := newVisitor(t, e.start)
					if i == 0 {
						t.Log(v.name())
					}
					cells[i][j] = s.tell(v)
				})
			}
		})
	}
	if t.Failed() {
		return
	}
	got, err := os.ReadFile(browsersPage)
	want := browsersTable(cells)
	switch {
	case *update:
		err = os.WriteFile(browsersPage, want, 0o644)
	case !bytes.Equal(got, want):
		t.Errorf("docs/browsers.md says something else: OSTIARY_ENGINES=1 go test -run TestEngines . -update\n%s", want)
	}
	if err != nil {
		t.Error(err)
	}
}

func browsersTable(cells [][]string) []byte {
	var b bytes.Buffer
	b.WriteString(`# Browsers

What each browser does, told by itself: Debian's Chromium, Firefox ESR and WebKitGTK (the engine of Safari, in GNOME's build), each with a
new profile and its own defaults, behind nginx. ` + "`make test-browsers`" + ` runs the stories and fails if a browser does something else
than this page says. Safari itself has rules that WebKitGTK lacks or leaves off; it was not tried. The hosts' top-level name is on no list
of public suffixes, as those of many private networks: WebKitGTK then takes each host for a site of its own.

| |`)
	for _, e := range engines {
		b.WriteString(" " + e.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(engines)) + "\n")
	for i, s := range stories {
		b.WriteString("| " + s.name + " | " + strings.Join(cells[i], " | ") + " |\n")
	}
	b.WriteString(`
Where cookies are kept from another site's page, ` + "`accessFetch`" + ` calls with a token:
[the guide for authors](guides/app-authors.md#fetch) says how.
All other stories, more than a hundred, run in Chromium alone (` + "`make browser`" + `).
`)
	return b.Bytes()
}

const worked = "works"

// wants fails unless a text begins so.
func (v *visitor) wants(what, got, prefix string) {
	v.t.Helper()
	if !strings.HasPrefix(got, prefix) {
		v.t.Errorf("%s: %q, want %q", what, got, prefix)
	}
}

func tellRedirect(v *visitor) string {
	v.enter(app1 + "/orders?id=7&q=%2F")
	v.open(app2 + "/deep?x=1").at(app2 + "/deep?x=1")
	for _, at := range []string{app1 + "/orders", app2 + "/deep"} {
		if hits := env.apps.at("GET", at); len(hits) != 1 || hits[0].header.Get("X-Access-Email") != v.email {
			v.t.Errorf("what %s was told: %v", at, hits)
		}
	}
	return worked
}

// atBoth has sessions at app1, where the page is, and at another host.
func (v *visitor) atBoth(other string) {
	v.t.Helper()
	v.enter(app1 + "/")
	v.open(other + "/").at(other + "/")
	v.open(app1 + "/").at(app1 + "/")
	v.ready()
	env.apps.forget()
}

func tellSameSite(v *visitor) string {
	v.atBoth(api)
	v.wants("with cookies", v.fetch("fetch", api+"/data", withCookies), "200 ")
	v.wants("a header that is not listed", v.fetch("fetch", api+"/data", `{credentials: "include", headers: {"x-other": "1"}}`), "TypeError")
	v.wants("a method that is not listed", v.fetch("fetch", api+"/data", `{method: "DELETE", credentials: "include"}`), "TypeError")
	if n := len(env.apps.at("OPTIONS", api+"/data")) + len(env.apps.at("DELETE", api+"/data")); n > 0 {
		v.t.Errorf("%d requests reached the application", n)
	}
	if hits := env.apps.at("GET", api+"/data"); len(hits) != 1 || hits[0].header.Get("X-Access-Email") != v.email {
		v.t.Errorf("what the application was told: %v", hits)
	}
	return worked
}

func tellReadable(v *visitor) string {
	v.enter(app1 + "/").ready()
	got := v.fetch("fetch", api+"/data", withCookies)
	v.wants("without a session", got, `401 {"reason":"no-session"`)
	if !strings.Contains(got, api+"/.access/login?rd=") {
		v.t.Errorf("where to sign in: %s", got)
	}
	return worked
}

// signOutBy has the page's script end sessions: here, or all.
func (v *visitor) signOutBy(all bool) {
	v.t.Helper()
	v.ready()
	if got := v.said(fmt.Sprintf(`signOut(%v).then(String)`, all)); got != "true" {
		v.t.Fatalf("signing out: %s", got)
	}
}

// asking has accessFetch wait for a click on the page's heading, which opens the window.
const asking = `configure({login: (_, popup) => new Promise(done => {
	document.querySelector("h1").onclick = () => popup().then(done);
	document.title = "asking";
})})`

// popup calls without a session, and signs in in the window. WebKit opens none once a request
// was made since the click: there the page has its 401, and offers a click of its own.
func (v *visitor) popup() string {
	v.t.Helper()
	env.apps.forget()
	how, call := worked, `{method: "POST", body: "precious"}`
	v.call("/data", call)
	window := v.opened()
	if window == nil {
		v.wants("without a window", v.called(), `401 {"reason":"no-session"`)
		how = "no window after a request: the page has the 401; works by a click of its own (`configure({login})`)"
		v.said("(" + asking + `, "")`)
		v.call("/data", call)
		v.until(`document.title === "asking"`)
		if err := v.click(v.window, "h1"); err != nil {
			v.t.Fatal(err)
		}
		if window = v.opened(); window == nil {
			v.t.Fatal("a click opens no window")
		}
	}
	window.signIn()
	v.until(`!["calling", "asking"].includes(document.title)`)
	v.wants("the call", v.said(`document.title`), "200 ")
	if hits := env.apps.at("POST", v.said(`location.origin`)+"/data"); len(hits) != 1 || hits[0].body != "precious" {
		v.t.Errorf("what reached the application: %v", hits)
	}
	return how
}

func tellPopup(v *visitor) string {
	v.enter(app1 + "/").signOutBy(true)
	return v.popup()
}

func tellIsolated(v *visitor) string {
	v.enter(app1 + "/isolated").signOutBy(true)
	return v.popup()
}

// tellCrossSite is what a browser makes of the cookie of an application that was opened before,
// at another site.
func tellCrossSite(v *visitor) string {
	v.atBoth(app2)
	got := v.fetch("fetch", app2+"/data", withCookies)
	if len(env.apps.at("OPTIONS", app2+"/data")) > 0 {
		v.t.Error("a preflight reached the application")
	}
	if strings.HasPrefix(got, "200 ") {
		return "the cookie is sent"
	}
	v.wants("without the cookie", got, `401 {"reason":"no-session"`)
	return "the cookie is kept back; the page reads the 401"
}

func tellToken(v *visitor) string {
	v.enter(app1 + "/").ready()
	v.wants("with a token", v.fetch("accessFetch", app2+"/data", `{method: "PUT", body: "x"}`), "200 ")
	if hits := env.apps.at("PUT", app2+"/data"); len(hits) != 1 || hits[0].header.Get("X-Access-Email") != v.email {
		v.t.Errorf("what the application was told: %v", hits)
	}
	return worked
}

// tellNull is a sandboxed frame, whose requests have the origin null: who lists it answers.
func tellNull(v *visitor) string {
	v.open(evil + "/loose")
	ask := func(address string) string {
		page := fmt.Sprintf(`<script>fetch(%q, {headers: {"x-csrf": "1"}})
			.then(async r => r.status + " " + (await r.text()), e => String(e)).then(said => parent.postMessage(said, "*"))</script>`, address)
		return v.said(fmt.Sprintf(`new Promise(done => {
			addEventListener("message", e => done(e.data), {once: true});
			const frame = document.createElement("iframe");
			frame.sandbox = "allow-scripts";
			frame.srcdoc = %q;
			document.body.append(frame);
		})`, page))
	}
	v.wants("where it is listed", ask(null+"/data"), `401 {"reason":"no-session"`)
	v.wants("where it is not", ask(send+"/data"), "TypeError")
	for _, origin := range []string{null, send} {
		if n := len(env.apps.at("OPTIONS", origin+"/data")) + len(env.apps.at("GET", origin+"/data")); n > 0 {
			v.t.Errorf("%d requests reached %s", n, origin)
		}
	}
	return "answered where the policy lists it"
}

func tellWorker(v *visitor) string {
	v.enter(home + "/loose-app")
	got := v.said(`navigator.serviceWorker.register("/worker-any.js", {scope: "/"})
		.then(() => navigator.serviceWorker.ready).then(() => "ready", String)`)
	if got != "ready" {
		v.t.Fatalf("the worker: %s", got)
	}
	v.until(`!!navigator.serviceWorker.controller`)
	shell := func() {
		v.open(home + "/loose-app")
		v.until(`document.title.endsWith("/loose-shell") && document.documentElement.dataset.ready === "yes"`)
	}
	shell()
	v.signOutBy(true)
	v.wants("signed out", v.fetch("fetch", "/data", "{}"), "401 ")
	how := v.popup()
	shell()
	v.wants("after the sign-in", v.fetch("fetch", "/data", "{}"), "200 ")
	v.signOutBy(false)
	v.wants("signed out again", v.fetch("fetch", "/data", "{}"), "401 ")
	return how
}

func tellSignOut(v *visitor) string {
	v.atBoth(app2)
	v.open(app1 + "/.access/logout")
	if strings.Contains(v.said(`document.querySelector("form button") ? "asks" : ""`), "asks") { // a typed address may be another site's link
		if err := v.click(v.window, "form button[type=submit]"); err != nil {
			v.t.Fatal(err)
		}
		v.until(`!document.querySelector("form button") && document.readyState === "complete"`)
	}
	v.open(app1 + "/page").at(app1 + "/page") // the team session is still there: no prompt
	v.signOutBy(true)
	for end := time.Now().Add(patience); ; { // both replicas know it within a second
		v.open(app2 + "/page")
		v.until(`document.readyState === "complete"`)
		if v.said(`document.querySelector("input[name=password]") ? "asked" : ""`) == "asked" {
			return worked
		}
		if time.Now().After(end) {
			v.t.Fatal("the session is still there")
		}
	}
}
