// SPDX-License-Identifier: Apache-2.0

package login

import (
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// seenCookie says when somebody last came by at the team host, where a policy ends sessions that are not
// used (decision 53). Without it, their sign-in is when: whoever drops it, or brings an old one, is asked earlier.
const seenCookie = "__Host-ostiary-seen"

// purposeSeen is a cookie on the team host.
const purposeSeen = "last seen"

// idleParts is in how many parts the time without use is cut: a session at an application lasts for one, and
// is then renewed by the team host without a word. So that knows of use to within a part.
const idleParts = 4

// A seen is bound to one sign-in of one person.
type seen struct {
	Provider string `json:"p"`
	ID       string `json:"s"`
	SignedIn int64  `json:"i"`
	At       int64  `json:"t"`
}

// lastSeen returns when somebody last came by with their session at the team host.
func (h *Handler) lastSeen(x *public.Exchange, s *policy.Subject) time.Time {
	var c seen
	if x.Ring.Open(purposeSeen, x.Cookie(seenCookie), &c, x.Now) != nil || c.Provider != s.Provider || c.ID != s.ID ||
		c.SignedIn != s.SignedInAt.Unix() || c.At < c.SignedIn {
		return s.SignedInAt
	}
	return time.Unix(c.At, 0)
}

// isUnused reports whether somebody has been away for longer than an application lets them.
func (h *Handler) isUnused(x *public.Exchange, signIn *policy.SignIn, s *policy.Subject) bool {
	return signIn.Idle > 0 && x.Now.Sub(h.lastSeen(x, s)) > signIn.Idle
}

// keepSeen notes that somebody came by, where that matters to this application or did to another.
func (h *Handler) keepSeen(x *public.Exchange, signIn *policy.SignIn, s *policy.Subject) {
	if signIn.Idle == 0 && x.Cookie(seenCookie) == "" {
		return
	}
	now := seen{s.Provider, s.ID, s.SignedInAt.Unix(), x.Now.Unix()}
	sealed, err := x.Ring.Seal(purposeSeen, now, x.Now.Add(policy.MaxSessionDuration), x.Now)
	if err == nil {
		x.SetCookie(seenCookie, sealed, policy.MaxSessionDuration)
	}
}

// lifetime is how long a session at an application lasts that is given now, from when the provider said what
// it says: where use matters, until it has to be renewed.
func (h *Handler) lifetime(signIn *policy.SignIn, s *policy.Subject, now time.Time) time.Duration {
	d := h.duration(signIn)
	if signIn.Idle > 0 {
		d = min(d, now.Sub(s.IssuedAt)+signIn.Idle/idleParts)
	}
	return d
}
