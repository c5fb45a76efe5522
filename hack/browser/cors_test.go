// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// withCookies asks for cookies, and for a preflight with its header.
const withCookies = `{credentials: "include", headers: {"x-csrf": "1"}}`

// signedIn is a person with sessions at app1, where the page is, and more hosts.
func signedIn(t *testing.T, p profile, more ...string) *tab {
	t.Helper()
	tab := newPerson(t, p).tab().enter(app1 + "/")
	for _, origin := range more {
		tab.open(origin+"/").at(origin+"/", 200)
	}
	if len(more) > 0 {
		tab.open(app1+"/").at(app1+"/", 200)
	}
	env.apps.forget()
	return tab
}

// The page of app1 calls app2 with cookies: the preflight, which has none, is
// answered before the application, and then come the data.
func TestCrossOriginFetch(t *testing.T) {
	tab := signedIn(t, allowed, app2)
	for _, init := range []string{withCookies, `{method: "PUT", body: "x", credentials: "include"}`, `{credentials: "include"}`} {
		r := tab.fetch("fetch", app2+"/data", init)
		if r.Status != 200 || !strings.Contains(r.Body, tab.email) {
			t.Errorf("%s: %+v", init, r)
		}
	}
	if hits := env.apps.at("OPTIONS", app2+"/data"); len(hits) > 0 {
		t.Errorf("a preflight reached the application: %v", hits)
	}
	if hits := env.apps.at("GET", app2+"/data"); len(hits) != 2 {
		t.Errorf("%d hits", len(hits))
	}
	for _, init := range []string{`{method: "DELETE", credentials: "include"}`, `{credentials: "include", headers: {"x-other": "1"}}`} {
		if r := tab.fetch("fetch", app2+"/data", init); r.Error == "" {
			t.Errorf("not allowed, %s: %+v", init, r)
		}
	}
	if hits := env.apps.at("DELETE", app2+"/data"); len(hits) > 0 {
		t.Error("DELETE reached the application")
	}
}

// The session at another origin is over: the fetch resolves, the page can read
// why, and the address that it reads signs in. Then the same fetch succeeds.
func TestExpiredSessionIsReadable(t *testing.T) {
	tab := signedIn(t, allowed, quik)
	if r := tab.fetch("fetch", quik+"/data", withCookies); r.Status != 200 {
		t.Fatalf("while the session lasts: %+v", r)
	}
	time.Sleep((quickSession + 1) * time.Second)
	refusal := tab.fetch("fetch", quik+"/data", withCookies).refusal(t)
	if refusal.Reason != "session-expired" && refusal.Reason != "no-session" { // the cookie may be gone by then
		t.Errorf("the reason: %+v", refusal)
	}
	if !strings.HasPrefix(refusal.LoginURL, quik+"/.access/login?rd=") {
		t.Fatalf("where to sign in: %+v", refusal)
	}
	logged(t, refusal.RequestID, "quick.site.test")
	second := tab.person.tab().open(refusal.LoginURL)
	second.at(quik+"/data", 200)
	if r := tab.fetch("fetch", quik+"/data", withCookies); r.Status != 200 {
		t.Errorf("after the sign-in: %+v", r)
	}
}

// S8: third-party cookies are blocked. The same site works with cookies; another
// site does not, and the log says why.
func TestThirdPartyCookiesBlocked(t *testing.T) {
	tab := signedIn(t, blocked, api, app2)
	if r := tab.fetch("fetch", api+"/data", withCookies); r.Status != 200 || !strings.Contains(r.Body, tab.email) {
		t.Errorf("same site: %+v", r)
	}
	refusal := tab.fetch("fetch", app2+"/data", withCookies).refusal(t)
	if refusal.Reason != "no-session" {
		t.Errorf("another site: %+v", refusal)
	}
	line := logged(t, refusal.RequestID, "app2.hostname.test")
	for _, want := range []string{`"no-session"`, app1, "third-party cookies are blocked"} {
		if !strings.Contains(line, want) {
			t.Errorf("the log's line does not name %s: %s", want, line)
		}
	}
	// And with a token all is well again.
	if r := tab.fetch("accessFetch", app2+"/data", `{headers: {"x-csrf": "1"}}`); r.Status != 200 || !strings.Contains(r.Body, tab.email) {
		t.Errorf("with a token: %+v", r)
	}
	if hits := env.apps.at("OPTIONS", app2+"/data"); len(hits) > 0 {
		t.Errorf("a preflight reached the application: %v", hits)
	}
}

