// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestManyClaimsAreFew: a host of many parts is decided as one of few, enforced or not: by
// Exact, then by the longest prefix of whole segments, among any claims, for paths of any
// length.
func TestManyClaimsAreFew(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	segments := []string{"a", "ab", "b", "c"}
	path := func(most int) string {
		var b strings.Builder
		for range rng.IntN(most + 1) {
			b.WriteString("/" + segments[rng.IntN(len(segments))])
		}
		return b.String()
	}
	differ := 0
	for range 400 {
		var plain, all claims
		many := &manyClaims{exact: map[string]*app{}, prefix: map[string]*app{}}
		for i := range 1 + rng.IntN(12) {
			c := claim{path: path(4), exact: rng.IntN(3) == 0, app: &app{audience: fmt.Sprint(i)}}
			if rng.IntN(2) == 0 {
				c.app.dryRun = DryRunOpen
			}
			if c.exact && c.path == "" {
				c.path = "/"
			}
			if won := many.add(c); won == nil {
				plain.few = append(plain.few, c)
			}
			all.add(c)
		}
		for range 40 {
			asked := path(7)
			if asked == "" || rng.IntN(5) == 0 {
				asked += "/"
			}
			for i, r := range []*claims{{many: many}, &all} {
				got, want := r.lookup(asked), best(plain.few, asked, false)
				enforced, wanted := r.lookupEnforced(asked), best(plain.few, asked, true)
				if got != want || enforced != wanted {
					t.Fatalf("%d: %s among %+v: %v and enforced %v, want %v and %v", i, asked, plain.few, got, enforced, want, wanted)
				}
				if got != enforced {
					differ++
				}
			}
		}
	}
	if differ == 0 {
		t.Error("no dry run stood in the way")
	}
}

// TestEachClaimOnce: however many claims are on a host, each is visited once, and those of few
// parts are kept in a list.
func TestEachClaimOnce(t *testing.T) {
	for n := range 2 * few {
		var r claims
		for i := range n {
			r.add(claim{path: fmt.Sprint("/", i), exact: i%2 == 0, app: &app{}})
		}
		seen := map[string]int{}
		r.each(func(c claim) { seen[c.path]++ })
		for i := range n {
			if times := seen[fmt.Sprint("/", i)]; times != 1 {
				t.Errorf("%d claims: one is visited %d times", n, times)
			}
		}
		if len(seen) != n || (r.many != nil) != (n > few) {
			t.Errorf("%d claims: %d are visited; in maps: %v", n, len(seen), r.many != nil)
		}
	}
}

// best is the reference: of the claims on a path, the exact one, or else the longest.
func best(all []claim, path string, enforced bool) (found *app) {
	length := -1
	for _, c := range all {
		if enforced && c.app.dryRun != DryRunNone {
			continue
		}
		switch under := path == c.path || strings.HasPrefix(path, c.path+"/"); {
		case c.exact && path == c.path:
			return c.app
		case !c.exact && under && len(c.path) > length:
			found, length = c.app, len(c.path)
		}
	}
	return found
}
