// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// call presses the page's button, a gesture, which calls with accessFetch.
func (t *tab) call(url, init string) {
	t.t.Helper()
	t.until(`document.documentElement.dataset.ready === "yes"`)
	t.run(chromedp.Evaluate(fmt.Sprintf(`document.querySelector("#call").dataset.call = JSON.stringify({url: %q, init: %s}); document.title = "calling"`, url, init), nil))
	t.run(chromedp.Click(`#call`, chromedp.ByQuery))
}

// called waits until the call has ended, and returns the title that says how.
func (t *tab) called() (title string) {
	t.t.Helper()
	t.until(`document.title !== "calling"`)
	t.run(chromedp.Title(&title))
	return title
}

// One token serves many calls, at once and after another, and none is on a
// request to any other origin.
func TestTokens(t *testing.T) {
	tab := signedIn(t, blocked)
	var statuses []int
	tab.until(`document.documentElement.dataset.ready === "yes"`)
	tab.eval(fmt.Sprintf(`Promise.all([1, 2, 3, 4, 5].map(i => accessFetch(%q + i, {method: "POST", body: "x" + i}).then(r => r.status)))`,
		app2+"/data"), &statuses)
	if fmt.Sprint(statuses) != "[200 200 200 200 200]" {
		t.Errorf("five at once: %v", statuses)
	}
	tokens := map[string]bool{}
	for i := 1; i <= 5; i++ {
		for _, h := range env.apps.at("POST", fmt.Sprintf("%s/data%d", app2, i)) {
			tokens[h.header.Get("Authorization")] = true
			if h.body != fmt.Sprint("x", i) || h.header.Get("X-Access-Email") != tab.email ||
				strings.Contains(h.header.Get("Cookie"), sessionCookie) {
				t.Errorf("what app2 got: %+v", h)
			}
		}
	}
	if len(tokens) != 1 {
		t.Errorf("%d tokens", len(tokens))
	}
	// app2 was never opened, and still nobody had to: no cookie of it is there.
	if got := tab.cookies(app2); len(got) > 0 {
		t.Errorf("cookies: %v", got)
	}
	// An application that takes no tokens gets a plain fetch, and so does everybody else.
	tab.fetch("accessFetch", api+"/data", withCookies)
	tab.open(api+"/").at(api+"/", 200)
	tab.open(app1 + "/")
	if r := tab.fetch("accessFetch", api+"/data", withCookies); r.Status != 200 {
		t.Errorf("an application that takes no tokens: %+v", r)
	}
	for _, h := range env.apps.at("GET", api+"/data") {
		if h.header.Get("Authorization") != "" {
			t.Error("a token went to an application that takes none")
		}
	}
}

// A token follows no redirect: neither accessFetch lets it, nor the browser.
func TestTokenAndRedirect(t *testing.T) {
	tab := signedIn(t, blocked)
	tab.open(app1 + "/loose") // its policy allows any origin
	for name, script := range map[string]string{
		"accessFetch": `import("/.access/client.js").then(m => m.accessFetch(%q))`,
		"fetch":       `fetch("/.access/token?for=%[2]s").then(r => r.json()).then(t => fetch(%[1]q, {headers: {Authorization: "Bearer " + t.access_token}}))`,
	} {
		env.apps.forget()
		if strings.Contains(script, "%[2]s") {
			script = fmt.Sprintf(script, app2+"/redirect?to="+evil+"/data", url.QueryEscape(app2))
		} else {
			script = fmt.Sprintf(script, app2+"/redirect?to="+evil+"/data")
		}
		var end string
		tab.eval(script+`.then(r => String(r.status), e => String(e))`, &end)
		if got := env.apps.at("GET", app2+"/redirect"); len(got) != 1 || got[0].header.Get("Authorization") == "" {
			t.Fatalf("%s: app2 was to be called with a token: %s, %v", name, end, got)
		}
		for _, method := range []string{"GET", "OPTIONS"} {
			for _, h := range env.apps.at(method, evil+"/data") {
				if got := h.header.Get("Authorization") + h.header.Get("Access-Control-Request-Headers"); got != "" {
					t.Errorf("%s took a token along: %s", name, got)
				}
			}
		}
		if got := len(env.apps.at("GET", evil+"/data")); name == "accessFetch" && got > 0 {
			t.Errorf("%s followed the redirect", name)
		}
	}
}

// redirect: the page goes to sign in, and is back with the call to make again.
func TestRedirectMode(t *testing.T) {
	tab := signedIn(t, blocked)
	tab.open(app1 + "/page?q=1#part")
	tab.until(`document.documentElement.dataset.ready === "yes"`)
	tab.forget(app1)
	tab.path()
	tab.run(chromedp.Evaluate(`configure({login: "redirect"}); void accessFetch("/data")`, nil))
	tab.until(`performance.getEntriesByType("navigation")[0].redirectCount > 0 || !globalThis.configure`)
	tab.until(`location.href === "` + app1 + `/page?q=1#part" && document.documentElement.dataset.ready === "yes"`)
	if r := tab.fetch("accessFetch", "/data", "{}"); r.Status != 200 {
		t.Errorf("%+v", r)
	}
}

