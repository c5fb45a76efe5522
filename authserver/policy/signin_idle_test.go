// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
	"time"
)

// TestSignInIdle: of policies that share a host's session the shortest time without use counts, and of one that has
// its own its own.
func TestSignInIdle(t *testing.T) {
	for _, c := range []struct{ root, part, want time.Duration }{
		{0, 0, 0}, {time.Hour, 0, time.Hour}, {0, time.Hour, time.Hour}, {time.Hour, 10 * time.Minute, 10 * time.Minute},
		{10 * time.Minute, time.Hour, 10 * time.Minute},
	} {
		for _, scoped := range []bool{false, true} {
			root, part := one(does(Allow)...), one(does(Allow)...)
			part.Source.Name, part.Paths = "part", prefixes("/part")
			root.Session.Idle, part.Session.Idle, part.Session.Cookie.PathScoped = c.root, c.part, scoped
			root.Hosts, part.Hosts = []string{"a.x"}, []string{"a.x"}
			table, issues := build([]Policy{root, part})
			if len(issues) > 0 {
				t.Fatal(issues)
			}
			for url, want := range map[string]time.Duration{"https://a.x/": c.want, "https://a.x/part/y": c.want} {
				if scoped {
					want = map[string]time.Duration{"https://a.x/": c.root, "https://a.x/part/y": c.part}[url]
				}
				if s, ok := table.SignIn(mustTarget(t, url), "https://a.x"); !ok || s.Idle != want {
					t.Errorf("%+v, scoped %v, %s: %s", c, scoped, url, s.Idle)
				}
			}
		}
	}
}
