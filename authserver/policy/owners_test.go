// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
	"time"
)

func TestEachHost(t *testing.T) {
	own, other := of("a", "p", 1, Allow, []string{"h.x", "*.x"}), of("b", "q", 2, Allow, []string{"h.x", "mine.x"})
	broken := of("c", "r", 3, Allow, []string{"broken.y"})
	broken.Rules = []Rule{{}}
	granted := []Policy{of("b", "q", 1, Allow, []string{"h.x"}, prefixes("/a/b", "/c")...),
		of("a", "p", 2, Allow, []string{"h.x"}, prefixes("/a")...)}
	both := Terms{Grants: []Grant{{"h.x", "a"}, {"h.x", "b"}}}
	for name, tc := range map[string]struct {
		in   Input
		want map[string]string
	}{
		"one":    {Input{Policies: CompileAll([]Policy{own})}, map[string]string{"h.x": "a", "*.x": "a"}},
		"nobody": {Input{}, map[string]string{}},
		"in vain": {Input{Policies: CompileAll([]Policy{own, of("b", "q", 2, Allow, []string{"h.x"})})},
			map[string]string{"h.x": "a", "*.x": "a"}},
		"a grant": {Input{Policies: CompileAll([]Policy{own, other}), Terms: Terms{Grants: []Grant{{"h.x", "b"}, {"mine.x", "b"}}}},
			map[string]string{"h.x": "a", "mine.x": "b", "*.x": "a"}},
		"a mistake": {Input{Policies: CompileAll([]Policy{broken})}, map[string]string{"broken.y": "c"}},
		"not known": {Input{Policies: CompileAll([]Policy{of("a", "p", 1, Allow, []string{"h.x"}), of("b", "q", 2, Allow, []string{"h.x"})}),
			Ledger: NewLedger(nil, time.Hour)},
			map[string]string{"h.x": ""}},
		"held": {Input{Policies: CompileAll([]Policy{of("a", "p", 1, Allow, []string{"h.x"})}),
			Ledger: NewLedger([]Claim{{"h.x", "b", birth, now}}, time.Hour)},
			map[string]string{"h.x": ""}},
		"two grants": {Input{Policies: CompileAll(granted), Terms: both}, map[string]string{"h.x": "a b"}},
		"two of one": {Input{Policies: CompileAll([]Policy{own, of("a", "s", 2, Allow, []string{"h.x"}, Path{Value: "/s"})})},
			map[string]string{"h.x": "a", "*.x": "a"}},
	} {
		table, _ := Build(tc.in)
		got := map[string]string{}
		table.EachHost(func(host string, namespaces []string) { got[host] = strings.Join(namespaces, " ") })
		for host, want := range tc.want {
			if is, ok := got[host]; !ok || is != want {
				t.Errorf("%s: %s is %q of %v, want %q", name, host, is, got, want)
			}
			delete(got, host)
		}
		if len(got) > 0 {
			t.Errorf("%s: %v, too", name, got)
		}
	}
	var none *Table
	none.EachHost(func(string, []string) { t.Error("a nil table has hosts") })
}
