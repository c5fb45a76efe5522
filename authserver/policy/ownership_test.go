// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// recorded is a record of so many hours after birth.
func recorded(host, ns string, hours int) Claim {
	return Claim{Host: host, Namespace: ns, Since: birth.Add(time.Duration(hours) * time.Hour)}
}

func released(c Claim, hours int) Claim {
	c.Released = birth.Add(time.Duration(hours) * time.Hour)
	return c
}

// told by the status, but not written down.
func toldTheirs(host, ns string) Claim { return Claim{Host: host, Namespace: ns} }

// The object of "evil" is older than that of "team" throughout.
func TestClaimsDecideNotObjects(t *testing.T) {
	app := func(hosts ...string) Policy { return of("team", "app", 5, Allow, hosts) }
	evil := func(hosts ...string) Policy { return of("evil", "old", 0, Bypass, hosts) }
	const theirs, lost = "challenge no-session app", "deny no-policy"
	for name, tc := range map[string]struct {
		policies []Policy
		claims   []Claim
		terms    Terms
		issues   []string
		asks     map[string]string // of nobody, the route not known
		pinned   map[string]string // of nobody, by the route of team/app
	}{
		"an older object is edited": {
			policies: []Policy{app("a.x"), evil("b.x", "a.x")}, claims: []Claim{recorded("a.x", "team", 6), recorded("b.x", "evil", 1)},
			issues: []string{"evil/old spec.hosts[1] HostOwnedByOtherNamespace", "team/app spec.hosts[0] HostContended"},
			asks:   map[string]string{"a.x/": lost, "b.x/": "allow bypass old"}, pinned: map[string]string{"a.x/": theirs},
		},
		"a wildcard that is claimed later": {
			policies: []Policy{app("a.x"), evil("*.x")}, claims: []Claim{recorded("a.x", "team", 6), recorded("*.x", "evil", 7)},
			asks: map[string]string{"a.x/": theirs, "b.x/": "allow bypass old"}, pinned: map[string]string{"a.x/": theirs},
		},
		"a wildcard that was claimed before": {
			policies: []Policy{app("a.x"), evil("*.x")}, claims: []Claim{recorded("*.x", "evil", 6)},
			issues: []string{"evil/old spec.hosts[0] HostContended", "team/app spec.hosts[0] HostOwnedByOtherNamespace"},
			asks:   map[string]string{"a.x/": lost, "b.x/": "allow bypass old"}, pinned: map[string]string{"a.x/": lost},
		},
		"lurking for a new installation": {
			policies: []Policy{evil("*.x", "a.x")}, claims: []Claim{recorded("a.x", "team", 6), recorded("*.x", "evil", 7)},
			issues: []string{"evil/old spec.hosts[1] HostOwnedByOtherNamespace"}, asks: map[string]string{"a.x/": lost, "b.x/": "allow bypass old"},
		},
		"lurking by a wildcard alone": {
			policies: []Policy{evil("*.x")}, claims: []Claim{released(recorded("a.x", "team", 6), 8), recorded("*.x", "evil", 7)},
			asks: map[string]string{"a.x/": lost, "b.x/": "allow bypass old"},
		},
		"made again within the hold": {
			policies: []Policy{app("a.x"), evil("*.x")}, claims: []Claim{released(recorded("a.x", "team", 6), 8), recorded("*.x", "evil", 7)},
			asks: map[string]string{"a.x/": theirs},
		},
		"a held wildcard": {
			policies: []Policy{evil("a.x", "*.x", "y")}, claims: []Claim{released(recorded("*.x", "team", 6), 8)},
			issues: []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "evil/old spec.hosts[1] HostOwnedByOtherNamespace"},
			asks:   map[string]string{"a.x/": lost, "b.x/": lost, "y/": "allow bypass old"},
		},
		"the owner's own wildcard takes what it lets go": {
			policies: []Policy{app("*.x")}, claims: []Claim{released(recorded("a.x", "team", 6), 8), recorded("*.x", "team", 7)},
			asks: map[string]string{"a.x/": theirs, "b.x/": theirs},
		},
		"a grant releases a hold": {
			policies: []Policy{evil("a.x")}, claims: []Claim{released(recorded("a.x", "team", 6), 8)}, terms: Terms{Grants: []Grant{{"a.x", "evil"}}},
			asks: map[string]string{"a.x/": "allow bypass old"},
		},
		"a grant is no contention": {
			policies: []Policy{app("a.x"), of("evil", "old", 0, Bypass, []string{"a.x"}, prefixes("/e")...)}, claims: []Claim{recorded("a.x", "team", 6)},
			terms: Terms{Grants: []Grant{{"a.x", "evil"}}}, asks: map[string]string{"a.x/": theirs, "a.x/e": "allow bypass old"},
			pinned: map[string]string{"a.x/": theirs},
		},
		"nothing tells": {
			policies: []Policy{app("a.x"), evil("a.x")},
			issues:   []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "team/app spec.hosts[0] HostOwnedByOtherNamespace"},
			asks:     map[string]string{"a.x/": lost}, pinned: map[string]string{"a.x/": lost},
		},
		"nothing tells of a host and the wildcard above": {
			policies: []Policy{app("a.x"), evil("*.x")},
			issues:   []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "team/app spec.hosts[0] HostOwnedByOtherNamespace"},
			asks:     map[string]string{"a.x/": lost, "b.x/": "allow bypass old"}, pinned: map[string]string{"a.x/": lost},
		},
		"written down at one time": {
			policies: []Policy{app("a.x"), evil("a.x")}, claims: []Claim{recorded("a.x", "team", 6), recorded("a.x", "evil", 6)},
			issues: []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "team/app spec.hosts[0] HostOwnedByOtherNamespace"},
			asks:   map[string]string{"a.x/": lost}, pinned: map[string]string{"a.x/": lost},
		},
		"an upgrade: who was in force stays so": {
			policies: []Policy{app("a.x", "*.y"), evil("a.x", "b.y", "*.x")}, claims: []Claim{toldTheirs("a.x", "team"), toldTheirs("*.y", "team")},
			issues: []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "evil/old spec.hosts[1] HostOwnedByOtherNamespace",
				"team/app spec.hosts[0] HostContended", "team/app spec.hosts[1] HostContended"},
			asks: map[string]string{"a.x/": lost, "b.y/": lost, "c.y/": theirs, "c.x/": "allow bypass old"}, pinned: map[string]string{"a.x/": theirs, "b.y/": theirs},
		},
		"an upgrade: whom a grant let in was not first": {
			policies: []Policy{app("a.x"), of("evil", "old", 0, Bypass, []string{"a.x"}, prefixes("/e")...)},
			claims:   []Claim{toldTheirs("a.x", "team"), toldTheirs("a.x", "evil")}, terms: Terms{Grants: []Grant{{"a.x", "evil"}}},
			asks: map[string]string{"a.x/": theirs, "a.x/e": "allow bypass old"},
		},
		"an upgrade: a host, and the wildcard above": {
			policies: []Policy{app("a.x"), evil("*.x")}, claims: []Claim{toldTheirs("a.x", "team"), toldTheirs("*.x", "evil")},
			asks: map[string]string{"a.x/": theirs, "b.x/": "allow bypass old"},
		},
		"what is written counts more than what was told": {
			policies: []Policy{app("a.x"), evil("a.x", "*.x")}, claims: []Claim{toldTheirs("a.x", "evil"), recorded("a.x", "team", 6), recorded("*.x", "evil", 7)},
			issues: []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "team/app spec.hosts[0] HostContended"},
			asks:   map[string]string{"a.x/": lost}, pinned: map[string]string{"a.x/": theirs},
		},
		"a policy with mistakes takes nothing": {
			policies: []Policy{app("a.x"), of("evil", "old", 0, NoAction, []string{"A.X"}, prefixes("admin")...)}, claims: []Claim{recorded("a.x", "team", 6)},
			issues: []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "evil/old spec.hosts[0] Invalid", "evil/old spec.paths[0].path Invalid",
				"evil/old spec.rules[0].action Invalid", "team/app spec.hosts[0] HostContended"},
			asks: map[string]string{"a.x/": lost}, pinned: map[string]string{"a.x/": theirs, "a.x/admin": theirs},
		},
		"reserved: a claim of others is void, and no contention": {
			policies: []Policy{app("a.x", "*.b.x"), evil("a.x", "*.x", "c.b.x", "d.c.b.x", "x")}, claims: []Claim{recorded("a.x", "evil", 1), recorded("*.x", "evil", 1)},
			terms: Terms{Reservations: []Grant{{"*.x", "team"}}},
			issues: []string{"evil/old spec.hosts[0] HostNotGranted", "evil/old spec.hosts[1] HostNotGranted", "evil/old spec.hosts[2] HostNotGranted",
				"evil/old spec.hosts[3] HostNotGranted"},
			asks: map[string]string{"a.x/": theirs, "c.b.x/": theirs, "d.c.b.x/": lost, "b.x/": lost, "x/": "allow bypass old"},
		},
		"reserved: a host below somebody's wildcard": {
			policies: []Policy{evil("*.x")}, claims: []Claim{recorded("*.x", "evil", 1)}, terms: Terms{Reservations: []Grant{{"a.x", "team"}}},
			asks: map[string]string{"a.x/": lost, "b.x/": "allow bypass old"},
		},
		"reserved: the longer one counts": {
			policies: []Policy{app("a.b.x", "c.x", "d.b.x"), evil("a.b.x", "c.x", "d.b.x")},
			terms:    Terms{Reservations: []Grant{{"*.x", "team"}, {"*.b.x", "evil"}, {"d.b.x", "team"}}},
			issues:   []string{"evil/old spec.hosts[1] HostNotGranted", "evil/old spec.hosts[2] HostNotGranted", "team/app spec.hosts[0] HostNotGranted"},
			asks:     map[string]string{"a.b.x/": "allow bypass old", "c.x/": theirs, "d.b.x/": theirs},
		},
		"granted only": {
			policies: []Policy{app("a.x", "b.x", "y"), evil("a.x", "c.x", "*.y")},
			terms:    Terms{GrantedOnly: true, Grants: []Grant{{"a.x", "team"}, {"*.y", "evil"}}, Reservations: []Grant{{"b.x", "team"}}},
			issues:   []string{"evil/old spec.hosts[0] HostNotGranted", "evil/old spec.hosts[1] HostNotGranted", "team/app spec.hosts[2] HostNotGranted"},
			asks:     map[string]string{"a.x/": theirs, "b.x/": theirs, "c.x/": lost, "y/": lost, "z.y/": "allow bypass old"},
		},
		"the team host": {
			policies: []Policy{evil("auth.e.x", "*.e.x", "e.x", "x", "*.x")}, claims: []Claim{recorded("auth.e.x", "evil", 1)},
			terms:  Terms{TeamHost: "auth.e.x", Grants: []Grant{{"auth.e.x", "evil"}, {"x", "evil"}}},
			issues: []string{"evil/old spec.hosts[0] HostReserved", "evil/old spec.hosts[2] HostReserved"},
			asks:   map[string]string{"auth.e.x/": lost, "b.e.x/": "allow bypass old", "e.x/": lost, "f.x/": "allow bypass old", "x/": "allow bypass old"},
		},
		"a deep pattern that is claimed later": {
			policies: []Policy{app("a.b.x", "*.c.x"), evil("**.x")}, claims: []Claim{recorded("a.b.x", "team", 6), recorded("*.c.x", "team", 6), recorded("**.x", "evil", 7)},
			asks: map[string]string{"a.b.x/": theirs, "z.c.x/": theirs, "c.x/": "allow bypass old", "z.b.x/": "allow bypass old", "z.z.c.x/": "allow bypass old"},
		},
		"a deep pattern that was claimed before": {
			policies: []Policy{app("**.x"), evil("a.b.x", "*.c.x", "**.d.x")},
			claims:   []Claim{recorded("**.x", "team", 6)},
			issues: []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "evil/old spec.hosts[1] HostOwnedByOtherNamespace",
				"evil/old spec.hosts[2] HostOwnedByOtherNamespace", "team/app spec.hosts[0] HostContended", "team/app spec.hosts[0] HostContended", "team/app spec.hosts[0] HostContended"},
			asks:   map[string]string{"a.b.x/": lost, "z.c.x/": lost, "z.z.d.x/": lost, "d.x/": theirs, "z.z.c.x/": theirs},
			pinned: map[string]string{"a.b.x/": theirs, "z.c.x/": theirs, "z.z.d.x/": theirs},
		},
		"through a pattern in between": {
			policies: []Policy{app("**.x"), evil("*.b.x", "a.b.x")}, claims: []Claim{recorded("**.x", "team", 1), recorded("*.b.x", "evil", 3), recorded("a.b.x", "evil", 2)},
			issues: []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "evil/old spec.hosts[1] HostOwnedByOtherNamespace",
				"team/app spec.hosts[0] HostContended", "team/app spec.hosts[0] HostContended"},
			asks: map[string]string{"a.b.x/": lost, "z.b.x/": lost}, pinned: map[string]string{"a.b.x/": theirs, "z.b.x/": theirs},
		},
		"an owner's own pattern in between is no gap": {
			policies: []Policy{app("**.x", "*.b.x"), evil("a.b.x")}, claims: []Claim{recorded("**.x", "team", 1), recorded("*.b.x", "team", 5), recorded("a.b.x", "evil", 3)},
			issues: []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "team/app spec.hosts[1] HostContended"},
			asks:   map[string]string{"a.b.x/": lost, "z.b.x/": theirs}, pinned: map[string]string{"a.b.x/": theirs},
		},
		"a held deep pattern": {
			policies: []Policy{evil("a.b.x", "*.x", "**.b.x", "x")}, claims: []Claim{released(recorded("**.x", "team", 6), 8)},
			issues: []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "evil/old spec.hosts[1] HostOwnedByOtherNamespace", "evil/old spec.hosts[2] HostOwnedByOtherNamespace"},
			asks:   map[string]string{"a.b.x/": lost, "b.x/": lost, "z.z.z.x/": lost, "x/": "allow bypass old"},
		},
		"nothing tells of a host and a deep pattern above": {
			policies: []Policy{app("a.b.x"), evil("**.x")},
			issues:   []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "team/app spec.hosts[0] HostOwnedByOtherNamespace"},
			asks:     map[string]string{"a.b.x/": lost, "z.b.x/": "allow bypass old"}, pinned: map[string]string{"a.b.x/": lost},
		},
		"reserved: no pattern from outside decides within": {
			policies: []Policy{evil("**.x")}, claims: []Claim{recorded("**.x", "evil", 1)},
			terms: Terms{Reservations: []Grant{{"*.b.x", "team"}, {"c.x", "team"}}},
			asks:  map[string]string{"b.x/": "allow bypass old", "a.b.x/": lost, "z.a.b.x/": lost, "c.x/": lost, "z.c.x/": "allow bypass old"},
		},
		"reserved: nor where something is held": {
			policies: []Policy{evil("**.x", "*.y")},
			claims:   []Claim{recorded("**.x", "evil", 1), released(recorded("a.b.x", "team", 6), 8), recorded("*.y", "evil", 1), released(recorded("c.y", "team", 6), 8)},
			terms:    Terms{Reservations: []Grant{{"*.b.x", "team"}, {"c.y", "team"}}},
			asks:     map[string]string{"a.b.x/": lost, "c.y/": lost, "d.y/": "allow bypass old"},
		},
		"reserved: whose zone it is decides within by a deep pattern": {
			policies: []Policy{app("**.b.x", "*.b.x"), evil("**.x", "a.b.x")}, claims: []Claim{recorded("**.x", "evil", 1)},
			terms:  Terms{Reservations: []Grant{{"**.b.x", "team"}}},
			issues: []string{"evil/old spec.hosts[1] HostNotGranted"},
			asks:   map[string]string{"a.b.x/": theirs, "z.z.b.x/": theirs, "b.x/": "allow bypass old"},
		},
		"the team host below a deep pattern": {
			policies: []Policy{evil("**.x")}, claims: []Claim{recorded("**.x", "evil", 1)}, terms: Terms{TeamHost: "auth.e.x"},
			asks: map[string]string{"auth.e.x/": lost, "e.x/": lost, "b.e.x/": "allow bypass old", "b.auth.e.x/": "allow bypass old"},
		},
		"our own path": {
			policies: []Policy{of("team", "app", 0, Bypass, []string{"a.x"}, Path{Value: "/.access"}, Path{Value: "/.access/login", Exact: true}, Path{Value: "/.accessories"}, Path{Value: "/.access/"})},
			terms:    Terms{PathPrefix: "/.access"},
			issues:   []string{"team/app spec.paths[0] HostReserved", "team/app spec.paths[1] HostReserved", "team/app spec.paths[3] HostReserved"},
			asks:     map[string]string{"a.x/.access/login": lost, "a.x/.accessories": "allow bypass app"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			table, issues := Build(Input{Policies: CompileAll(tc.policies), Terms: tc.terms, Ledger: NewLedger(tc.claims, 24*time.Hour),
				Bindings: []Binding{{"team/web", "team/app"}, {"evil/web", "evil/old"}}})
			if got := told(issues); !slices.Equal(got, append([]string{}, tc.issues...)) {
				t.Errorf("issues %q, want %q", got, tc.issues)
			}
			for url, want := range tc.asks {
				if got := brief(get(table, "https://"+url, false)); got != want {
					t.Errorf("%s: %s, want %s", url, got, want)
				}
				if p := table.Decide(preflight(t, "https://"+url, "https://o.x", "GET", "")); want == lost && p.Reason != NoPolicy {
					t.Errorf("a preflight of %s: %s", url, brief(p))
				}
			}
			for url, want := range tc.pinned {
				r := Request{Target: mustTarget(t, "https://"+url), Method: "GET", Now: now, Ingress: "team/web"}
				if got := brief(table.Decide(r)); got != want {
					t.Errorf("%s by its route: %s, want %s", url, got, want)
				}
				if r.Ingress = "evil/web"; want == theirs && table.Decide(r).Verdict != Deny {
					t.Errorf("%s by another's route: %s", url, brief(table.Decide(r)))
				}
			}
		})
	}
}

