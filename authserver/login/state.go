// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// What is sealed, and for how long it is good. A purpose of its own keeps each
// from passing for another.
const (
	purposeAttempt  = "login attempt, v2"  // a parameter: application → team host
	purposeProvider = "provider login, v2" // a parameter: team host → provider → team host
	purposeTicket   = "ticket, v2"         // a parameter: team host → application
	purposeHops     = "finished logins"    // a cookie on the application's host
	purposeLogout   = "logout"             // a parameter: application → team host
	purposeDevice   = "known device"       // a cookie on the team host
	purposeOpened   = "opened"             // a cookie on the team host
	purposeEnd      = "end one session"    // a parameter: team host → application
	purposeFactor   = "second factor"      // a form's field: team host → team host
	purposePasskey  = "new passkey"        // a form's field: team host → team host

	attemptTime = 10 * time.Minute
	ticketTime  = 60 * time.Second
	// readTime is how long an attempt and a ticket can be read: of one whose time
	// is over, nothing but where it was to lead is used.
	readTime   = 24 * time.Hour
	hopTime    = 60 * time.Second
	deviceTime = 180 * 24 * time.Hour
)

// The cookies. "__Host-": on this host alone, over TLS alone (RFC 6265bis §4.1.3.2).
const (
	teamCookie   = "__Host-ostiary-team"
	hopsCookie   = "__Host-ostiary-hops"
	deviceCookie = "__Host-ostiary-device"
	openedCookie = "__Host-ostiary-opened"
	keptCookie   = "__Host-ostiary-kept"
)

// An attempt is a login that an application's host began. It travels sealed, in
// addresses alone: whatever a browser had to keep of it would add up.
type attempt struct {
	ID   string `json:"i"`
	Host string `json:"h"`
	Port string `json:"o,omitempty"` // as portIn says
	Dest text   `json:"d"`           // where to go in the end
	// Browser stands for the key of the browser that began it.
	Browser string `json:"b"`
	At      int64  `json:"t"`
	Hops    int    `json:"n,omitempty"` // logins for Dest that were finished then
	Again   int    `json:"r,omitempty"` // how often it was begun anew without asking
	Cut     bool   `json:"c,omitempty"` // Dest is less than what was asked for
	// For is the path that has to be open afterwards, where that is not Dest. Optional.
	For text `json:"f,omitempty"`
	// Script: it was begun by a script, or by a form, as a worker of the application may
	// eat what a browser visits there; and so it ends (onward.go).
	Script bool `json:"s,omitempty"`
	// Jar: a script in a frame began it, and the session has to be in that frame's jar of cookies.
	Jar bool `json:"j,omitempty"`
	// StepUp is the authentication method that what was refused wants; empty: it is not known.
	StepUp string `json:"u,omitempty"`
	// Stepped: somebody was asked for a stronger sign-in. They are not asked again.
	Stepped bool `json:"v,omitempty"`
	// Network stands for that of the browser that began it by a script; empty: it is not
	// known.
	Network string `json:"w,omitempty"`
}

// isOver reports whether the time for the attempt has passed.
func (a *attempt) isOver(now time.Time) bool { return now.Sub(time.Unix(a.At, 0)) >= attemptTime }

// text is a string of which a seal makes no more than it has to: encoding/json
// writes six bytes for "&", of which addresses have many. None of them holds a blank.
type text string

func (t text) MarshalText() ([]byte, error) {
	return []byte(strings.ReplaceAll(string(t), "&", " ")), nil
}

func (t *text) UnmarshalText(b []byte) error {
	*t = text(strings.ReplaceAll(string(b), " ", "&"))
	return nil
}

// A providerLogin is a visit to an identity provider. It is the state parameter:
// what else belongs to it, the browser's key yields.
type providerLogin struct {
	ID       string  `json:"i"`
	Provider string  `json:"p"`
	Attempt  attempt `json:"a"`
	Browser  string  `json:"b"`
	At       int64   `json:"t"`
	Anew     bool    `json:"s,omitempty"` // they have to sign in anew
	Again    int     `json:"r,omitempty"` // how often it was begun anew without asking
	Silent   bool    `json:"q,omitempty"` // the provider is to ask nothing (Handler.renew)
	StepUp   string  `json:"u,omitempty"` // the authentication method that it is asked for (Handler.stepUp)
}

// A ticket carries an identity from the team host to the application that asked.
type ticket struct {
	Attempt  attempt `json:"a"`
	IssuedAt int64   `json:"t"`
	public.Person
}

// subject is whom a ticket names.
func (t *ticket) subject() *policy.Subject {
	who := t.Person
	who.Said = cmp.Or(t.Said, t.IssuedAt) // 0, from before there was this
	return who.Subject()
}

// isID reports whether a string from outside can be an id of ours.
func isID(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == 16
}

// hops count how often a login for one address was finished within a minute.
type hops struct {
	Dest string `json:"dest"`
	N    int    `json:"n"`
	// Spent are the latest tickets that were used here, spentSize letters each.
	Spent string `json:"spent,omitempty"`
}

func (h *Handler) hopsOf(x *public.Exchange, dest string) int {
	var p hops
	if x.Ring.Open(purposeHops, x.Cookie(hopsCookie), &p, x.Now) != nil || p.Dest != digest(dest) {
		return 0
	}
	return p.N
}

// addHop counts a finished login: one more than when it was begun, as those that
// ran beside it, in other tabs, are no way round. The minute begins anew with
// each, so that slow loops are seen as well.
func (h *Handler) addHop(x *public.Exchange, a *attempt) {
	n := h.hopsOf(x, string(a.Dest))
	n = max(n, min(n, a.Hops)+1)
	h.keepHops(x, hops{digest(string(a.Dest)), n, h.spentHere(x) + spentForm(a.ID)})
}

// keepHops sets the cookie of finished logins.
func (h *Handler) keepHops(x *public.Exchange, p hops) {
	if n := len(p.Spent) - maxSpent*spentSize; n > 0 {
		p.Spent = p.Spent[n:]
	}
	sealed, err := x.Ring.Seal(purposeHops, p, x.Now.Add(hopTime), x.Now)
	if err == nil {
		x.SetCookie(hopsCookie, sealed, hopTime)
	}
}

// digest stands for a text where its length is not welcome.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
