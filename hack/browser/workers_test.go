// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// The service workers. One answers any visit from its cache, whatever its method. The
// other is what generators of progressive web apps write, of Workbox's own files: its
// NavigationRoute answers visits by GET.
const (
	anyVisit = `
const filled = async () => (await caches.open("1")).addAll(["/loose-shell", "/main.js"]);
self.addEventListener("install", e => e.waitUntil(filled().then(() => skipWaiting())));
self.addEventListener("activate", e => e.waitUntil(clients.claim()));
self.addEventListener("fetch", e => {
  if (e.request.mode === "navigate") e.respondWith(caches.match("/loose-shell"));
  if (e.request.url.endsWith("/main.js")) e.respondWith(caches.match("/main.js"));
});`
	workbox = `
importScripts("/worker/workbox-sw.js");
workbox.setConfig({modulePathPrefix: "/worker/", debug: false});
workbox.core.skipWaiting();
workbox.core.clientsClaim();
workbox.precaching.precacheAndRoute([{url: "/loose-shell", revision: "1"}, {url: "/main.js", revision: "1"}]);
workbox.routing.registerRoute(new workbox.routing.NavigationRoute(workbox.precaching.createHandlerBoundToURL("/loose-shell")));`
)

// repaired: the author ships a worker that leaves visits alone.
var repaired atomic.Bool

const repairedWorker = `
self.addEventListener("install", () => skipWaiting());
self.addEventListener("activate", e => e.waitUntil(clients.claim()));`

func serveWorker(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/javascript")
	w.Header().Set("Service-Worker-Allowed", "/")
	if repaired.Load() {
		fmt.Fprint(w, repairedWorker)
		return
	}
	switch r.URL.Path {
	case "/worker-any.js":
		fmt.Fprint(w, anyVisit)
	case "/worker-workbox.js":
		fmt.Fprint(w, workbox)
	default:
		name := strings.TrimSuffix(filepath.Base(r.URL.Path), ".js")
		pkg, _, _ := strings.Cut(name, ".")
		text, err := os.ReadFile(filepath.Join(workboxDir, "node_modules", pkg, "build", name+".js"))
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write(text) // the client has gone
	}
}

const workboxDir = "../../.cache/workbox"

// installWorkbox has npm install Workbox, at the versions of the lock file.
var installWorkbox = sync.OnceValue(func() error {
	if err := os.MkdirAll(workboxDir, 0o750); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", "workbox", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(workboxDir, name), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
	npm.Dir = workboxDir
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
})

// forgetAll removes all cookies of hosts.
func (t *tab) forgetAll(origins ...string) {
	t.t.Helper()
	for _, origin := range origins {
		for name := range t.cookies(origin) {
			t.run(network.DeleteCookies(name).WithURL(origin + "/"))
		}
		if got := t.cookies(origin); len(got) > 0 {
			t.t.Fatalf("%s still has %v", origin, got)
		}
	}
}

// withWorker is a person whose browser has a worker of an application, which answers
// visits with the shell.
func withWorker(t *testing.T, p profile, origin, worker string) *tab {
	t.Helper()
	tab := newPerson(t, p).tab().enter(origin + "/loose-app")
	tab.eval1(fmt.Sprintf(`navigator.serviceWorker.register(%q, {scope: "/"}).then(() => navigator.serviceWorker.ready).then(() => true)`,
		"/worker-"+worker+".js"))
	tab.until(`!!navigator.serviceWorker.controller`)
	tab.shell(origin + "/loose-app")
	return tab
}

// shell visits an address, and fails unless the worker answers it.
func (t *tab) shell(address string) {
	t.t.Helper()
	t.run(chromedp.Navigate(address))
	t.until(`document.title.endsWith("/loose-shell") && document.documentElement.dataset.ready === "yes"`)
}

// refused fails unless the page's own fetch is answered as a script's is that has no session.
func (t *tab) refused() {
	t.t.Helper()
	if got := t.fetch("fetch", "/data", "{}").refusal(t.t); got.Reason != "no-session" {
		t.t.Fatal(got)
	}
}

// answered fails unless the page's own fetch arrives.
func (t *tab) answered() {
	t.t.Helper()
	if r := t.fetch("fetch", "/data", "{}"); r.Status != 200 || !strings.Contains(r.Body, t.email) {
		t.t.Fatalf("%+v", r)
	}
}

// worlds are where an application is, seen from the team host, and which worker it has.
var worlds = []struct {
	name, origin, worker string
	profile              profile
}{
	{"same site, any visit", home, "any", blocked},
	{"same site, Workbox", home, "workbox", blocked},
	{"cross-site, any visit", app1, "any", blocked},
	{"cross-site, Workbox", app1, "workbox", blocked},
	{"cross-site with cookies, any visit", app1, "any", allowed},
	{"cross-site with cookies, Workbox", app1, "workbox", allowed},
}