// Words say what was claimed by whom, and what to do.
func TestOwnershipWords(t *testing.T) {
	of2 := func(hosts ...string) []*Compiled {
		return CompileAll([]Policy{of("evil", "old", 0, Bypass, hosts)})
	}
	both := CompileAll([]Policy{of("evil", "old", 0, Bypass, []string{"a.x"}), of("team", "app", 5, Allow, []string{"a.x"})})
	for name, tc := range map[string]struct {
		in    Input
		url   string
		why   IssueReason
		words []string
		trace string
	}{
		"owned": {Input{Policies: both, Ledger: NewLedger([]Claim{recorded("a.x", "team", 1)}, time.Hour)}, "a.x", HostOwnedByOtherNamespace,
			[]string{"belongs to namespace team", "not active", "refused", "host grant"}, "a.x belongs to namespace team, and another namespace claims it, too (evil/old)"},
		"contended": {Input{Policies: both, Ledger: NewLedger([]Claim{recorded("a.x", "team", 1)}, time.Hour)}, "a.x", HostContended,
			[]string{"claimed by evil/old, too", "refused", "host grant", "reservation for namespace team"}, "refused"},
		"nobody": {Input{Policies: both, Ledger: NewLedger(nil, time.Hour)}, "a.x", HostOwnedByOtherNamespace,
			[]string{"namespaces evil and team", "Ostiary cannot tell which of them was first", "denied", "host grant"}, "Ostiary cannot tell which of them was first"},
		"held": {Input{Policies: of2("a.x"), Ledger: NewLedger([]Claim{released(recorded("a.x", "team", 1), 2)}, 24*time.Hour)}, "a.x", HostOwnedByOtherNamespace,
			[]string{"held for namespace team until 2026-01-02T02:00:00Z", "host grant", "now"}, "another namespace claims it, too (evil/old)"},
		"held, below a wildcard": {Input{Policies: of2("*.x"), Ledger: NewLedger([]Claim{released(recorded("a.x", "team", 1), 2), recorded("*.x", "evil", 3)}, 24*time.Hour)}, "a.x", "",
			nil, "a.x is held for namespace team"},
		"reserved":      {Input{Policies: of2("a.x"), Terms: Terms{Reservations: []Grant{{"*.x", "team"}}}}, "a.x", HostNotGranted, []string{"reserved", "namespace team", "host grant"}, "no policy claims"},
		"granted only":  {Input{Policies: of2("a.x"), Terms: Terms{GrantedOnly: true}}, "a.x", HostNotGranted, []string{"not granted to namespace evil", "host grant"}, "no policy claims"},
		"team host":     {Input{Policies: of2("a.x", "*.x"), Terms: Terms{TeamHost: "a.x"}}, "a.x", HostReserved, []string{"where users sign in", "choose another host"}, "is reserved"},
		"team's parent": {Input{Policies: of2("x"), Terms: Terms{TeamHost: "a.x"}}, "x", HostReserved, []string{"parent domain of a.x", "cookies", "host grant"}, "no policy claims"},
	} {
		table, issues := Build(tc.in)
		i := slices.IndexFunc(issues, func(i Issue) bool { return i.Reason == tc.why })
		if tc.why != "" && i < 0 {
			t.Errorf("%s: %v", name, issues)
			continue
		}
		for _, w := range tc.words {
			if !strings.Contains(issues[i].Message, w) {
				t.Errorf("%s: %q does not say %q", name, issues[i].Message, w)
			}
		}
		d, trace := table.Explain(Request{Target: mustTarget(t, "https://"+tc.url+"/"), Method: "GET", Now: now})
		if last := trace.Steps[len(trace.Steps)-1]; d.Reason != NoPolicy || !strings.Contains(last.Detail, tc.trace) {
			t.Errorf("%s: %s: %q does not say %q", name, brief(d), last.Detail, tc.trace)
		}
	}
}

