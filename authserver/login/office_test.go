// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/public"
)

// TestOffice: a thousand people behind one address, each with a browser that was never
// seen before, sign in at one moment. THREATS F30.
func TestOffice(t *testing.T) {
	s := newSite(t, nil)
	p := newOpenIDProvider(t)
	p.use(s)
	s.replicas = s.replicas[:1]
	s.stop() // no time goes by
	transport := s.browser().client.Transport
	office := make(chan *browser)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for b := range office {
				at := b.get(s.url("app1.example.com", "/"))
				if at.status != http.StatusFound || b.get(p.finish(at.location)).status != http.StatusOK {
					t.Error("somebody is not let in")
				}
			}
		})
	}
	for range 1000 {
		jar, _ := cookiejar.New(nil) // it never fails
		office <- &browser{site: s, follow: true, client: &http.Client{Jar: jar, Transport: transport,
			CheckRedirect: func(r *http.Request, _ []*http.Request) error {
				if r.URL.Path == "/authorize" {
					return http.ErrUseLastResponse
				}
				return nil
			}}}
	}
	close(office)
	wg.Wait()
}

// TestVisitsCostNothing: a window with many tabs, and a thousand such.
func TestVisitsCostNothing(t *testing.T) {
	s := newSite(t, nil)
	newOpenIDProvider(t).use(s)
	s.stop()
	b := s.browser()
	b.follow = false
	next := s.url("app1.example.com", "/")
	for !strings.HasPrefix(next, s.url("auth.example.com", "/")) {
		next = b.get(next).location
		if strings.HasPrefix(next, "/") {
			next = s.url("app1.example.com", next)
		}
	}
	for range 1100 { // the limit was 1000
		if p := b.get(next); p.status != http.StatusFound {
			t.Fatalf("%d", p.status)
		}
	}
}

// TestOfficeWithPasswords: more built-in users than an address once had guesses, and one of
// ten mistypes first.
func TestOfficeWithPasswords(t *testing.T) {
	const count = 65
	s := newSite(t, nil)
	var names []string
	for i := range count {
		names = append(names, fmt.Sprint("user", i))
	}
	if problems := s.providers.Update([]idp.Config{{Name: "people", Type: "users", Users: people(t, names...)}}); len(problems) > 0 {
		t.Fatal(problems)
	}
	s.replicas = s.replicas[:1]
	s.stop()
	for i, name := range names {
		b := s.browser()
		form := b.get(s.url("app1.example.com", "/"))
		if i%10 == 0 {
			b.want(b.signIn(form, name, "wrong"), http.StatusUnauthorized, "")
		}
		b.want(b.signIn(form, name, password), http.StatusOK, "for "+name)
	}
}

// A try is one that limits are asked about.
type try struct {
	address, account, device string
	right                    bool
	after                    time.Duration
}

func tries(r *rand.Rand, n int) []try {
	all := make([]try, n)
	for i := range all {
		all[i] = try{address: fmt.Sprint("192.0.2.", r.IntN(3)), account: fmt.Sprint("user", r.IntN(3)), right: r.IntN(3) == 0,
			after: time.Duration(r.IntN(4)) * time.Second}
		if r.IntN(5) == 0 {
			all[i].device = "device of " + all[i].account
		}
	}
	return all
}

// TestOnlyGuessesCount: leave out of any sequence all right passwords, and all that was
// refused: what is left is answered the same. THREATS F30.
func TestOnlyGuessesCount(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		all, alone, now := newLimits(), newLimits(), time.Now()
		wrong := map[string]int{}
		for i, one := range tries(r, 600) {
			now = now.Add(one.after)
			charge, ok := all.guess(netip.MustParseAddr(one.address), one.account, one.device, now)
			if !ok {
				continue
			}
			if one.right {
				charge.giveBack()
				continue
			}
			wrong[one.address+" "+one.account+one.device]++
			if _, ok := alone.guess(netip.MustParseAddr(one.address), one.account, one.device, now); !ok {
				t.Fatalf("seed %d, %d: %+v is let through by what came before it, and was no guess", seed, i, one)
			}
		}
		span := 0
		for _, n := range wrong {
			span = max(span, n)
		}
		if span == 0 || span > 10+int(600*4*time.Second/(30*time.Second)) {
			t.Errorf("seed %d: %d guesses at one account from one address", seed, span)
		}
	}
}

