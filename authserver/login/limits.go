// SPDX-License-Identifier: Apache-2.0

package login

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits slow down whoever tries too often, in bounded memory: keys share
// buckets by a hash that nobody outside can steer.
type limits struct {
	seed maphash.Seed
	// visits: visits to a provider, by address. exchanges: answers that are taken to
	// one, by address. addresses: guesses, by address. accounts: guesses at one
	// account, from anywhere. pairs: guesses at one account from one address.
	// fresh: the first of those, and firsts: all of these together, by account.
	// devices: guesses at an account by a browser that signed in to it before.
	// tokens: tokens for other applications, by person.
	visits, exchanges, addresses, accounts, pairs, fresh, firsts, devices, tokens buckets
	// nowhere is for the answers of all clients together whose address is not known.
	nowhere *rate.Limiter
}

// bucketCount bounds the memory of each kind to some 300 KiB.
const bucketCount = 4096

// A kind of limit: how many at once, and how soon one more.
type buckets struct {
	burst int
	every time.Duration
	mu    sync.Mutex
	slots [bucketCount]*rate.Limiter
}

func newLimits() *limits {
	return &limits{
		seed: maphash.MakeSeed(),
		// An office is one address, and in the morning each of its people opens a
		// window with many tabs.
		visits:    buckets{burst: 1000, every: 100 * time.Millisecond},
		exchanges: buckets{burst: 300, every: 200 * time.Millisecond},
		addresses: buckets{burst: 60, every: time.Second},
		// Wide enough that guessing at an account does not lock its owner out for
		// long, as pairs stops any one address far earlier.
		accounts: buckets{burst: 200, every: 6 * time.Second},
		fresh:    buckets{burst: freshGuesses, every: time.Hour},
		firsts:   buckets{burst: 100, every: 6 * time.Second},
		pairs:    buckets{burst: 10, every: 30 * time.Second},
		devices:  buckets{burst: 10, every: 30 * time.Second},
		tokens:   buckets{burst: 60, every: time.Second},
		nowhere:  rate.NewLimiter(rate.Every(50*time.Millisecond), 600),
	}
}

func (l *limits) allow(b *buckets, key string, now time.Time) bool {
	i := maphash.String(l.seed, key) % bucketCount
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slots[i] == nil {
		b.slots[i] = rate.NewLimiter(rate.Every(b.every), b.burst)
	}
	return b.slots[i].AllowN(now, 1)
}

// network is what one client can have of addresses: of IPv6, a /64.
func network(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		p, _ := a.WithZone("").Prefix(64) // 64 is never too long
		return p.String()
	}
	return a.Unmap().String()
}

// start reports whether a client may begin another visit to a provider. A client
// whose address is not known is not limited: it would share with all others, and
// the visit costs us nothing.
func (l *limits) start(a netip.Addr, now time.Time) bool {
	return !a.IsValid() || l.allow(&l.visits, network(a), now)
}

// exchange reports whether a client may have its answer taken to the provider. Those
// whose address is not known share one limit: a provider that is asked too often
// with codes that are none may lock all of us out. A browser that has signed in here
// before has one of its own, so that nobody keeps it out.
func (l *limits) exchange(a netip.Addr, device string, now time.Time) bool {
	if device != "" {
		return l.allow(&l.devices, device, now)
	}
	if !a.IsValid() {
		return l.nowhere.AllowN(now, 1)
	}
	return l.allow(&l.exchanges, network(a), now)
}

// freshGuesses is how many guesses at an account an address has that count apart.
const freshGuesses = 3

// guess reports whether another password may be tried. Where no address is known
// there are no pairs: ten wrong guesses by anybody would lock the owner out. A
// device that signed in to the account before has guesses of its own, and so have
// the first few of an address: so nobody else's keep the owner out, who needs few.
func (l *limits) guess(a netip.Addr, account, device string, now time.Time) bool {
	if device != "" {
		return l.allow(&l.devices, device+"\x00"+account, now)
	}
	if !a.IsValid() {
		return l.allow(&l.accounts, account, now)
	}
	pair := network(a) + "\x00" + account
	if !l.allow(&l.addresses, network(a), now) || !l.allow(&l.pairs, pair, now) {
		return false
	}
	return l.allow(&l.fresh, pair, now) && l.allow(&l.firsts, account, now) || l.allow(&l.accounts, account, now)
}

// token reports whether a person, by provider and ID, may have another token.
func (l *limits) token(user string, now time.Time) bool { return l.allow(&l.tokens, user, now) }

// A device is a browser that has signed in to an account.
type device struct {
	ID      string `json:"id"`
	Account string `json:"account"` // a digest
}

// knownDevice returns the device that this browser is, if it has signed in here.
func (x *exchange) knownDevice() device {
	var d device
	if x.ring.Open(purposeDevice, x.cookie(deviceCookie), &d, x.now) != nil {
		return device{}
	}
	return d
}

// deviceOf returns the id of this browser, if it has signed in to an account
// before; otherwise it is empty.
func (x *exchange) deviceOf(account string) string {
	if d := x.knownDevice(); d.Account == digest(account) {
		return d.ID
	}
	return ""
}

// rememberDevice does so for as long as the keys are kept, at most deviceTime.
// Without it, what the browser does counts as anybody's: so a failure is none of the
// visitor's, and neither is an answer that has no room for it.
func (h *Handler) rememberDevice(x *exchange, account string) {
	sealed, err := x.ring.Seal(purposeDevice, device{randomID(), digest(account)}, x.now.Add(deviceTime), x.now)
	if c := newCookie(deviceCookie, sealed, deviceTime); err == nil && h.fits(x, c) {
		http.SetCookie(x.w, c)
	}
}