// In whatever order records are added, the earliest counts.
func TestLedgerMerges(t *testing.T) {
	claims := []Claim{recorded("a.x", "team", 3), released(recorded("a.x", "team", 1), 4), recorded("a.x", "evil", 2), toldTheirs("a.x", "evil"),
		released(recorded("b.x", "team", 1), 4), released(recorded("b.x", "team", 2), 6)}
	want := []Claim{recorded("a.x", "team", 1), recorded("a.x", "evil", 2), released(recorded("b.x", "team", 1), 6)}
	for range 20 {
		first := claims[0]
		claims = append(claims[1:], first)
		if got := NewLedger(claims, time.Hour).Claims(); !slices.Equal(got, want) {
			t.Fatalf("%v", got)
		}
		slices.Reverse(claims[1:])
	}
}

// What becomes of a record, from the first claim to the end of its hold.
func TestLedgerRecords(t *testing.T) {
	policies := CompileAll([]Policy{of("team", "app", 0, Allow, []string{"a.x", "*.y"}), of("evil", "old", 0, Allow, []string{"a.x"})})
	step := func(l *Ledger, policies []*Compiled, hours int) (*Ledger, []Claim, time.Time) {
		table, _ := Build(Input{Policies: policies, Ledger: l})
		claims, again := l.Record(table, policies, birth.Add(time.Duration(hours)*time.Hour))
		next := NewLedger(claims, 10*time.Hour)
		return next, next.Claims(), again
	}
	l := NewLedger(nil, 10*time.Hour)
	l, got, again := step(l, policies[:1], 1)
	want := []Claim{recorded("*.y", "team", 1), recorded("a.x", "team", 1)}
	if !slices.Equal(got, want) || !again.IsZero() {
		t.Fatalf("at first: %v, again %v", got, again)
	}
	l, got, _ = step(l, policies, 2) // whoever claims in vain is not written down
	if !slices.Equal(got, want) {
		t.Fatalf("unchanged: %v", got)
	}
	l, got, again = step(l, policies[1:], 3)
	if want := []Claim{released(want[0], 3), released(want[1], 3)}; !slices.Equal(got, want) || !again.Equal(birth.Add(13*time.Hour)) {
		t.Fatalf("released: %v, again %v", got, again)
	}
	if _, got, _ = step(l, policies, 12); !slices.Equal(got, want) {
		t.Fatalf("claimed again: %v", got)
	}
	l, got, again = step(l, policies[1:], 13) // the hold is over, and the next one is not yet built
	if len(got) != 0 || !again.IsZero() {
		t.Fatalf("dropped: %v, again %v", got, again)
	}
	if _, got, _ = step(l, policies[1:], 14); !slices.Equal(got, []Claim{recorded("a.x", "evil", 14)}) {
		t.Fatalf("taken: %v", got)
	}

	// Whatever a replica's clock says, a new record is later than all before.
	l = NewLedger([]Claim{recorded("z", "team", 100)}, time.Hour)
	table, _ := Build(Input{Policies: policies[:1], Ledger: l})
	for _, c := range l.Fresh(table, birth) {
		if !c.Since.After(birth.Add(100 * time.Hour)) {
			t.Errorf("%v", c)
		}
	}
	// A namespace cannot fill the ledger by claiming and leaving.
	var many []Claim
	for i := range heldMax + 10 {
		many = append(many, released(recorded(fmt.Sprintf("h%d.x", i), "evil", 1), 2+i/heldMax))
	}
	if got, _ := NewLedger(many, 1000*time.Hour).Record(nil, nil, birth.Add(5*time.Hour)); len(got) != heldMax || !slices.Contains(got, many[heldMax+9]) {
		t.Errorf("%d are held", len(got))
	}
}

