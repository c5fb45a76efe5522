// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// Every kind of session cookie: people get in, by a link of another site too,
// and out again. What a browser makes of the cookie is what the policy says.
func TestCookies(t *testing.T) {
	for _, c := range []struct{ host, name, want string }{
		{"strict.cookie.test", sessionCookie, "Strict true / false false"},
		{"lax.cookie.test", sessionCookie, "Lax true / false false"},
		{"partitioned.cookie.test", sessionCookie, "None true / true false"},
		{"readable.cookie.test", sessionCookie, "Lax false / false true"},
		{"path.cookie.test", "__Secure-ostiary", "Lax true /area false false"},
	} {
		t.Run(c.host, func(t *testing.T) {
			origin := "https://" + c.host
			tab := newPerson(t, blocked).tab().open(evil + "/loose")
			follow := func() { // a link, which another site wrote
				tab.run(chromedp.Evaluate(fmt.Sprintf(`(() => { const a = document.createElement("a"); a.href = %q; document.body.append(a); a.click() })()`, origin+"/area/page?q=1"), nil))
			}
			follow()
			tab.signIn()
			tab.until(fmt.Sprintf(`location.href === %q && document.readyState === "complete"`, origin+"/area/page?q=1"))
			if hits := env.apps.at("GET", origin+"/area/page"); len(hits) != 1 || hits[0].header.Get("X-Access-Email") != tab.email {
				t.Fatalf("what reached the application: %v", hits)
			}
			cookie := tab.cookies(origin)[c.name]
			if cookie == nil {
				t.Fatalf("cookies: %v", tab.cookies(origin))
			}
			readable := tab.eval1(fmt.Sprintf(`document.cookie.includes("%s=")`, c.name))
			if got := fmt.Sprint(cookie.SameSite, " ", cookie.HTTPOnly, " ", cookie.Path, " ", cookie.PartitionKey != nil, " ",
				readable); got != c.want || !cookie.Secure {
				t.Errorf("the cookie: %s, want %s", got, c.want)
			}
			if r := tab.fetch("fetch", "/area/data", "{}"); r.Status != 200 {
				t.Errorf("from its own page: %+v", r)
			}
			tab.open(evil + "/loose")
			env.apps.forget()
			follow() // with a session, which a strict cookie does not show at first
			tab.until(fmt.Sprintf(`location.href === %q && document.readyState === "complete"`, origin+"/area/page?q=1"))
			if hits := env.apps.at("GET", origin+"/area/page"); len(hits) != 1 {
				t.Errorf("the second time: %v", hits)
			}
			tab.run(chromedp.Evaluate(`void (location.href = "/.access/logout")`, nil))
			tab.until(`location.pathname.endsWith("/logout") && document.readyState === "complete"`)
			if got := tab.cookies(origin)[c.name]; got != nil {
				t.Errorf("after the sign-out: %+v", got)
			}
		})
	}
}
