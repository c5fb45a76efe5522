// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

const (
	maxTurns = 1 << 15
	// retryTime is how long a client may send a refresh token again whose answer got lost. Of
	// two that have it by then, one fails the next time.
	retryTime = 10 * time.Second
	voidPause = 30 * time.Second
)

// turns remember, at this replica, how often each grant was refreshed: the longest forgotten
// give way. Its zero value is ready.
type turns struct {
	mu   sync.Mutex
	last map[string]*turn
	ring []string
	next int
}

type turn struct {
	n  int64
	at time.Time
}

// take reports whether a refresh token is the latest of its grant, as far as is known here.
func (t *turns) take(grant string, n int64, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.last[grant]
	switch {
	case !ok:
		t.put(grant, &turn{n, now})
		return true
	case n > last.n:
		last.n, last.at = n, now
		return true
	}
	return n == last.n && now.Sub(last.at) < retryTime
}

func (t *turns) put(grant string, what *turn) {
	if t.last == nil {
		t.last = map[string]*turn{}
	}
	if len(t.ring) < maxTurns {
		t.ring = append(t.ring, grant)
	} else {
		delete(t.last, t.ring[t.next])
		t.ring[t.next] = grant
		t.next = (t.next + 1) % maxTurns
	}
	t.last[grant] = what
}

var errNoRevoke = errors.New("this installation cannot void anything, or was asked too often")

// void ends what somebody let a client do so far at one application, on every replica. Whoever
// has a token of another application must not end anything here by it, nor use up how often it
// can be ended: who writes that policy can call their own client by any name.
func (h *Handler) void(x *public.Exchange, s *policy.Subject) error {
	switch {
	case len(s.Audience) != 1:
		return errors.New("oauth: what a client may do is for one application")
	case x.Table.Revoked(s):
		return nil
	case h.Revoke == nil || !h.voids.Allow(strings.Join([]string{s.Provider, s.ID, s.Client, s.Audience[0]}, "\x00"), x.Now):
		return errNoRevoke
	}
	before := x.Now.Truncate(time.Millisecond)
	if before.Before(s.GrantedAt) { // at a replica whose clock is ahead
		before = s.GrantedAt
	}
	return h.Revoke(x.R.Context(), policy.Revocation{Provider: s.Provider, User: s.ID, Client: s.Client, Policy: s.Audience[0],
		Before: before.Add(time.Millisecond)})
}
