// SPDX-License-Identifier: Apache-2.0

package console

import (
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Denials are the last ones of this replica. The zero Denials hold none.
type Denials struct {
	mu       sync.Mutex
	ring     [kept]*Denial // the next one goes to ring[n % kept]
	n        int
	missed   uint64
	limit    *rate.Limiter
	watchers map[*watcher]struct{}
	closed   bool
}

// How many are kept, how many a second are copied at most, and how many people watch: under a
// flood, what is not kept is counted.
const (
	kept        = 512
	perSecond   = 100
	maxWatchers = 32
	maxPending  = 64
)

// A watcher is told of new denials.
type watcher struct {
	news chan *Denial // closed: nothing more comes
}

// Saw keeps a decision if it refuses, and not only asks somebody to sign in who is nobody yet.
func (l *Denials) Saw(q *dialect.Ask, d *policy.Decision, t *policy.Table) {
	if d.Verdict == policy.Deny && d.Reason != policy.NotReady || d.Verdict == policy.Challenge && d.Reason != policy.NoSession {
		l.add(q.Now, func() *Denial { return denialOf(q, d, t) })
	}
}

// add keeps what make returns, unless there were too many.
func (l *Denials) add(now time.Time, build func() *Denial) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit == nil {
		l.limit = rate.NewLimiter(perSecond, kept)
	}
	if !l.limit.AllowN(now, 1) {
		l.missed++
		return
	}
	n := build()
	l.ring[l.n%kept] = n
	l.n++
	for w := range l.watchers {
		select {
		case w.news <- n:
		default: // whoever is too slow sees it when they load the page again
		}
	}
}

// last returns those that a filter takes, the newest first, and how many were not kept.
func (l *Denials) last(f filter, most int) (out []*Denial, missed uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := l.n - 1; i >= 0 && i >= l.n-kept && len(out) < most; i-- {
		if n := l.ring[i%kept]; f.takes(n) {
			out = append(out, n)
		}
	}
	return out, l.missed
}

// since returns those from a number on that a filter takes, the oldest first, the number of the
// next one, and how many were not kept.
func (l *Denials) since(from int, f filter) (out []*Denial, next int, missed uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := max(from, l.n-kept, 0); i < l.n; i++ {
		if n := l.ring[i%kept]; f.takes(n) {
			out = append(out, n)
		}
	}
	return out, l.n, l.missed
}

// Find returns the newest of a request; nil: it is not kept.
func (l *Denials) Find(id string) *Denial {
	out, _ := l.last(filter{id: id}, 1)
	if len(out) == 0 || id == "" {
		return nil
	}
	return out[0]
}

// watch returns a watcher, for whom unwatch has to be called; nil: there are too many.
func (l *Denials) watch() *watcher {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.watchers) >= maxWatchers {
		return nil
	}
	if l.watchers == nil {
		l.watchers = map[*watcher]struct{}{}
	}
	w := &watcher{news: make(chan *Denial, maxPending)}
	l.watchers[w] = struct{}{}
	return w
}

func (l *Denials) unwatch(w *watcher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.watchers, w)
}

// Close ends what watches, so that a server that shuts down does not wait for it.
func (l *Denials) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for w := range l.watchers {
		close(w.news)
		delete(l.watchers, w)
	}
}

// A filter says which denials somebody wants to see. Each empty field takes all.
type filter struct{ id, host, reason, user string }

func (f *filter) takes(n *Denial) bool {
	in := func(text, part string) bool {
		return part == "" || strings.Contains(strings.ToLower(text), strings.ToLower(part))
	}
	return (f.id == "" || f.id == n.ID) && (f.reason == "" || f.reason == n.Reason) && in(n.Host, f.host) &&
		(in(n.Email, f.user) || in(n.User, f.user))
}
