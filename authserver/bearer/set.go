// SPDX-License-Identifier: Apache-2.0

package bearer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/oidc"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
)

// Options are what a Set is made of.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
	// Entries is how many verified tokens are remembered, at some 3 kB each.
	Entries int
	Metrics prometheus.Registerer // nil: nothing is counted
	Tracer  *span.Tracer          // of fetching keys
	// Own is the issuer of our own tokens: what they mean, no TokenIssuer says.
	Own string
}

// DefaultEntries is how many verified tokens are remembered by default.
const DefaultEntries = 10_000

// A Set holds the issuers in use. A nil *Set has none. It is safe for concurrent use.
type Set struct {
	Options
	mu     sync.Mutex // one Update at a time
	live   atomic.Pointer[map[string]*issuer]
	memory *credential.Memory
	tokens *prometheus.CounterVec
}

// New makes an empty Set.
func New(o Options) *Set {
	if o.Entries <= 0 {
		o.Entries = DefaultEntries
	}
	s := &Set{Options: o, memory: credential.NewMemory(o.Entries), tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ostiary_bearer_tokens_total",
		Help: "Bearer tokens of other issuers that were verified, by the TokenIssuer and the result; what is remembered is not counted again.",
	}, []string{"issuer", "result"})}
	if o.Metrics != nil {
		var taken prometheus.AlreadyRegisteredError
		if err := o.Metrics.Register(s.tokens); errors.As(err, &taken) {
			s.tokens = taken.ExistingCollector.(*prometheus.CounterVec) // it has the same name and labels
		}
	}
	return s
}

// Update puts these issuers in place of those before, all at once. One that did not
// change is kept with its keys. One with a mistake is left out; so are all of one name.
func (s *Set) Update(all []config.Issuer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var old map[string]*issuer
	if p := s.live.Load(); p != nil {
		old = *p
	}
	count := map[string]int{}
	for n := range all {
		count[all[n].Name]++
	}
	next := make(map[string]*issuer, len(all))
	for n := range all {
		if i := s.issuerOf(&all[n], old[all[n].Name]); i != nil && count[all[n].Name] == 1 {
			next[all[n].Name] = i
		}
	}
	s.live.Store(&next)
	for name, i := range old {
		if next[name] != i {
			i.close()
		}
	}
	for _, i := range next {
		i.current() // has the keys fetched ahead of the first token
	}
}

// issuerOf returns the issuer of a description: the old one if that is of the same. nil: it
// has a mistake, or is our own.
func (s *Set) issuerOf(c *config.Issuer, old *issuer) *issuer {
	r, issues := config.Read(c)
	if len(issues) > 0 || c.Issuer == s.Own {
		return nil
	}
	seed := seedOf(c)
	if old != nil && old.seed == seed {
		return old
	}
	i, err := newIssuer(c, r, seed, &s.Options)
	if err != nil {
		return nil // Read has said so
	}
	return i
}

// seedOf is a hash of all that a description says.
func seedOf(c *config.Issuer) [sha256.Size]byte {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // texts have JSON
	}
	return sha256.Sum256(text)
}

// State returns what there is of an issuer's keys, and whether there is one of that name.
func (s *Set) State(name string) (config.State, bool) {
	if s == nil || s.live.Load() == nil {
		return config.State{}, false
	}
	i := (*s.live.Load())[name]
	switch {
	case i == nil:
		return config.State{}, false
	case i.own != nil:
		return config.State{Keys: i.own.Len()}, true
	}
	i.current() // fetches what is due: nobody may have asked for long
	keys, at, err := i.remote.Fetched()
	if err != nil {
		err = errors.New(oidc.Why(err))
	}
	return config.State{Keys: keys.Len(), Fetched: at, Err: err}, true
}

// A scratch holds a token while it is hashed.
type scratch struct{ token [maxToken]byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// Verify looks at the token of an Authorization field, if a rule at the place looks at any,
// and one of those issuers is named in it. It returns what the token says, or why it does
// not count; neither, if it is nothing to the rules. It keeps nothing of the string.
func (s *Set) Verify(at policy.Place, authorization string, now time.Time) (*policy.Bearer, policy.Reason) {
	if s == nil || s.live.Load() == nil {
		return nil, policy.NoReason
	}
	token := credential.BearerToken(authorization)
	if token == "" || len(token) > maxToken {
		return nil, policy.NoReason
	}
	live := *s.live.Load()
	if b, found := s.remembered(live, at, token, now); found {
		if b == nil {
			return nil, policy.TokenExpired
		}
		return b, policy.NoReason
	}
	return s.verify(live, at, strings.Clone(token), now)
}

// remembered finds a token that was verified already; nil: it is over.
func (s *Set) remembered(live map[string]*issuer, at policy.Place, token string, now time.Time) (b *policy.Bearer, found bool) {
	var hash [sha256.Size]byte
	hashed := false
	at.EachTokenIssuer(func(name string) bool {
		i := live[name]
		if i == nil {
			return true
		}
		keys := i.current()
		if keys == nil {
			return true
		}
		if !hashed {
			hash, hashed = hashOf(token), true
		}
		id := i.id(&hash, keys)
		b, found = s.memory.Get(&id, now)
		return !found
	})
	return b, found
}

func hashOf(token string) [sha256.Size]byte {
	c := scratches.Get().(*scratch)
	defer scratches.Put(c)
	return sha256.Sum256(c.token[:copy(c.token[:], token)])
}

// verify looks at a token that is not remembered. It owns the token.
func (s *Set) verify(live map[string]*issuer, at policy.Place, token string, now time.Time) (b *policy.Bearer, refused policy.Reason) {
	var d *draft
	at.EachTokenIssuer(func(name string) bool {
		i := live[name]
		if i == nil {
			return true
		}
		if d == nil {
			var err error
			if d, err = read(token); err != nil {
				return false // whose it is cannot be told
			}
		}
		if d.issuer() != i.config.Issuer {
			return true
		}
		found, keys, until, f := i.verify(token, d, now)
		if s.count(at, name, f); f != good {
			refused = f.reason
			return true
		}
		hash := hashOf(token)
		id := i.id(&hash, keys)
		s.memory.Put(&id, found, until.from, until.until, now)
		b, refused = found, policy.NoReason
		return false
	})
	return b, refused
}

// count counts a token of an issuer, and tells of one that is refused there.
func (s *Set) count(at policy.Place, name string, f fault) {
	if f == good {
		s.tokens.WithLabelValues(name, "verified").Inc()
		return
	}
	s.tokens.WithLabelValues(name, f.why).Inc()
	if s.Log == nil {
		return
	}
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("issuer", name), slog.String("why", f.why)}
	attrs = append(attrs, telemetry.Where(at.Asked())...)
	if f == noKeys {
		level = slog.LevelWarn
		if state, _ := s.State(name); state.Err != nil {
			attrs = append(attrs, slog.String("error", state.Err.Error()))
		}
	}
	s.Log.LogAttrs(context.Background(), level, "bearer token refused", attrs...)
}
