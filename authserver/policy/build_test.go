// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
)

// of makes a policy of a namespace; a higher age is younger.
func of(ns, name string, age int, action Action, hosts []string, paths ...Path) Policy {
	return Policy{Source: Source{Namespace: ns, Name: name}, Since: birth.Add(time.Duration(age) * time.Hour), Hosts: hosts, Paths: paths, Rules: does(action)}
}

func told(issues []Issue) []string {
	out := []string{}
	for _, i := range issues {
		out = append(out, fmt.Sprintf("%s %s", i.Source, i.Reason))
	}
	return out
}

func TestConflictsAndOwnership(t *testing.T) {
	ax, wx := []string{"a.x"}, []string{"*.x"}
	for name, tc := range map[string]struct {
		policies []Policy
		grants   []Grant
		issues   []string
		asks     map[string]string // host and path → decision about a GET by nobody
	}{
		"older wins": {
			policies: []Policy{of("m", "young", 1, Bypass, ax), of("m", "old", 0, Block, ax)},
			issues:   []string{"m/young spec.hosts[0] Conflict"},
			asks:     map[string]string{"a.x/": "deny blocked old"},
		},
		"then the lesser name": {
			policies: []Policy{of("m", "b", 0, Bypass, ax), of("m", "a", 0, Block, ax)},
			issues:   []string{"m/b spec.hosts[0] Conflict"},
			asks:     map[string]string{"a.x/": "deny blocked a"},
		},
		"only the equal claim is lost": {
			policies: []Policy{of("m", "old", 0, Block, ax, Path{Value: "/a"}), of("m", "young", 1, Bypass, ax, Path{Value: "/a"}, Path{Value: "/a/"}, Path{Value: "/b"}, Path{"/a", true})},
			issues:   []string{"m/young spec.hosts[0] Conflict", "m/young spec.hosts[0] Conflict"},
			asks:     map[string]string{"a.x/a/c": "deny blocked old", "a.x/b": "allow bypass young", "a.x/a": "allow bypass young", "a.x/": "deny no-policy"},
		},
		"another namespace": {
			policies: []Policy{of("m", "old", 0, Block, ax, Path{Value: "/a"}), of("n", "young", 1, Bypass, ax, Path{Value: "/b"})},
			issues:   []string{"m/old spec.hosts[0] HostContended", "n/young spec.hosts[0] HostOwnedByOtherNamespace"},
			asks:     map[string]string{"a.x/b": "deny no-policy"},
		},
		"a wildcard above belongs to another namespace": {
			policies: []Policy{of("m", "old", 0, Block, wx), of("n", "young", 1, Bypass, ax)},
			issues:   []string{"m/old spec.hosts[0] HostContended", "n/young spec.hosts[0] HostOwnedByOtherNamespace"},
			asks:     map[string]string{"a.x/": "deny no-policy", "b.x/": "deny blocked old"},
		},
		"a wildcard above that is younger": {
			policies: []Policy{of("m", "old", 0, Block, ax), of("n", "young", 1, Bypass, wx)},
			asks:     map[string]string{"a.x/": "deny blocked old", "b.x/": "allow bypass young"},
		},
		"a wildcard two labels above": {
			policies: []Policy{of("m", "old", 0, Block, wx), of("n", "young", 1, Bypass, []string{"b.a.x"})},
			asks:     map[string]string{"b.a.x/": "allow bypass young"},
		},
		"the owner of the wildcard is not locked out by a grant": {
			policies: []Policy{of("m", "old", 0, Block, wx), of("n", "guest", 1, Bypass, ax, Path{Value: "/g"}), of("m", "young", 2, Allow, ax)},
			grants:   []Grant{{"a.x", "n"}},
			asks:     map[string]string{"a.x/": "challenge no-session young", "a.x/g": "allow bypass guest"},
		},
		"granted by the host": {
			policies: []Policy{of("m", "old", 0, Block, wx), of("n", "young", 1, Bypass, ax)},
			grants:   []Grant{{"a.x", "n"}},
			asks:     map[string]string{"a.x/": "allow bypass young", "b.x/": "deny blocked old"},
		},
		"granted by the wildcard": {
			policies: []Policy{of("m", "old", 0, Block, wx), of("n", "young", 1, Bypass, []string{"a.x", "*.x"}, Path{Value: "/n"})},
			grants:   []Grant{{"*.x", "n"}},
			asks:     map[string]string{"a.x/n": "allow bypass young", "a.x/": "deny no-policy", "b.x/n": "allow bypass young", "b.x/": "deny blocked old"},
		},
		"granted to someone else": {
			policies: []Policy{of("m", "old", 0, Block, ax), of("n", "young", 1, Bypass, ax)},
			grants:   []Grant{{"a.x", "o"}, {"b.x", "n"}, {"*.a.x", "n"}, {"x", "n"}, {"", "n"}},
			issues:   []string{"m/old spec.hosts[0] HostContended", "n/young spec.hosts[0] HostOwnedByOtherNamespace"},
			asks:     map[string]string{"a.x/": "deny no-policy"},
		},
		"a grant for hosts below is none for the wildcard's exact twin": {
			policies: []Policy{of("m", "old", 0, Block, wx), of("n", "young", 1, Bypass, wx, Path{Value: "/n"})},
			grants:   []Grant{{"a.x", "n"}},
			issues:   []string{"m/old spec.hosts[0] HostContended", "n/young spec.hosts[0] HostOwnedByOtherNamespace"},
			asks:     map[string]string{"a.x/n": "deny no-policy"},
		},
		"an exact host never falls through": {
			policies: []Policy{of("m", "wild", 0, Bypass, wx), of("m", "exact", 1, Allow, ax, Path{Value: "/in"})},
			asks:     map[string]string{"a.x/": "deny no-policy", "a.x/in": "challenge no-session exact", "b.x/": "allow bypass wild"},
		},
		"a defective owner still owns": {
			policies: []Policy{of("m", "old", 0, NoAction, ax), of("n", "young", 1, Bypass, ax)},
			issues:   []string{"m/old spec.hosts[0] HostContended", "m/old spec.rules[0].action Invalid", "n/young spec.hosts[0] HostOwnedByOtherNamespace"},
			asks:     map[string]string{"a.x/": "deny no-policy"},
		},
		"two of one name": {
			policies: []Policy{of("m", "p", 0, Bypass, ax), of("m", "p", 0, Allow, []string{"b.x"})},
			issues:   []string{"m/p metadata.name Invalid", "m/p metadata.name Invalid"},
			asks:     map[string]string{"a.x/": "deny invalid-policy p", "b.x/": "deny invalid-policy p"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			table, issues := build(tc.policies, tc.grants...)
			if got := told(issues); !slices.Equal(got, append([]string{}, tc.issues...)) {
				t.Errorf("issues %q, want %q", got, tc.issues)
			}
			for url, want := range tc.asks {
				if got := brief(get(table, "https://"+url, false)); got != want {
					t.Errorf("%s: %s, want %s", url, got, want)
				}
			}
		})
	}
}

