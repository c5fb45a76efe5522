// SPDX-License-Identifier: Apache-2.0

package login

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// scripted is what a browser does that runs the scripts of our pages: it goes on until a page is left,
// and returns the addresses that it had in its bar.
func (b *browser) scripted(p *openIDProvider, at page) (end page, visited []string) {
	b.t.Helper()
	for range 20 {
		at = b.walk(p, at)
		visited = append(visited, at.at.String())
		if !strings.Contains(at.body, `<form id="onward"`) {
			return at, visited
		}
		form, data := at.onward(b.t)
		answer := b.byScript(data["action"], b.url(teamAt, ""), form)
		to := data["data-to"]
		if answer.status != http.StatusOK { // and so the form is sent
			at = b.do(http.MethodPost, data["action"], form, "Origin", b.url(teamAt, ""), "Sec-Fetch-Mode", "navigate")
			visited = append(visited, data["action"])
			continue
		}
		if to == "" {
			to = answer.to()
		}
		visited = append(visited, to)
		at = b.get(to)
	}
	b.t.Fatalf("it goes round in circles at %s", at.at)
	return at, visited
}

// begins are the ways in which a page has a sign-in begin, and where it ends.
var begins = map[string]struct {
	begin func(*browser) page
	ends  string
}{
	"accessFetch, in a window": {func(b *browser) page {
		return b.get(b.byScript(b.url(app1, "/.access/login"), b.url(app1, ""), url.Values{"rd": {"/.access/done?0.5"}, "for": {"/x"}}).to())
	}, "signed in"},
	"accessFetch, by redirects": {func(b *browser) page {
		return b.get(b.byScript(b.url(app1, "/.access/login"), b.url(app1, ""), url.Values{"rd": {"/x?y=1&z=2"}}).to())
	}, "/x?y=1&z=2 for"},
	"a form": {func(b *browser) page {
		return b.do(http.MethodPost, b.url(app1, "/.access/login"), url.Values{"rd": {"/x?y=1&z=2"}}, "Sec-Fetch-Mode", "navigate",
			"Sec-Fetch-Site", "same-origin")
	}, "/x?y=1&z=2 for"},
	"a link of the team host": {func(b *browser) page {
		return b.get(b.url(teamAt, "/.access/login/app1.example.com?redirect_url="+url.QueryEscape("/x?y=1&z=2")))
	}, "/x?y=1&z=2 for"},
}

// TestFinishedAddressesOfScripts: a sign-in that a page began, by a script or a form, leaves addresses
// behind as one by visits does. Back, a reload and a bookmark of any of them, in any order, ends at the
// application, asks for no password, and signs nobody in who has signed out.
func TestFinishedAddressesOfScripts(t *testing.T) {
	for _, kind := range []string{"an OpenID provider", "built-in users"} {
		for name, c := range begins {
			t.Run(kind+", "+name, func(t *testing.T) {
				s := newSite(t, nil)
				var p *openIDProvider
				if kind == "an OpenID provider" {
					p = newOpenIDProvider(t)
					p.use(s)
				}
				b := s.browser()
				b.follow = false
				at := c.begin(b)
				first := len(b.visited)
				end, all := b.scripted(p, at)
				b.want(end, 200, c.ends)
				for _, address := range b.visited[first-1:] { // with those that led on by themselves
					if !strings.HasPrefix(address, "http://") {
						all = append(all, address)
					}
				}
				slices.Sort(all)
				all = slices.Compact(all)
				if len(all) < 4 {
					t.Fatal(all)
				}
				for _, later := range []time.Duration{0, 15 * time.Minute, time.Hour} {
					s.later(later)
					for _, i := range rand.Perm(len(all)) {
						s.later(time.Minute) // not so often in a minute that it looks like a circle
						end, _ := b.scripted(p, b.get(all[i]))
						if end.status != 200 || end.at.Hostname() != app1 {
							t.Errorf("%v later, %.90s: %d at %.90s", later, all[i], end.status, end.at)
						}
					}
				}
				b.get(s.url(app1, "/.access/logout?all"), "Sec-Fetch-Site", "same-origin")
				for _, address := range all {
					if q := b.get(address); q.hasSession() || strings.Contains(strings.Join(q.header.Values("Set-Cookie"), ";"), teamCookie+"=ey") {
						t.Errorf("signed in by %s", address)
					}
				}
			})
		}
	}
}
