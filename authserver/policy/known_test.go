// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
	"time"
)

// TestWhatATableSaysOfGroups: by name, what a group matches by, whether a rule sees it, and what
// stands for all that the groups of a policy say.
func TestWhatATableSaysOfGroups(t *testing.T) {
	set := []Group{groupOf("staff", emails("ann@x"), networks("10.0.0.0/8"), emails("bob@y")), groupOf("net", networks("10.0.0.0/8"), nil, nil),
		groupOf("bad", nil, nil, nil)}
	table, _ := withGroups(set, one(does(Allow)...))
	var none *Table
	for name, want := range map[string]bool{"staff": true, "net": true, "bad": false, "missing": false} {
		lists, ok := table.GroupOf(name)
		if ok != want || want && len(lists[0]) != 1 || name == "staff" && (len(lists[1]) != 1 || lists[2][0].Value != "bob@y") {
			t.Errorf("%s: %v %v", name, lists, ok)
		}
		if lists, ok := none.GroupOf(name); ok || lists[0] != nil {
			t.Errorf("%s, of no table: %v", name, lists)
		}
		for _, a := range []Action{Allow, Block, Bypass, ServiceAuth} {
			if got, want := table.Blind(a, name), name == "staff" && a.relaxes(); got != want || none.Blind(a, name) {
				t.Errorf("%s in a %s rule: %v, want %v", name, a, got, want)
			}
		}
	}
	naming := func(names ...string) *Policy {
		p := one(Rule{Action: Allow, Include: named(names...)})
		return &p
	}
	seen := map[string]string{}
	for what, says := range map[string]string{
		"staff": table.SaysOfGroups(naming("staff")), "net": table.SaysOfGroups(naming("net")),
		"both":      table.SaysOfGroups(naming("staff", "net")),
		"a bad one": table.SaysOfGroups(naming("bad")), "a missing one": table.SaysOfGroups(naming("missing")),
		"another missing one": table.SaysOfGroups(naming("absent")),
		"another staff": func() string {
			other := []Group{groupOf("staff", emails("eve@x"), networks("10.0.0.0/8"), emails("bob@y")), set[1], set[2]}
			table, _ := withGroups(other, one(does(Allow)...))
			if table.SaysOfGroups(naming("net")) != seen["net"] && seen["net"] != "" {
				t.Error("what another group says is none of it")
			}
			return table.SaysOfGroups(naming("staff"))
		}(),
	} {
		for other, said := range seen {
			if says == said || says == "" {
				t.Errorf("the same of %s and %s: %x", what, other, says)
			}
		}
		seen[what] = says
	}
	if table.SaysOfGroups(naming("net", "staff")) != seen["both"] {
		t.Error("the order matters")
	}
	p := one(does(Allow)...)
	if table.SaysOfGroups(&p) != "" || none.SaysOfGroups(naming("staff")) != "" {
		t.Error("something is said of no group, or by no table")
	}
}

// TestAssumedTokens: of a token that is known by its name alone, a secret is taken for good; one
// that has secrets stays as it is.
func TestAssumedTokens(t *testing.T) {
	kept := ServiceToken{Source: Source{Namespace: "n", Name: "real"}, ClientID: "real", ExpiresAt: now.Add(time.Hour),
		Secrets: []TokenSecret{{Sum: SecretSum("real")}}}
	bare := ServiceToken{Source: Source{Namespace: "n", Name: "bare"}, PolicyNamespaces: []string{"m"}}
	over, off := kept, kept
	over.Source.Name, over.ClientID, over.ExpiresAt = "over", "over", now
	off.Source.Name, off.ClientID, off.Disabled = "off", "off", true
	given := []ServiceToken{kept, bare, over, off}
	list := AssumeTokens(given, "n/bare", "n/real", "n/new", "m/bare", "n/new")
	if len(list) != 6 || len(given[1].Secrets) != 0 {
		t.Fatalf("%+v, of %+v", list, given)
	}
	table, _ := Build(Input{Tokens: list})
	good, wrong := SecretSum("real"), SecretSum("wrong")
	for _, tc := range []struct {
		namespace, name string
		sum             *[32]byte
		user            string
		good, serves    bool
	}{
		{"n", "real", nil, "n", true, true}, {"n", "real", nil, "m", true, false}, {"n", "real", &good, "n", true, true},
		{"n", "real", &wrong, "n", false, false},
		{"n", "bare", nil, "n", true, true}, {"n", "bare", nil, "m", true, true}, {"n", "bare", nil, "k", true, false},
		{"m", "bare", nil, "m", true, true}, {"m", "bare", nil, "n", true, false},
		{"n", "new", nil, "n", true, true}, {"n", "over", nil, "n", false, false}, {"n", "off", nil, "n", false, false},
		{"n", "none", nil, "n", false, false},
	} {
		held := &HeldToken{Source: Source{Namespace: tc.namespace, Name: tc.name, Field: "spec"}, Sum: tc.sum}
		if good, serves := table.Holds(held, tc.user, now); good != tc.good || serves != tc.serves {
			t.Errorf("%s/%s, for %s: %v %v", tc.namespace, tc.name, tc.user, good, serves)
		}
		if good, serves := (&Table{}).Holds(held, tc.user, now); good || serves {
			t.Errorf("%s/%s, without tokens: %v %v", tc.namespace, tc.name, good, serves)
		}
	}
}
