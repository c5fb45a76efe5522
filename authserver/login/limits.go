// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/ostiary/ostiary/authserver/public"
)

// limits slow down whoever guesses. What turns out to be no guess costs nothing: a
// visit, the right password, a code that the provider takes, a try that nobody looked
// at. So many people may have one address.
type limits struct {
	// exchanges: answers that are taken to a provider, which it refuses, by address.
	// addresses: guesses, by address. accounts: guesses at one account, from
	// anywhere. pairs: guesses at one account from one address. fresh: the first of
	// those, and firsts: all of these together, by account. devices: guesses at an
	// account by a browser that signed in to it before.
	exchanges, addresses, accounts, pairs, fresh, firsts, devices *public.Limit
	// codes: guesses at the second factor of an account. Who makes them has the password, so
	// there are far fewer: 52 560 in a year, of which three in a million are right.
	codes *public.Limit
	// nowhere is for the answers of all clients together whose address is not known.
	nowhere *public.Limit
	// evaluations are sign-ins of one person for which services are asked.
	evaluations *public.Limit
	// logouts are words of providers that sessions are over, by provider and address.
	logouts *public.Limit
}

func newLimits() *limits {
	return &limits{
		// An office is one address. As many as these may be under way at once, and as
		// many of its people may mistype.
		exchanges: public.NewLimit(1000, 200*time.Millisecond),
		addresses: public.NewLimit(1000, time.Second),
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
		codes:   public.NewLimit(10, 10*time.Minute),
		nowhere: public.NewLimit(1000, 50*time.Millisecond),
	}
}

// A charge is what a try was counted as, before anybody knows whether it is a guess.
// Counting first bounds those that are under way as well.
type charge struct {
	now time.Time
	on  []taken
}

type taken struct {
	limit *public.Limit
	key   string
}

func (c *charge) take(l *public.Limit, key string) bool {
	if !l.Allow(key, c.now) {
		return false
	}
	c.on = append(c.on, taken{l, key})
	return true
}

// giveBack is for what was no guess.
func (c *charge) giveBack() {
	for _, one := range c.on {
		one.limit.GiveBack(one.key, c.now)
	}
	c.on = nil
}

// exchange reports whether a client may have its answer taken to the provider. Those
// whose address is not known share one limit: a provider that is asked too often
// with codes that are none may lock all of us out. A browser that has signed in here
// before has one of its own, so that nobody keeps it out.
func (l *limits) exchange(a netip.Addr, device string, now time.Time) (*charge, bool) {
	c := &charge{now: now}
	switch {
	case device != "":
		return c, c.take(l.devices, device)
	case !a.IsValid():
		return c, c.take(l.nowhere, "")
	}
	return c, c.take(l.exchanges, public.Network(a))
}

// logout reports whether one more word of a provider is looked at. Those from addresses that are not
// known count together.
func (l *limits) logout(provider string, a netip.Addr, now time.Time) bool {
	from := ""
	if a.IsValid() {
		from = public.Network(a)
	}
	return l.logouts.Allow(provider+"\x00"+from, now)
}

// code reports whether another code may be tried as somebody's second factor. A browser that
// signed in with it before has guesses of its own, so that nobody who has the password alone
// keeps the owner out.
func (l *limits) code(a netip.Addr, account, device string, now time.Time) (*charge, bool) {
	c := &charge{now: now}
	if device != "" {
		return c, c.take(l.codes, "device\x00"+device+"\x00"+account)
	}
	ok := (!a.IsValid() || c.take(l.addresses, public.Network(a))) && c.take(l.codes, account)
	if !ok {
		c.giveBack() // nobody will look at it
	}
	return c, ok
}

// passkey reports whether another answer of a passkey is looked at. Nobody guesses one, so it does not
// count at the account: who has the password alone keeps no owner of a passkey out.
func (l *limits) passkey(a netip.Addr, now time.Time) (*charge, bool) {
	c := &charge{now: now}
	if !a.IsValid() {
		return c, c.take(l.nowhere, "")
	}
	return c, c.take(l.addresses, public.Network(a))
}

// freshGuesses is how many guesses at an account an address has that count apart.
const freshGuesses = 3

// guess reports whether another password may be tried. Where no address is known
// there are no pairs: ten wrong guesses by anybody would lock the owner out. A
// device that signed in to the account before has guesses of its own, and so have
// the first few of an address: so nobody else's keep the owner out, who needs few.
func (l *limits) guess(a netip.Addr, account, device string, now time.Time) (*charge, bool) {
	c := &charge{now: now}
	if device != "" {
		return c, c.take(l.devices, device+"\x00"+account)
	}
	if !a.IsValid() {
		return c, c.take(l.accounts, account)
	}
	pair := public.Network(a) + "\x00" + account
	ok := c.take(l.addresses, public.Network(a)) && c.take(l.pairs, pair) &&
		(c.take(l.fresh, pair) && c.take(l.firsts, account) || c.take(l.accounts, account))
	if !ok {
		c.giveBack() // nobody will look at it
	}
	return c, ok
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
	sealed, err := x.Ring.Seal(purposeDevice, device{public.RandomID(), digest(account)}, x.Now.Add(deviceTime), x.Now)
	if c := public.NewCookie(deviceCookie, sealed, deviceTime); err == nil && h.Fits(x, c) {
		http.SetCookie(x.W, c)
	}
}
