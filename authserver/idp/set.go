// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"cmp"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/oidc"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Options are what the providers of a Set share. A zero field is its default.
type Options struct {
	Log     *slog.Logger     // default: slog.Default()
	Now     func() time.Time // default: time.Now
	Timeout time.Duration    // of all that one sign-in asks a provider; default: 10 s
}

// A Set holds the identity providers in use. A nil *Set has none. It is safe for
// concurrent use.
type Set struct {
	opts Options
	gate *gate
	mu   sync.Mutex // one Update at a time
	live atomic.Pointer[map[string]*Provider]
	used atomic.Pointer[policy.Providers]
}

// New makes an empty Set.
func New(o Options) *Set {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	return &Set{opts: o, gate: newGate()}
}

// Update puts these providers in place of those before, all at once. One that
// did not change is kept with all that it learned. One with a mistake is left
// out, and so are all of the same name.
func (s *Set) Update(configs []Config) []Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	var old map[string]*Provider
	if p := s.live.Load(); p != nil {
		old = *p
	}
	count := map[string]int{}
	for i := range configs {
		count[configs[i].Name]++
	}
	next := make(map[string]*Provider, len(configs))
	var problems []Problem
	for i := range configs {
		c := &configs[i]
		if n := count[c.Name]; n > 1 {
			if n < 1<<30 {
				problems = append(problems, Problem{c.Name, config.Twice()})
			}
			count[c.Name] = 1 << 30
			continue
		}
		p := old[c.Name]
		if p == nil || !reflect.DeepEqual(&p.config, c) {
			p = s.newProvider(c.Clone())
		}
		problems = append(problems, p.problems...)
		if p.usable {
			next[c.Name] = p
		}
	}
	s.live.Store(&next)
	s.used.Store(inUse(next))
	for name, p := range old {
		if next[name] != p {
			p.close()
		}
	}
	return problems
}

// InUse returns what a table knows of the providers; nil before the first Update:
// until then, that one is not there means nothing.
func (s *Set) InUse() *policy.Providers {
	if s == nil {
		return nil
	}
	return s.used.Load()
}

func inUse(live map[string]*Provider) *policy.Providers {
	list := make([]policy.Provider, 0, len(live))
	for _, p := range live {
		list = append(list, p.known)
	}
	return policy.NewProviders(list...)
}

// A Problem is what is wrong with the Config of a provider.
type Problem struct {
	Provider string // its name
	config.Issue
}

// String returns it as one line.
func (p Problem) String() string {
	return oidc.Printable("identity provider "+p.Provider+": "+p.Field+": "+p.Message, 2*oidc.MaxText)
}

// Find returns the provider of that name; nil if there is none.
func (s *Set) Find(name string) *Provider {
	if s == nil {
		return nil
	}
	live := s.live.Load()
	if live == nil {
		return nil
	}
	return (*live)[name]
}

// Permitted returns the providers of these names that there are, sorted by name;
// all of them if none is named.
func (s *Set) Permitted(names []string) []*Provider {
	if s == nil {
		return nil
	}
	live := s.live.Load()
	if live == nil {
		return nil
	}
	var permitted []*Provider
	for name, p := range *live {
		if len(names) == 0 || slices.Contains(names, name) {
			permitted = append(permitted, p)
		}
	}
	slices.SortFunc(permitted, func(a, b *Provider) int { return cmp.Compare(a.config.Name, b.config.Name) })
	return permitted
}