// TestOwnerIsNotKeptOut: whatever others guess from wherever, the owner gets in from a
// device that signed in before; and while thieves sit at one address, from any other. THREATS F30.
func TestOwnerIsNotKeptOut(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		l, now := newLimits(), time.Now()
		spread := seed%2 == 0 // thieves have many addresses
		for range 2000 {
			now = now.Add(time.Duration(r.IntN(2)) * time.Second)
			thief := netip.MustParseAddr("198.51.100.1")
			if spread {
				thief = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256)), 1, byte(r.IntN(256))})
			}
			l.guess(thief, "people\x00ann", "", now)
			if c, ok := l.guess(thief, "people\x00ann", "hers", now); !ok {
				t.Fatalf("seed %d: her device is kept out, in the thieves' own network", seed)
			} else {
				c.giveBack()
			}
			if c, ok := l.guess(netip.MustParseAddr("203.0.113.9"), "people\x00ann", "", now); ok {
				c.giveBack()
			} else if !spread {
				t.Fatalf("seed %d: thieves at one address keep her out of another", seed)
			}
		}
	}
}

// TestNetworkOfAddresses: one client has one limit, whichever of its addresses it uses.
func TestNetworkOfAddresses(t *testing.T) {
	l, now := newLimits(), time.Now()
	let := 0
	for i := range 1000 {
		a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i), 14: byte(i >> 8), 9: byte(i)})
		if _, ok := l.guess(a, "ann", "", now); ok {
			let++
		}
	}
	if let != 10 {
		t.Errorf("%d guesses at one account from one /64", let)
	}
	for _, same := range [][2]string{{"192.0.2.1", "::ffff:192.0.2.1"}, {"fe80::1%eth0", "fe80::2%eth1"}} {
		if public.Network(netip.MustParseAddr(same[0])) != public.Network(netip.MustParseAddr(same[1])) {
			t.Error(same)
		}
	}
	if strings.Contains(public.Network(netip.MustParseAddr("fe80::1%eth0")), "%") {
		t.Error("a zone is the client's to choose")
	}
}

// TestExchangesThatFail: what a provider takes costs nothing, and what it refuses does.
func TestExchangesThatFail(t *testing.T) {
	s := newSite(t, nil)
	p := newOpenIDProvider(t)
	p.use(s)
	s.replicas = s.replicas[:1]
	s.stop()
	l := s.replicas[0].limits
	for range 999 { // one is left
		l.exchange(s.address, "", s.now())
	}
	b := s.browser()
	b.follow = false
	authorize := func(b *browser) string {
		at := b.get(s.url("app1.example.com", "/"))
		for at.location != "" && !strings.HasPrefix(at.location, p.server.URL) {
			next, _ := at.at.Parse(at.location)
			at = b.get(next.String())
		}
		return at.location
	}
	state := func(to string) string { u, _ := url.Parse(to); return u.Query().Get("state") }
	for range 3 {
		fresh := s.browser()
		fresh.follow = false
		if at := fresh.get(p.finish(authorize(fresh))); at.status != http.StatusFound {
			t.Fatalf("a right code: %d", at.status)
		}
	}
	bad := func() int {
		return b.get(s.url("auth.example.com", "/.access/idp/corp/callback?code=none&state="+url.QueryEscape(state(authorize(b))))).status
	}
	if first, second := bad(), bad(); first == http.StatusTooManyRequests || second != http.StatusTooManyRequests {
		t.Errorf("%d, %d", first, second)
	}
}