// A stolen token is of no use from another origin, at another application, or
// later than its five minutes.
func TestStolenToken(t *testing.T) {
	tab := signedIn(t, blocked)
	address := "/.access/token?for=" + url.QueryEscape(app2)
	var answer struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Seconds int    `json:"expires_in"`
	}
	r := tab.fetch("fetch", address, "{}")
	if err := json.Unmarshal([]byte(r.Body), &answer); err != nil || answer.Type != "Bearer" || answer.Seconds > 300 || answer.Seconds < 290 {
		t.Fatalf("%+v", r)
	}
	claims := claimsOf(t, answer.Token)
	if claims.Expires-claims.IssuedAt > 300 || claims.Party != app1 || fmt.Sprint(claims.Audience) != "[shop/app2]" {
		t.Errorf("claims: %+v", claims)
	}
	for _, c := range []struct {
		name, origin, at string
		status           int
	}{
		{"where it belongs", app1, app2 + "/data", 200},
		{"no origin", "", app2 + "/data", 401},
		{"another origin", evil, app2 + "/data", 401},
		{"another origin that may have tokens", quik, app2 + "/data", 401},
		{"the origin null", "null", app2 + "/data", 401},
		{"another application", app1, api + "/data", 401},
		{"the application that it came from", app1, app1 + "/data", 401},
	} {
		if got := request(t, c.at, http.Header{"Origin": {c.origin}, "Authorization": {"Bearer " + answer.Token}}); got.StatusCode != c.status {
			t.Errorf("%s: %d %s", c.name, got.StatusCode, got.Header.Get("X-Access-Reason"))
		}
		if got := request(t, c.at, http.Header{"Origin": {c.origin}, "Cookie": {sessionCookie + "=" + answer.Token}}); got.StatusCode == 200 &&
			c.status != 200 {
			t.Errorf("%s, as a cookie: %d", c.name, got.StatusCode)
		}
	}
	// And a token gets no further token.
	if got := request(t, app1+address, http.Header{"X-Requested-With": {"x"},
		"Authorization": {"Bearer " + answer.Token}}); got.StatusCode != 401 {
		t.Errorf("a token for a token: %d", got.StatusCode)
	}
}

// A token ends with the session that it came from, and is refused at once.
func TestTokenExpires(t *testing.T) {
	tab := newPerson(t, blocked).tab().enter(quik + "/")
	r := tab.fetch("fetch", "/.access/token?for="+url.QueryEscape(app2), "{}")
	var answer struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(r.Body), &answer); err != nil || answer.Seconds > quickSession {
		t.Fatalf("%+v", r)
	}
	stolen := http.Header{"Origin": {quik}, "Authorization": {"Bearer " + answer.Token}}
	if got := request(t, app2+"/data", stolen); got.StatusCode != 200 {
		t.Errorf("in time: %d %s", got.StatusCode, got.Header.Get("X-Access-Reason"))
	}
	time.Sleep((quickSession + 1) * time.Second)
	if got := request(t, app2+"/data", stolen); got.StatusCode != 401 || got.Header.Get("X-Access-Reason") != "session-expired" {
		t.Errorf("too late: %d %s", got.StatusCode, got.Header.Get("X-Access-Reason"))
	}
}

// Nobody but the application's own pages gets a token.
func TestTokenEndpoint(t *testing.T) {
	tab := signedIn(t, allowed)
	address := app1 + "/.access/token?for=" + url.QueryEscape(app2)
	for _, c := range []struct {
		at     string
		status int
	}{
		{"/.access/token?for=" + url.QueryEscape(api), 403}, // takes none
		{"/.access/token?for=" + url.QueryEscape(app3), 403},
		{"/.access/token?for=" + url.QueryEscape(app1), 403},
		{"/.access/token?for=" + url.QueryEscape("http://app2.hostname.test"), 400},
		{"/.access/token?for=" + url.QueryEscape(app2+":8443"), 400},
		{"/.access/token?for=" + url.QueryEscape(app2+"/"), 400},
		{"/.access/token", 400},
	} {
		if r := tab.fetch("fetch", c.at, "{}"); r.Status != c.status || strings.Contains(r.Body, "access_token") {
			t.Errorf("%s: %+v", c.at, r)
		}
	}
	tab.open(api+"/").at(api+"/", 200)
	tab.open(evil + "/loose")
	for _, init := range []string{`{credentials: "include"}`, `{credentials: "include", mode: "no-cors"}`,
		`{credentials: "include", headers: {"X-Requested-With": "x"}}`} {
		if r := tab.fetch("fetch", address, init); r.Status != 0 || r.Body != "" {
			t.Errorf("another origin: %+v", r)
		}
	}
	tab.open(address) // a navigation is no page's own call
	if tab.status != 403 || strings.Contains(tab.text(), "access_token") {
		t.Errorf("a navigation: %d %s", tab.status, tab.text())
	}
}

type claims struct {
	Audience []string `json:"aud"`
	Party    string   `json:"azp"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
}

func claimsOf(t *testing.T, token string) (c claims) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("this is no token: %s", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// request asks without a browser, as a thief does. An empty value is no header.
func request(t *testing.T, address string, header http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		if values[0] != "" {
			r.Header[name] = values
		}
	}
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: env.ca, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, env.listen)
			}},
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // status and header are wanted
	_ = resp.Body.Close()                 // as above
	return resp
}
