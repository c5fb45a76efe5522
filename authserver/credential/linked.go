// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"sync"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// maxLinked bounds how many sessions of linked applications are remembered: with all that
// there are, one is read anew.
const maxLinked = 10_000

// linked are sessions of linked applications, by what the cache has of them.
type linked struct {
	mu   sync.RWMutex
	made map[*policy.Subject]*policy.Linked
}

// Linked returns what the session at an application says, which that sends along when it
// calls another one for somebody. It is the token that the application was told them by
// (X-Access-Jwt-Assertion), or their cookie: the same. Nothing else is one: no assertion of
// a machine, no session of the team host, no token for pages of one origin, which is for
// nobody but those, and no token of an agent, which is for one application.
//
//	TokenExpired  it was a good one
//	TokenInvalid  it is anything else
//
// It keeps nothing of the string that it was given. What it returns is shared.
func (v *Verifier) Linked(token string, now time.Time) (*policy.Linked, policy.Reason) {
	s, why := v.Verify(token, now)
	switch {
	case why == policy.SessionExpired:
		return nil, policy.TokenExpired
	case s == nil || s.AuthorizedParty != "" || s.Client != "":
		return nil, policy.TokenInvalid
	}
	return v.linked.of(s), policy.NoReason
}

func (l *linked) of(s *policy.Subject) *policy.Linked {
	l.mu.RLock()
	known := l.made[s]
	l.mu.RUnlock()
	if known != nil {
		return known
	}
	made := policy.NewLinked(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made == nil || len(l.made) >= maxLinked {
		l.made = map[*policy.Subject]*policy.Linked{}
	}
	l.made[s] = made
	return made
}

// Linked is that of the Verifier in force.
func (l *Live) Linked(token string, now time.Time) (*policy.Linked, policy.Reason) {
	return l.Verifier().Linked(token, now)
}
