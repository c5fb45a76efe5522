// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func seenAs(id string) *Machine { return &Machine{Name: "service:n/" + id, ID: id} }

// TestUses: the latest hour in which a token was seen is remembered until the token is gone,
// and nothing of what is no token.
func TestUses(t *testing.T) {
	var u Uses
	last := func(want map[string]time.Time) {
		t.Helper()
		for _, id := range []string{"ci", "bot", "job", ""} {
			if got := u.Last(id); got != want[id] {
				t.Errorf("%q was seen at %v, want %v", id, got, want[id])
			}
		}
	}
	hour := now.Truncate(time.Hour)
	u.Forget(func(string) bool { return true })
	last(nil)
	u.Saw(nil, now)
	u.Saw(&Machine{Name: "jwt:ci:job", ID: "job"}, now)
	last(nil)
	u.Saw(seenAs("ci"), hour.Add(time.Minute))
	last(map[string]time.Time{"ci": hour})
	u.Saw(seenAs("ci"), hour.Add(time.Hour-1))
	u.Saw(seenAs("bot"), hour.Add(2*time.Hour))
	last(map[string]time.Time{"ci": hour, "bot": hour.Add(2 * time.Hour)})
	u.Saw(seenAs("ci"), hour.Add(time.Hour))
	u.Saw(seenAs("bot"), hour) // by a clock that is behind
	last(map[string]time.Time{"ci": hour.Add(time.Hour), "bot": hour.Add(2 * time.Hour)})
	u.Forget(func(id string) bool { return id == "bot" })
	last(map[string]time.Time{"ci": hour.Add(time.Hour)})
	u.Saw(seenAs("bot"), hour)
	last(map[string]time.Time{"ci": hour.Add(time.Hour), "bot": hour})
}

// TestNoUses: a nil Uses remembers nothing, and asks nobody what to forget.
func TestNoUses(t *testing.T) {
	var u *Uses
	u.Saw(seenAs("ci"), now)
	u.Forget(func(id string) bool {
		t.Errorf("asked about %q", id)
		return true
	})
	if got := u.Last("ci"); !got.IsZero() {
		t.Errorf("seen at %v", got)
	}
}

// TestFirstUse: of two requests that see a token first, each notes the same one, and nobody
// sees it without its hour.
func TestFirstUse(t *testing.T) {
	var u Uses
	hour := now.Truncate(time.Hour)
	first := u.first("ci", hour.Unix())
	if got := u.Last("ci"); got != hour {
		t.Errorf("it was seen at %v, want %v", got, hour)
	}
	if second := u.first("ci", hour.Add(time.Hour).Unix()); second != first {
		t.Error("the first use is lost")
	}
	u.Forget(func(string) bool { return true })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 100 {
				id := fmt.Sprint("id-", i)
				u.Saw(seenAs(id), now)
				u.Forget(func(id string) bool { return id == "gone" })
				if got := u.Last(id); got != hour {
					t.Errorf("%s was seen at %v", id, got)
				}
			}
		})
	}
	all.Wait()
}

// TestUsesAllocateNothing: a token that was seen before costs no allocation.
func TestUsesAllocateNothing(t *testing.T) {
	var u Uses
	m := seenAs("ci")
	u.Saw(m, now)
	if n := testing.AllocsPerRun(100, func() { u.Saw(m, now.Add(time.Hour)) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