// A policy with a mistake keeps what it means to claim, and denies it, though a
// valid policy of the same namespace would let anybody in around it.
func TestDefectsDeny(t *testing.T) {
	for name, tc := range map[string]struct {
		hosts []string
		paths []string
		asks  []string
	}{
		"upper case":        {hosts: []string{"A.X"}, asks: []string{"a.x/", "a.x/p"}},
		"scheme":            {hosts: []string{"https://a.x"}, asks: []string{"a.x/"}},
		"scheme and path":   {hosts: []string{"https://a.x:8443/y?z"}, asks: []string{"a.x/"}},
		"port":              {hosts: []string{"a.x:80"}, asks: []string{"a.x/"}},
		"trailing dot":      {hosts: []string{"a.x."}, asks: []string{"a.x/"}},
		"blanks":            {hosts: []string{" a.x\n"}, asks: []string{"a.x/"}},
		"underscore":        {hosts: []string{"a_b.x"}, asks: []string{"a_b.x/"}},
		"outer hyphen":      {hosts: []string{"-a.x"}, asks: []string{"-a.x/"}},
		"address":           {hosts: []string{"10.0.0.1"}, asks: []string{"10.0.0.1/"}},
		"wildcard":          {hosts: []string{"*.X:80"}, asks: []string{"c.x/"}},
		"listed twice":      {hosts: []string{"a.x", "a.x"}, asks: []string{"a.x/"}},
		"one is good":       {hosts: []string{"a.x", "*"}, asks: []string{"a.x/", "a.x/p"}},
		"no slash":          {hosts: []string{"a.x"}, paths: []string{"p"}, asks: []string{"a.x/p", "a.x/p/q"}},
		"empty path":        {hosts: []string{"a.x"}, paths: []string{""}, asks: []string{"a.x/", "a.x/p"}},
		"encoded path":      {hosts: []string{"a.x"}, paths: []string{"/%70"}, asks: []string{"a.x/p", "a.x/p/q"}},
		"query":             {hosts: []string{"a.x"}, paths: []string{"/p?q"}, asks: []string{"a.x/p"}},
		"fragment":          {hosts: []string{"a.x"}, paths: []string{"/p#q"}, asks: []string{"a.x/p"}},
		"star":              {hosts: []string{"a.x"}, paths: []string{"/p/*"}, asks: []string{"a.x/p", "a.x/p/q", "a.x/p/q/r"}},
		"star alone":        {hosts: []string{"a.x"}, paths: []string{"*"}, asks: []string{"a.x/", "a.x/p"}},
		"dots":              {hosts: []string{"a.x"}, paths: []string{"/q/../p"}, asks: []string{"a.x/p"}},
		"above the root":    {hosts: []string{"a.x"}, paths: []string{"/../p"}, asks: []string{"a.x/p", "a.x/"}},
		"doubled slash":     {hosts: []string{"a.x"}, paths: []string{"//p"}, asks: []string{"a.x/p"}},
		"blank in the path": {hosts: []string{"a.x"}, paths: []string{"/p q"}, asks: []string{"a.x/p%20q"}},
		"twice":             {hosts: []string{"a.x"}, paths: []string{"/p", "/p"}, asks: []string{"a.x/p"}},
	} {
		t.Run(name, func(t *testing.T) {
			bad := of("m", "bad", 0, Bypass, tc.hosts, prefixes(tc.paths...)...)
			open := of("m", "open", 1, Bypass, []string{"a.x", "*.x"})
			// Of an equal claim the older would win: the broken one must not
			// depend on being younger or older.
			for _, age := range []int{0, 2} {
				bad.Since = birth.Add(time.Duration(age) * time.Hour)
				if age == 2 && len(tc.paths) == 0 || slices.Contains([]string{"empty path", "star alone", "above the root"}, name) {
					open.Hosts = []string{"*.y"}
				}
				table, issues := build([]Policy{bad, open})
				if !slices.ContainsFunc(issues, func(i Issue) bool { return i.Reason == Invalid && i.Source.Name == "bad" }) {
					t.Fatalf("no issue: %v", issues)
				}
				for _, url := range tc.asks {
					if got := brief(get(table, "https://"+url, true)); got != "deny invalid-policy bad" {
						t.Errorf("%s: %s", url, got)
					}
				}
			}
		})
	}
}

