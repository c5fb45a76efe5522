// SPDX-License-Identifier: Apache-2.0

package login

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"sort"
	"strings"
	"time"
)

// What is sealed, and for how long it is good. A purpose of its own keeps each
// from passing for another.
const (
	purposeAttempt       = "login attempt"        // a parameter: application → team host
	purposeAttemptCookie = "login attempt cookie" // on the application's host
	purposeProvider      = "provider login"       // a cookie on the team host
	purposeTicket        = "ticket"               // a parameter: team host → application
	purposeHops          = "finished logins"      // a cookie on the application's host
	purposeLogout        = "logout"               // a parameter: application → team host
	purposeDevice        = "known device"         // a cookie on the team host

	attemptTime = 10 * time.Minute
	ticketTime  = 60 * time.Second
	hopTime     = 60 * time.Second
	deviceTime  = 180 * 24 * time.Hour
)

// The cookies. "__Host-": on this host alone, over TLS alone (RFC 6265bis §4.1.3.2).
const (
	teamCookie     = "__Host-ostiary-team"
	attemptCookie  = "__Host-ostiary-login-" // and the attempt's id
	providerCookie = "__Host-ostiary-idp-"   // and its state
	hopsCookie     = "__Host-ostiary-hops"
	deviceCookie   = "__Host-ostiary-device"
)

// maxAttempts is how many logins one browser may have under way at one host. The
// oldest give way: the cookies must stay below the 8 KiB that proxies take.
const maxAttempts = 8

// An attempt is a login that an application's host began.
type attempt struct {
	ID   string `json:"id"`
	Host string `json:"host"`
	// Path is what was asked for, shortened: it tells which policy is meant.
	Path string `json:"path"`
}

// A begun attempt is what only the browser that began it holds.
type begun struct {
	ID   string `json:"id"`
	Host string `json:"host"`
	Dest string `json:"dest"`
	At   int64  `json:"at"`
	Hops int    `json:"hops,omitempty"` // logins for Dest that were finished then
}

// A providerLogin is a visit to an identity provider.
type providerLogin struct {
	State    string  `json:"state"`
	Nonce    string  `json:"nonce"`
	Verifier string  `json:"verifier"`
	Provider string  `json:"provider"`
	Attempt  attempt `json:"attempt"`
	Again    bool    `json:"again,omitempty"` // they have to sign in anew
	At       int64   `json:"at"`
}

// A ticket carries an identity from the team host to the application that asked.
type ticket struct {
	Attempt  string   `json:"attempt"`
	Host     string   `json:"host"`
	ID       string   `json:"sub"`
	Email    string   `json:"email,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	Asked    string   `json:"asked"`
	Provider string   `json:"idp"`
	SignedIn int64    `json:"at"`
}

// randomID returns 128 bits that nobody guesses, in letters fit for a cookie's name.
func randomID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// isID reports whether a string from outside can be an id of ours: only then may
// it become part of a cookie's name.
func isID(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == 16
}

// setCookie sets a cookie of the login itself: for this host, top-level
// navigations and no script.
func (x *exchange) setCookie(name, value string, age time.Duration) {
	http.SetCookie(x.w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(age / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (x *exchange) dropCookie(name string) {
	http.SetCookie(x.w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// cookie returns the value of the only cookie of a name: of two, one is
// somebody else's, and which one cannot be told.
func (x *exchange) cookie(name string) string {
	value, n := "", 0
	for _, c := range x.r.Cookies() {
		if c.Name == name {
			value = c.Value
			n++
		}
	}
	if n != 1 {
		return ""
	}
	return value
}

// begin remembers an attempt in the browser, and lets the oldest go if it has many.
func (h *Handler) begin(x *exchange, b begun) error {
	sealed, err := x.ring.Seal(purposeAttemptCookie, b, x.now.Add(attemptTime), x.now)
	if err != nil {
		return err
	}
	type old struct {
		name string
		at   int64
	}
	var olds []old
	for _, c := range x.r.Cookies() {
		if id, ok := strings.CutPrefix(c.Name, attemptCookie); ok && isID(id) {
			var o begun
			_ = x.ring.Open(purposeAttemptCookie, c.Value, &o, x.now) // what does not open is the oldest
			olds = append(olds, old{c.Name, o.At})
		}
	}
	sort.Slice(olds, func(i, j int) bool { return olds[i].at < olds[j].at })
	for len(olds) >= maxAttempts {
		x.dropCookie(olds[0].name)
		olds = olds[1:]
	}
	x.setCookie(attemptCookie+b.ID, sealed, attemptTime)
	return nil
}

// begunHere returns the attempt of an id, if this browser began it on this host.
func (h *Handler) begunHere(x *exchange, id string) (begun, bool) {
	var b begun
	if !isID(id) {
		return b, false
	}
	err := x.ring.Open(purposeAttemptCookie, x.cookie(attemptCookie+id), &b, x.now)
	return b, err == nil && b.ID == id && b.Host == x.host
}

// hops count how often a login for one address was finished within a minute.
type hops struct {
	Dest string `json:"dest"`
	N    int    `json:"n"`
}

func (h *Handler) hopsOf(x *exchange, dest string) int {
	var p hops
	if x.ring.Open(purposeHops, x.cookie(hopsCookie), &p, x.now) != nil || p.Dest != digest(dest) {
		return 0
	}
	return p.N
}

// addHop counts a finished login: one more than when it was begun, as those that
// ran beside it, in other tabs, are no way round. The minute begins anew with
// each, so that slow loops are seen as well.
func (h *Handler) addHop(x *exchange, b begun) {
	n := h.hopsOf(x, b.Dest)
	n = max(n, min(n, b.Hops)+1)
	sealed, err := x.ring.Seal(purposeHops, hops{digest(b.Dest), n}, x.now.Add(hopTime), x.now)
	if err == nil {
		x.setCookie(hopsCookie, sealed, hopTime)
	}
}
