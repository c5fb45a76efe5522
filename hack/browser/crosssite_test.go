// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// Another site's page sends a form, and opens a WebSocket, with the session of whoever
// looks at it: neither reaches the application, whatever the cookie's SameSite. Its own
// pages can do both, and so can a page that cors lists.
func TestCrossSite(t *testing.T) {
	for _, origin := range []string{app1, app2} { // one cookie is Lax, the other None
		t.Run(origin, func(t *testing.T) {
			tab := newPerson(t, allowed).tab().enter(origin + "/loose")
			same := map[string]string{app1: "Lax", app2: "None"}[origin]
			if c := tab.cookies(origin)[sessionCookie]; c == nil || string(c.SameSite) != same {
				t.Fatalf("the cookie: %+v, want %s", c, same)
			}
			form := func() {
				tab.after(chromedp.Evaluate(fmt.Sprintf(`(() => { const f = document.createElement("form"); f.method = "post"; f.action = %q; document.body.append(f); f.submit() })()`, origin+"/save"), nil))
			}
			socket := func() {
				tab.eval1(fmt.Sprintf(`new Promise(done => { const s = new WebSocket(%q); s.onopen = s.onerror = () => done(true) })`, "wss"+
					origin[len("https"):]+"/socket"))
			}
			for _, c := range []struct {
				from         string
				form, socket bool // what reaches the application
			}{{origin, true, true}, {evil, false, false}, {app1, true, true}} { // app2 lists app1
				tab.open(c.from + "/loose")
				env.apps.forget()
				socket()
				form()
				if got := len(env.apps.at("GET", origin+"/socket")) > 0; got != c.socket {
					t.Errorf("a WebSocket of %s: reaches it: %v", c.from, got)
				}
				if got := len(env.apps.at("POST", origin+"/save")) > 0; got != c.form {
					t.Errorf("a form of %s: reaches it: %v", c.from, got)
				}
			}
		})
	}
}