func TestReportedDefectsDeny(t *testing.T) {
	p := one(does(Bypass)...)
	p.CORS = spa()
	p.Defects = []Issue{{p.Source.at("spec.rules[0]"), Invalid, "", "translated badly"}}
	table, issues := build([]Policy{p})
	if d := get(table, "https://a.x/", false); d.Verdict != Deny || d.Reason != InvalidPolicy {
		t.Errorf("%s", brief(d))
	}
	if d := table.Decide(preflight(t, "https://a.x/", "https://spa.example.com", "GET", "")); d.Verdict != Deny || d.CORS != (CORSHeaders{}) {
		t.Errorf("%+v", d)
	}
	if !slices.Equal(told(issues), []string{"n/p spec.rules[0] Invalid"}) {
		t.Errorf("%v", issues)
	}
	p.Defects[0].Reason = Unwise
	table, _ = build([]Policy{p})
	if d := get(table, "https://a.x/", false); d.Verdict != Admit {
		t.Errorf("a warning denies: %s", brief(d))
	}
}

func TestIssueOrder(t *testing.T) {
	p := one()
	for range 12 {
		p.Rules = append(p.Rules, Rule{Action: Allow, Include: slices.Repeat([]Selector{{}}, 11)})
	}
	_, issues := build([]Policy{p, of("a", "z", 9, NoAction, []string{"*"})})
	var want []string
	want = append(want, "a/z spec.hosts[0]", "a/z spec.rules[0].action")
	for r := range 12 {
		for s := range 11 {
			want = append(want, fmt.Sprintf("n/p spec.rules[%d].include[%d]", r, s))
		}
	}
	var got []string
	for _, i := range issues {
		got = append(got, i.Source.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("order of issues: %q", got)
	}
}

// Everything that Build returns is the same for every order of the policies,
// be they broken, equal or at odds.
func TestBuildOrderIndependence(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var pool []Policy
	for i := range 40 {
		p := of(string(rune('m'+rng.IntN(2))), fmt.Sprint("p", rng.IntN(20)), rng.IntN(3), Action(rng.IntN(6)), []string{[]string{"a.x", "*.x", "b.x", "A.x", "*"}[rng.IntN(5)]},
			Path{Value: []string{"/", "/a", "a"}[rng.IntN(3)], Exact: i%2 == 0})
		p.Unauthenticated = Unauthenticated(rng.IntN(4))
		pool = append(pool, p)
	}
	for range 60 {
		table, issues := build(pool)
		var first []Decision
		for i := range 2 {
			var all []Decision
			for _, url := range []string{"a.x/", "a.x/a", "a.x/a/", "b.x/", "c.x/", "c.x/a", "a.x//a"} {
				all = append(all, get(table, "https://"+url, true), get(table, "https://"+url, false))
			}
			if i == 0 {
				first = all
			} else if !reflect.DeepEqual(first, all) {
				t.Fatalf("decisions differ: %v\n%v", first, all)
			}
			rng.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
			again, againIssues := build(pool)
			if again.Revision() != table.Revision() || !reflect.DeepEqual(issues, againIssues) {
				t.Fatalf("order matters: %s %s", table.Revision(), again.Revision())
			}
			table = again
		}
	}
}

func TestZeroValuesDeny(t *testing.T) {
	var live Live
	target := mustTarget(t, "https://a.x/")
	for _, table := range []*Table{nil, {}, live.Table()} {
		for _, r := range []Request{{}, {Method: "GET"}, {Target: target}, {Target: target, Subject: &Subject{}}, preflight(t, "https://a.x/", "https://o", "GET", "")} {
			if d := table.Decide(r); d.Verdict != Deny || d.CORS != (CORSHeaders{}) || d.Reason == NoReason {
				t.Errorf("%+v: %+v", r, d)
			}
		}
		if table.Revision() != "" || table.Len() != 0 || table.Audience(target) != "" {
			t.Errorf("an empty table knows %q", table.Revision())
		}
	}
	table := mustBuild(t, one(does(Allow)...), of("n", "b", 0, Bypass, []string{"b.x"}))
	live.Publish(table)
	for name, r := range map[string]Request{
		"request":       {},
		"target":        {Method: "GET", Now: now, Subject: session("n/p")},
		"subject":       {Target: target, Now: now, Subject: &Subject{}},
		"audience only": {Target: target, Now: now, Subject: &Subject{Audience: []string{"n/p"}}},
		"never issued":  {Target: target, Now: now, Subject: &Subject{Audience: []string{"n/p"}, ExpiresAt: now.Add(time.Hour)}},
		"never expires": {Target: target, Now: now, Subject: &Subject{Audience: []string{"n/p"}, IssuedAt: now}},
		"no clock":      {Target: target, Subject: session("n/p")},
	} {
		if d := live.Table().Decide(r); d.Verdict == Admit {
			t.Errorf("zero %s: %+v", name, d)
		}
	}
	var v Verdict
	if v != Deny || (Decision{}).Verdict != Deny {
		t.Error("the zero Verdict does not deny")
	}
}

func TestZeroAndUnknownRulesDeny(t *testing.T) {
	block := Rule{Action: Block, Include: everyone(), Exclude: []Selector{{Property: Property(99)}}}
	for name, rules := range map[string][]Rule{
		"no rule":          {},
		"zero rule":        {{}},
		"zero action":      {{Include: everyone()}},
		"unknown action":   {{Action: Action(99), Include: everyone()}},
		"nobody included":  {{Action: Bypass}, {Action: Allow}},
		"zero selector":    {{Action: Bypass, Include: []Selector{{}}}},
		"unknown selector": {{Action: Bypass, Include: []Selector{{Property: Property(99)}}}},
		"unknown exclude":  {{Action: Bypass, Include: everyone(), Exclude: []Selector{{Property: Property(99)}}}},
		"unknown require":  {{Action: Bypass, Include: everyone(), Require: []Selector{{Property: Property(99)}}}},
		"unknown in Block": {block, {Action: Allow, Include: everyone()}},
		"no network":       {{Action: Bypass, Include: []Selector{{Property: Address}}}},
		"zero network":     {{Action: Bypass, Include: []Selector{{Property: Address, Networks: make([]netip.Prefix, 1)}}}},
		"empty email":      {{Action: Allow, Include: []Selector{{Property: Email}}}},
		"empty domain":     {{Action: Allow, Include: []Selector{{Property: EmailDomain}}}},
	} {
		p := one(rules...)
		s := session("n/p")
		for _, s.Email = range []string{"", "ann@x", "@", "ann@"} {
			table, issues := build([]Policy{p})
			r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now, Subject: s, Address: netip.MustParseAddr("10.0.0.1")}
			if d := table.Decide(r); d.Verdict == Admit || len(issues) == 0 && len(rules) > 0 {
				t.Errorf("%s: %s %v", name, brief(d), issues)
			}
			// Were validation ever to let it pass, it would still admit nobody.
			table.claims("a.x").few[0].app = compile(&p, false)
			if d := table.Decide(r); d.Verdict == Admit && name != "unknown exclude" {
				t.Errorf("%s, compiled: %s", name, brief(d))
			}
		}
	}
	p := one(does(Allow)...)
	p.Unauthenticated = 99
	if _, issues := build([]Policy{p}); !slices.Equal(told(issues), []string{"n/p spec.unauthenticated Invalid"}) {
		t.Errorf("%v", issues)
	}
}
