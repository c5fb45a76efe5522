// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The profiles are what they are called: one sends a third party its cookies.
func TestProfiles(t *testing.T) {
	for p, want := range map[profile]bool{blocked: false, allowed: true} {
		t.Run(string(p), func(t *testing.T) {
			tab := newPerson(t, p).tab().open(evil + "/loose")
			tab.run(chromedp.Evaluate(`void (document.cookie = "party=third; SameSite=None; Secure; Path=/")`, nil))
			tab.open(free + "/loose")
			if r := tab.fetch("fetch", evil+"/data", `{credentials: "include"}`); r.Status != 200 {
				t.Fatalf("%+v", r)
			}
			for _, h := range env.apps.at("GET", evil+"/data") {
				if got := strings.Contains(h.header.Get("Cookie"), "party=third"); got != want {
					t.Errorf("the cookie was sent: %v", got)
				}
			}
		})
	}
}