// S13 to S16: a fetch without a session at app2, whose answer is a redirect to
// the login, fails: the login page allows no origin. A refresh resolves this.
func TestRedirectedFetch(t *testing.T) {
	tab := signedIn(t, allowed)
	for _, init := range []string{withCookies, `{credentials: "include"}`} {
		if r := tab.fetch("fetch", send+"/data", init); r.Error == "" {
			t.Fatalf("%s: %+v", init, r)
		}
	}
	tab.open(send+"/").at(send+"/", 200)
	tab.open(app1 + "/")
	if r := tab.fetch("fetch", send+"/data", withCookies); r.Status != 200 {
		t.Errorf("after app2 was opened once: %+v", r)
	}
}

// S13, S18: after a redirect from one origin to another, the browser sends
// Origin: null. Who lists it answers, who does not refuses.
func TestNullOrigin(t *testing.T) {
	tab := signedIn(t, allowed, app2, null, send)
	via := func(to string) string { return app2 + "/redirect?to=" + to + "/data" }
	r := tab.fetch("fetch", via(null), withCookies)
	if r.Status != 200 || !strings.Contains(r.Body, `"origin":"null"`) || !strings.Contains(r.Body, tab.email) {
		t.Errorf("null is listed: %+v", r)
	}
	if hits := env.apps.at("OPTIONS", null+"/data"); len(hits) > 0 {
		t.Error("a preflight reached the application")
	}
	if r := tab.fetch("fetch", via(send), withCookies); r.Error == "" {
		t.Errorf("null is not listed: %+v", r)
	}
	if hits := env.apps.at("GET", send+"/data"); len(hits) > 0 {
		t.Error("without a preflight that was answered, the request was sent")
	}
}

// S32: with credentials "same-origin" our cookie goes along, with "omit" not.
func TestCredentialsSameOrigin(t *testing.T) {
	tab := signedIn(t, blocked)
	for _, init := range []string{`{credentials: "same-origin"}`, `{}`, `{method: "POST", body: "x"}`} {
		if r := tab.fetch("fetch", "/data", init); r.Status != 200 {
			t.Errorf("%s: %+v", init, r)
		}
	}
	r := tab.fetch("fetch", "/data", `{credentials: "omit"}`)
	if got := r.refusal(t); got.Reason != "no-session" || !strings.HasPrefix(got.LoginURL, app1+"/.access/login") {
		t.Errorf("omit: %+v", got)
	}
}

// S33: a script of app2 in a page of app1 needs crossorigin=use-credentials.
func TestScript(t *testing.T) {
	tab := signedIn(t, allowed, app2)
	tab.open(app1 + "/loose") // the other page's policy has no room for foreign scripts
	load := func(crossorigin string) (end string) {
		tab.eval(fmt.Sprintf(`new Promise(done => {
			const script = document.createElement("script");
			script.crossOrigin = %q;
			script.onload = () => done("loaded"); script.onerror = () => done("failed");
			script.src = %q;
			document.head.append(script);
		})`, crossorigin, app2+"/script.js?"+crossorigin), &end)
		return end
	}
	if got := load("use-credentials"); got != "loaded" {
		t.Errorf("use-credentials: %s", got)
	}
	if got := load("anonymous"); got != "failed" {
		t.Errorf("anonymous: %s", got)
	}
	if hits := env.apps.at("GET", app2+"/script.js"); len(hits) != 1 {
		t.Errorf("%d hits", len(hits))
	}
}

// logged waits for the line of a request in the log, which is written in batches.
func logged(t *testing.T, words ...string) string {
	t.Helper()
	for range 100 {
	lines:
		for line := range strings.SplitSeq(env.log(), "\n") {
			for _, w := range words {
				if !strings.Contains(line, w) {
					continue lines
				}
			}
			return line
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the log has no line with %q", words)
	return ""
}