// That a claim is written down is no change of the table, and whose a host is, is.
func TestLedgerRevision(t *testing.T) {
	policies := CompileAll([]Policy{of("team", "app", 0, Allow, []string{"a.x"}), of("evil", "old", 0, Allow, []string{"a.x", "*.x"})})
	rev := func(claims ...Claim) string {
		table, _ := Build(Input{Policies: policies, Ledger: NewLedger(claims, time.Hour)})
		return table.Revision()
	}
	team, evil := rev(recorded("a.x", "team", 1)), rev(recorded("a.x", "evil", 1))
	if nobody := rev(); team == evil || team == nobody || evil == nobody {
		t.Errorf("revisions %s, %s, %s", team, evil, nobody)
	}
	if again := rev(recorded("a.x", "team", 2), recorded("*.x", "evil", 3)); again != team {
		t.Errorf("it was written down, and %s became %s", team, again)
	}
	seen := map[string]bool{}
	for _, terms := range []Terms{{}, {Grants: []Grant{{"a.x", "team"}}}, {Reservations: []Grant{{"a.x", "team"}}}, {GrantedOnly: true}, {TeamHost: "x"}, {PathPrefix: "/x"}, {NoCountries: true}} {
		table, _ := Build(Input{Policies: policies, Terms: terms, Ledger: NewLedger(nil, time.Hour)})
		if seen[table.Revision()] {
			t.Errorf("%+v has the revision of others", terms)
		}
		seen[table.Revision()] = true
	}
}