// ways are how a call begins a sign-in, in an application with a worker.
var ways = map[string]func(t *tab, origin string){
	"popup": func(t *tab, _ string) {
		window, err := t.window(func() { t.call("/data", `{method: "POST", body: "precious"}`) })
		if err != nil {
			t.t.Fatal(err)
		}
		window.until(`!!document.querySelector("input[name=password]")`) // it was empty at first
		window.signIn()
		if got := t.called(); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "precious") {
			t.t.Fatalf("the call: %s; the window is at %s: %s", got, window.url(), window.text())
		}
		t.until(`document.title !== ""`)
	},
	"redirect": func(t *tab, origin string) {
		t.run(chromedp.Evaluate(`configure({login: "redirect"}); void accessFetch("/data")`, nil))
		t.until(`location.host === "auth.team.test" && !!document.querySelector("input[name=password]")`)
		t.run(chromedp.SetValue(`input[name=username]`, t.name, chromedp.ByQuery),
			chromedp.SetValue(`input[name=password]`, password, chromedp.ByQuery),
			chromedp.Click(`form button[type=submit]`, chromedp.ByQuery))
		t.until(`location.origin === "` + origin + `" && document.documentElement.dataset.ready === "yes"`)
	},
}

// A service worker answers all visits to the application from its cache: sign-in and sign-out arrive
// all the same, and so does a repaired worker. These are the six steps of the lock-out.
func TestWorkers(t *testing.T) {
	if err := installWorkbox(); err != nil {
		t.Fatal(err)
	}
	for _, w := range worlds {
		for way, signIn := range ways {
			t.Run(w.name+", "+way, func(t *testing.T) {
				person := withWorker(t, w.profile, w.origin, w.worker) // signed in
				at := w.origin + "/loose-app"
				lose := func(t *tab, address string) { // the session is over
					t.t.Helper()
					t.forgetAll(w.origin, teamURL)
					t.shell(address)
					t.refused()
				}
				for _, step := range []struct {
					name string
					does func(*tab)
				}{
					{"1 a fetch reads the 401", func(t *tab) { lose(t, at) }},
					{"2 accessFetch signs in", func(t *tab) {
						signIn(t, w.origin)
						t.until(`location.href === "` + at + `"`)
						t.answered()
					}},
					{"3 a reload has the session", func(t *tab) {
						t.run(chromedp.Reload())
						t.shell(w.origin + "/loose-other")
						t.answered()
					}},
					{"4 at the login's address, typed", func(t *tab) {
						lose(t, w.origin+"/.access/login?rd=%2F")
						signIn(t, w.origin)
						t.shell(at)
						t.answered()
					}},
					{"5 at the logout's address, typed", func(t *tab) {
						t.shell(w.origin + "/.access/logout")
						if !t.eval1(`signOut()`) || t.cookies(w.origin)[sessionCookie] != nil {
							t.t.Error("the session is still there")
						}
						t.refused()
					}},
					{"6 a repaired worker arrives", func(t *tab) {
						repaired.Store(true)
						defer repaired.Store(false)
						t.eval1(`(async () => {
							const changed = new Promise(done => navigator.serviceWorker.oncontrollerchange = () => done(true));
							await (await navigator.serviceWorker.getRegistration()).update();
							return changed;
						})()`)
						t.forgetAll(teamURL)
						t.run(chromedp.Navigate(at))
						t.until(`location.host === "auth.team.test" && !!document.querySelector("input[name=password]")`)
					}},
				} {
					if !t.Run(step.name, func(t *testing.T) { step.does(person.on(t)) }) {
						return // the others go on from there
					}
				}
			})
		}
	}
}

// on is the tab for a part of a test.
func (t *tab) on(part *testing.T) *tab {
	who := *t.person
	who.t = part
	t.person = &who
	return t
}

// follow drives a window that may close meanwhile: chromedp waits for ever, then.
func (t *tab) follow(id target.ID) (*tab, error) {
	type attached struct {
		tab *tab
		err error
	}
	done := make(chan attached, 1)
	go func() {
		window, err := t.attach(id)
		done <- attached{window, err}
	}()
	select {
	case a := <-done:
		return a.tab, a.err
	case <-time.After(patience / 4):
		return nil, errors.New("the window has gone")
	}
}

// attach drives a tab that is there. The first run decides how long it is driven,
// so that one has no limit of time.
func (p *person) attach(id target.ID) (*tab, error) {
	for try := 0; ; try++ {
		ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithTargetID(id))
		p.t.Cleanup(cancel)
		err := chromedp.Run(ctx)
		// It may go to its first page in this very moment, and be there again in the next.
		if err == nil || try == 10 || !strings.Contains(err.Error(), "navigated or closed") {
			return &tab{person: p, ctx: ctx}, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
