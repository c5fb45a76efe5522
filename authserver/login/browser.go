// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/public"
)

// keyCookie is the name of a browser's key, and a letter after it. All that a
// browser keeps of unfinished sign-ins is its key for each host; what it began
// travels sealed in addresses that are void without it.
//
// A browser that begins many sign-ins at once, as it has no key yet, is given one
// for each. So there are several names, which are dealt out in turn: the keys of
// most stay good side by side, and there are never more than keySlots of them. A
// sign-in whose key was overwritten is led on all the same: see authorized and
// callback.
const (
	keyCookie = "__Host-ostiary-k"
	// jarKeyCookie is that name in a jar that frames of one site have in pages of another one
	// (CHIPS). Browsers may send both jars' cookies, and of two with one name neither counts.
	jarKeyCookie = "__Host-ostiary-j"

	keySlots    = 32
	slotLetters = "0123456789abcdefghijklmnopqrstuv"
	// maxKeyBytes is what all of them take of a Cookie field.
	maxKeyBytes = (keySlots + jarSlots) * (len(keyCookie) + len("x=") + keySize + len("; "))
	keySize     = 22
	jarSlots    = 4
)

// A key is a secret that one browser has for one host.
type key struct{ name, value string }

// keys returns the keys that a browser has for this host.
func keys(x *public.Exchange) []key {
	var all []key
	count := map[string]int{}
	for _, c := range x.R.Cookies() {
		slot, ok := strings.CutPrefix(c.Name, keyCookie)
		if !ok {
			slot, ok = strings.CutPrefix(c.Name, jarKeyCookie)
		}
		if !ok || len(slot) != 1 || !strings.Contains(slotLetters, slot) {
			continue
		}
		count[c.Name]++
		if isID(c.Value) {
			all = append(all, key{c.Name, c.Value})
		}
	}
	// Of two cookies of one name, one is somebody else's.
	all = slices.DeleteFunc(all, func(k key) bool { return count[k.name] > 1 })
	slices.SortFunc(all, func(a, b key) int { return cmp.Compare(a.name, b.name) })
	return all
}

// keepKey returns this browser's key, and has it kept for as long as what begins now
// can be finished: in the jar of the frame that asks, if jar.
func (h *Handler) keepKey(x *public.Exchange, jar bool) string {
	name, slots := keyCookie, uint32(keySlots)
	if jar {
		name, slots = jarKeyCookie, jarSlots
	}
	k, all := key{value: public.RandomID()}, keys(x)
	if i := slices.IndexFunc(all, func(k key) bool { return strings.HasPrefix(k.name, name) }); i >= 0 {
		k = all[i]
	} else {
		slot := h.slot.Add(1) % slots
		k.name = name + slotLetters[slot:slot+1]
	}
	c := public.NewCookie(k.name, k.value, attemptTime) //nolint:gosec // it has all three
	c.Partitioned = jar
	if x.Host != h.TeamHost() {
		// A form of the team host's page may come from another site. Who else has a browser
		// send this key learns nothing: what it belongs to is sealed.
		c.SameSite = http.SameSiteNoneMode
	}
	http.SetCookie(x.W, c)
	return k.value
}

// holds returns the key that began something, if this browser has it.
func holds(x *public.Exchange, browser string) (string, bool) {
	for _, k := range keys(x) {
		if digest(k.value) == browser {
			return k.value, true
		}
	}
	return "", false
}

// dropKeys voids all that this browser has begun here, in as many bytes as an
// answer has room for.
func dropKeys(x *public.Exchange) {
	all := keys(x)
	for _, k := range all[:min(len(all), maxDropped)] {
		http.SetCookie(x.W, droppedCookie(k.name, "/", strings.HasPrefix(k.name, jarKeyCookie)))
	}
}

const maxDropped = 4

// derive makes a secret for one sign-in at a provider of the browser's key: so the
// code that comes of it is of no use without that browser.
func derive(key, what, id string) string {
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = mac.Write([]byte(what + "\x00" + id)) // never fails (hash.Hash)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
