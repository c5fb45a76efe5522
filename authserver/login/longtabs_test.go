// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/dialect"
)

// A hundred tabs at once, each with a link of 4 kB: what the browser keeps at either host does
// not grow with their number nor their length, no address is longer than a proxy takes, and
// each ends at its own page, in any order.
func TestHundredLongTabs(t *testing.T) {
	const tabs, longestLine = 100, 7000
	s := newSite(t, nil)
	p := newOpenIDProvider(t)
	p.use(s)
	b := s.browser()
	b.follow = false
	bounded := func() {
		t.Helper()
		for _, host := range []string{"app1.example.com", "auth.example.com"} {
			if n := b.bytes(host); n > maxJar {
				t.Fatalf("%s is sent %d bytes of cookies", host, n)
			}
		}
	}
	next := make([]string, tabs)
	for i := range next {
		// Those of even numbers are as long as a sign-in carries; the others, the tab keeps.
		query := "?q=" + strings.Repeat("x", 4000)
		if i%2 == 0 {
			query = "?q=" + strings.Repeat("x", dialect.MaxReturn-40)
		}
		rd, cut := dialect.Shorten(fmt.Sprintf("/tab%d", i) + query)
		q := url.Values{"rd": {rd}}
		if cut {
			q.Set("cut", "1")
		}
		next[i] = s.url("app1.example.com", "/.access/login?"+q.Encode())
	}
	pages := b.atOnce(next)
	bounded()
	for i := range next {
		next[i] = pages[i].location
	}
	pages = b.atOnce(next)
	bounded()
	for _, i := range rand.Perm(tabs) {
		at := b.walk(p, pages[i])
		own := s.url("app1.example.com", fmt.Sprintf("/tab%d", i))
		if whole := strings.HasPrefix(at.at.String(), own+"?q=x"); at.status != 200 || !whole && at.links()["Continue"] != own {
			t.Fatalf("tab %d ends at %.60s with %d: %s", i, at.at, at.status, afterMain(at.body))
		} else if whole != (i%2 == 0) {
			t.Errorf("tab %d: whole %v", i, whole)
		}
		bounded()
	}
	for _, v := range b.visited {
		if len(v) > longestLine {
			t.Fatalf("an address of %d bytes", len(v))
		}
	}
}
