// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/ostiary/ostiary/authserver/public"
)

// limits slow down whoever tries too often.
type limits struct {
	// visits: visits to a provider, by address. exchanges: answers that are taken to
	// one, by address. addresses: guesses, by address. accounts: guesses at one
	// account, from anywhere. pairs: guesses at one account from one address.
	// fresh: the first of those, and firsts: all of these together, by account.
	// devices: guesses at an account by a browser that signed in to it before.
	visits, exchanges, addresses, accounts, pairs, fresh, firsts, devices *public.Limit
	// evaluations are sign-ins of one person for which services are asked.
	evaluations *public.Limit
	// logouts are words of providers that sessions are over, by provider and address.
	logouts *public.Limit
	// nowhere is for the answers of all clients together whose address is not known.
	nowhere *rate.Limiter
}

func newLimits() *limits {
	return &limits{
		// An office is one address, and in the morning each of its people opens a
		// window with many tabs.
		visits:    public.NewLimit(1000, 100*time.Millisecond),
		exchanges: public.NewLimit(300, 200*time.Millisecond),
		addresses: public.NewLimit(60, time.Second),
		// Wide enough that guessing at an account does not lock its owner out for
		// long, as pairs stops any one address far earlier.
		accounts:    public.NewLimit(200, 6*time.Second),
		fresh:       public.NewLimit(freshGuesses, time.Hour),
		firsts:      public.NewLimit(100, 6*time.Second),
		evaluations: public.NewLimit(60, time.Second),
		// A provider that signs everybody out says so of one after the other.
		logouts: public.NewLimit(1000, 10*time.Millisecond),
		pairs:   public.NewLimit(10, 30*time.Second),
		devices: public.NewLimit(10, 30*time.Second),
		nowhere: rate.NewLimiter(rate.Every(50*time.Millisecond), 600),
	}
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
	return !a.IsValid() || l.visits.Allow(network(a), now)
}

// exchange reports whether a client may have its answer taken to the provider. Those
// whose address is not known share one limit: a provider that is asked too often
// with codes that are none may lock all of us out. A browser that has signed in here
// before has one of its own, so that nobody keeps it out.
func (l *limits) exchange(a netip.Addr, device string, now time.Time) bool {
	if device != "" {
		return l.devices.Allow(device, now)
	}
	if !a.IsValid() {
		return l.nowhere.AllowN(now, 1)
	}
	return l.exchanges.Allow(network(a), now)
}

// logout reports whether one more word of a provider is looked at. Those from addresses that are not
// known count together.
func (l *limits) logout(provider string, a netip.Addr, now time.Time) bool {
	from := ""
	if a.IsValid() {
		from = network(a)
	}
	return l.logouts.Allow(provider+"\x00"+from, now)
}

// freshGuesses is how many guesses at an account an address has that count apart.
const freshGuesses = 3

// guess reports whether another password may be tried. Where no address is known
// there are no pairs: ten wrong guesses by anybody would lock the owner out. A
// device that signed in to the account before has guesses of its own, and so have
// the first few of an address: so nobody else's keep the owner out, who needs few.
func (l *limits) guess(a netip.Addr, account, device string, now time.Time) bool {
	if device != "" {
		return l.devices.Allow(device+"\x00"+account, now)
	}
	if !a.IsValid() {
		return l.accounts.Allow(account, now)
	}
	pair := network(a) + "\x00" + account
	if !l.addresses.Allow(network(a), now) || !l.pairs.Allow(pair, now) {
		return false
	}
	return l.fresh.Allow(pair, now) && l.firsts.Allow(account, now) || l.accounts.Allow(account, now)
}

// A device is a browser that has signed in to an account.
type device struct {
	ID      string `json:"id"`
	Account string `json:"account"` // a digest
}

// knownDevice returns the device that this browser is, if it has signed in here.
func knownDevice(x *public.Exchange) device {
	var d device
	if x.Ring.Open(purposeDevice, x.Cookie(deviceCookie), &d, x.Now) != nil {
		return device{}
	}
	return d
}

// deviceOf returns the id of this browser, if it has signed in to an account
// before; otherwise it is empty.
func deviceOf(x *public.Exchange, account string) string {
	if d := knownDevice(x); d.Account == digest(account) {
		return d.ID
	}
	return ""
}

// rememberDevice does so for as long as the keys are kept, at most deviceTime.
// Without it, what the browser does counts as anybody's: so a failure is none of the
// visitor's, and neither is an answer that has no room for it.
func (h *Handler) rememberDevice(x *public.Exchange, account string) {
	sealed, err := x.Ring.Seal(purposeDevice, device{randomID(), digest(account)}, x.Now.Add(deviceTime), x.Now)
	if c := public.NewCookie(deviceCookie, sealed, deviceTime); err == nil && h.Fits(x, c) {
		http.SetCookie(x.W, c)
	}
}
