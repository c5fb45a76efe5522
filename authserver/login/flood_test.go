// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// A hundred connections that try wrong passwords without an end stop nobody who has
// the right one: neither a browser that was never seen before, where no address is
// known, nor one that signed in before.
func TestFloodOfPasswords(t *testing.T) {
	s := newSite(t, nil)
	s.address = netip.Addr{} // no proxy is trusted
	known, fresh := s.browser(), s.browser()
	known.want(known.enter("app1.example.com", "/", "bob"), 200, "for bob")
	team, _ := url.Parse(s.url("auth.example.com", "/"))
	known.client.Jar.SetCookies(team, []*http.Cookie{{Name: teamCookie, Path: "/", Secure: true, MaxAge: -1}})
	its, hers := known.get(s.url("app2.example.net", "/")), fresh.get(s.url("app1.example.com", "/"))

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	flood := s.browser()
	form := flood.get(s.url("app1.example.com", "/"))
	for i := range 100 {
		wg.Go(func() {
			fields := url.Values{"username": {[]string{"ann", "bob", "root", "nobody"}[i%4]}, "password": {"wrong"}}
			for _, m := range hidden.FindAllStringSubmatch(form.body, -1) {
				fields.Set(m[1], m[2])
			}
			for ctx.Err() == nil {
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, form.at.Scheme+"://"+form.at.Host+form.at.Path, strings.NewReader(fields.Encode()))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Sec-Fetch-Site", "same-origin")
				resp, err := flood.client.Do(r)
				if err != nil {
					continue // the test is over
				}
				_ = resp.Body.Close() // only that it was answered counts
				if resp.StatusCode == http.StatusOK {
					t.Error("a wrong password is good")
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	time.Sleep(300 * time.Millisecond) // all are under way
	for b, p := range map[*browser]page{known: its, fresh: hers} {
		user := map[*browser]string{known: "bob", fresh: "ann"}[b]
		began := time.Now()
		at := b.signIn(p, user, password)
		if at.status == http.StatusServiceUnavailable { // a machine with much else to do: the page says to try again
			at = b.signIn(at, user, password)
		}
		b.want(at, 200, "for "+user)
		t.Logf("%s got in after %s", user, time.Since(began))
	}
}