func TestSameNamespace(t *testing.T) {
	table, _ := Build(Input{Policies: CompileAll([]Policy{
		of("team", "app", 0, Allow, []string{"a.x", "*.y", "shared.x"}), of("evil", "old", 0, Allow, []string{"e.x", "a.x"}),
		of("evil", "guest", 0, Allow, []string{"shared.x"}, prefixes("/e")...)}),
		Terms: Terms{Grants: []Grant{{"shared.x", "evil"}}}, Ledger: NewLedger([]Claim{recorded("a.x", "team", 1), released(recorded("h.x", "team", 1), 2)}, time.Hour)})
	for _, tc := range []struct {
		x, y string
		want bool
	}{{"a.x", "b.y", true}, {"a.x", "a.x", true}, {"a.x", "e.x", false}, {"e.x", "a.x", false}, {"a.x", "shared.x", false}, {"shared.x", "e.x", false},
		{"a.x", "h.x", false}, {"a.x", "nobody.x", false}, {"nobody.x", "nobody.x", false}} {
		if got := table.SameNamespace(tc.x, tc.y); got != tc.want {
			t.Errorf("%s and %s: %v", tc.x, tc.y, got)
		}
	}
	if (*Table)(nil).SameNamespace("a.x", "a.x") {
		t.Error("a nil table knows namespaces")
	}
}
