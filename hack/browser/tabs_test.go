// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// maxCookies is what one host may be sent of a sign-in, in bytes: half of what nginx
// takes in a line by default.
const maxCookies = 4096

// restore opens tabs at once, as a browser does in the morning.
func (p *person) restore(urls []string) []*tab {
	p.t.Helper()
	tabs := make([]*tab, len(urls))
	for i := range urls {
		tabs[i] = p.tab()
	}
	var wg sync.WaitGroup
	for i, url := range urls {
		wg.Go(func() {
			err := tabs[i].try(chromedp.ActionFunc(func(ctx context.Context) error {
				_, _, _, _, err := page.Navigate(url).Do(ctx)
				return err
			}))
			if err != nil {
				p.t.Errorf("tab %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	return tabs
}

// bytes is how much a host is sent of cookies.
func (p *person) bytes(origin string) (n int) {
	for name, c := range p.cookies(origin) {
		n += len(name) + len("=") + len(c.Value) + len("; ")
	}
	return n
}

// A session is over, and the browser restores its tabs: of one application, and of
// two. Each tab gets where it wanted to, whatever order people finish them in, and
// what the browser keeps is bounded in bytes at all hosts. One provider has a session
// of its own after the first tab, the other asks in each.
func TestManyTabs(t *testing.T) {
	for _, c := range []struct {
		n      int
		apps   []string
		issuer string
		finish func(*tab)
	}{{16, []string{corp}, env.provider.Issuer, (*tab).signInAtProvider},
		{50, []string{ask1, ask2}, env.asker, (*tab).signInAtAsker}} {
		t.Run(fmt.Sprintf("%d tabs, %d applications", c.n, len(c.apps)), func(t *testing.T) {
			carol := newPerson(t, blocked)
			urls := make([]string, c.n)
			for i := range urls {
				urls[i] = fmt.Sprintf("%s/tab%d?q=%d", c.apps[i%len(c.apps)], i, i)
			}
			tabs := carol.restore(urls)
			bounded := func() {
				t.Helper()
				for _, origin := range append([]string{teamURL}, c.apps...) {
					if n := carol.bytes(origin); n > maxCookies {
						t.Fatalf("%s is sent %d bytes: %v", origin, n, carol.cookies(origin))
					}
				}
			}
			bounded()
			prompts := 0
			for _, i := range rand.Perm(c.n) {
				one := tabs[i]
				// A tab whose key another one has overwritten is asked once more, if no
				// other has finished before it and the provider has no session.
				for try := 0; try < 2 && strings.HasPrefix(one.url(), c.issuer); try++ {
					prompts++
					c.finish(one)
				}
				one.until(fmt.Sprintf(`location.href === %q && document.readyState === "complete"`, urls[i]))
				one.at(urls[i], 200)
			}
			bounded()
			if prompts > c.n+1 {
				t.Errorf("%d prompts", prompts)
			}
			t.Logf("%d prompts; the team host is sent %d bytes, %s %d", prompts, carol.bytes(teamURL), c.apps[0], carol.bytes(c.apps[0]))
		})
	}
}

// signInAtAsker says yes at the provider that asks each time.
func (t *tab) signInAtAsker() {
	t.t.Helper()
	t.after(chromedp.Click(`#yes`, chromedp.ByQuery))
}
