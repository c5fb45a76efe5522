// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// spoken is every issue with its words, in order.
func spoken(issues []Issue) string {
	var b strings.Builder
	for _, i := range issues {
		fmt.Fprintln(&b, i.Source, i.Code, i.Message)
	}
	return b.String()
}

// TestLedgersFollow: whichever ledger comes after which, a table decides and says what it would
// have been built with: also with none, with one that holds nothing, and with another hold.
func TestLedgersFollow(t *testing.T) {
	policies := CompileAll([]Policy{of("team", "app", 5, Allow, []string{"a.x", "b.x"}), of("evil", "old", 0, Bypass,
		[]string{"a.x", "*.x"})})
	gone := released(recorded("a.x", "third", 1), 2)
	ledgers := []*Ledger{
		nil, NewLedger(nil, 0), NewLedger(nil, time.Hour), NewLedger([]Claim{gone}, time.Hour), NewLedger([]Claim{gone}, 24*time.Hour),
		NewLedger([]Claim{gone, recorded("b.x", "team", 3)}, 24*time.Hour), NewLedger([]Claim{recorded("b.x", "evil", 3)}, 24*time.Hour),
		NewLedger([]Claim{recorded("b.x", "evil", 4)}, 24*time.Hour), NewLedger([]Claim{released(recorded("b.x", "evil", 4), 5)}, 24*time.Hour),
	}
	see := func(table *Table, issues []Issue) string {
		out := table.Revision() + "\n" + spoken(issues)
		for _, host := range []string{"a.x", "b.x", "c.x"} {
			out += brief(get(table, "https://"+host+"/", true)) + "\n"
		}
		return out
	}
	seen := map[string]bool{}
	for i, from := range ledgers {
		for j, to := range ledgers {
			var a Assembler
			for k, p := range policies {
				a.Set(fmt.Sprint(k), p)
			}
			a.SetLedger(from)
			a.Table()
			a.SetLedger(to)
			got := see(a.Table(), a.Issues())
			want := see(Build(Input{Policies: policies, Ledger: to}))
			if got != want {
				t.Errorf("from ledger %d to %d:\n%s\nwant\n%s", i, j, got, want)
			}
			seen[want] = true
		}
	}
	if len(seen) != len(ledgers)-2 { // nothing is held for an hour or not at all; and when evil was first is not said
		t.Errorf("%d ledgers, and %d things to say", len(ledgers), len(seen))
	}
}

// TestHeldHostsFollowTheirPattern: a host that is held for whom the pattern above it belongs to
// is decided as one that nobody ever claimed, also while that is contended.
func TestHeldHostsFollowTheirPattern(t *testing.T) {
	for name, known := range map[string][]Claim{
		"in peace": {recorded("*.x", "team", 1)}, "contended": {recorded("*.x", "team", 1), recorded("*.x", "evil", 2)},
		"held": {released(recorded("*.x", "team", 1), 7)},
	} {
		var policies []Policy
		if name != "held" {
			policies = append(policies, of("team", "app", 5, Allow, []string{"*.x"}, prefixes("/", "/b")...))
		}
		if name != "in peace" {
			policies = append(policies, of("evil", "old", 0, Bypass, []string{"*.x"}))
		}
		known = append(known, released(recorded("held.x", "team", 3), 8))
		table, _ := Build(Input{Policies: CompileAll(policies), Ledger: NewLedger(known, 240*time.Hour),
			Bindings: []Binding{{"team/web", "team/app"}, {"evil/web", "evil/old"}}})
		decided := map[string]bool{}
		for _, route := range []string{"", "team/web", "evil/web"} {
			for _, path := range []string{"/", "/b/c"} {
				of := func(host string) string {
					d, trace := table.Explain(Request{Target: mustTarget(t, "https://"+host+path), Method: "GET", Now: now, Ingress: route})
					text := fmt.Sprint(brief(d))
					if name != "held" { // else each is held for itself
						for _, s := range trace.Steps {
							text += fmt.Sprintln(s.What, s.Outcome, strings.ReplaceAll(s.Detail, host, "HOST"))
						}
					}
					return text
				}
				if held, never := of("held.x"), of("never.x"); held != never {
					t.Errorf("%s, by %q: held\n%s, and never claimed\n%s", name, route, held, never)
				}
				decided[brief(table.Decide(Request{Target: mustTarget(t, "https://held.x"+path), Method: "GET", Now: now, Ingress: route}))] = true
			}
		}
		if want := map[string]int{"in peace": 2, "contended": 2, "held": 1}[name]; len(decided) != want {
			t.Errorf("%s: decided %v", name, decided)
		}
	}
}

// TestRevisionTellsWhichHost: two namespaces claim two hosts, and each owns one of them.
func TestRevisionTellsWhichHost(t *testing.T) {
	policies := CompileAll([]Policy{of("team", "app", 0, Allow, []string{"a.x", "b.x"}), of("evil", "old", 5, Bypass,
		[]string{"a.x", "b.x"})})
	seen := map[string]string{}
	for _, owners := range [][2]string{{"team", "team"}, {"team", "evil"}, {"evil", "team"}, {"evil", "evil"}} {
		table, _ := Build(Input{Policies: policies, Ledger: NewLedger([]Claim{recorded("a.x", owners[0], 1), recorded("b.x", owners[1],
			1)}, time.Hour)})
		if before, is := seen[table.Revision()]; is {
			t.Errorf("owners %v and %s have one revision", owners, before)
		}
		seen[table.Revision()] = fmt.Sprint(owners)
	}
}

// TestRivalsInWords: who claims a host is named in order, each once, and the pattern above.
func TestRivalsInWords(t *testing.T) {
	for _, c := range []struct {
		policies []Policy
		claims   []Claim
		want     []string
	}{
		{[]Policy{of("b", "p", 0, Allow, []string{"a.x"}), of("a", "p", 0, Allow, []string{"a.x"}), of("a", "q", 0, Allow,
			[]string{"a.x"}, prefixes("/q")...)}, nil,
			[]string{"a.x is claimed by namespaces a and b, and Ostiary cannot"}},
		{[]Policy{of("b", "p", 0, Allow, []string{"a.x"}), of("a", "p", 0, Allow, []string{"*.x"})}, nil,
			[]string{"a.x is claimed by namespace b, and *.x above it by namespace a, and Ostiary cannot"}},
		{[]Policy{of("b", "p", 0, Allow, []string{"a.x"}), of("c", "p", 0, Allow, []string{"a.x"}), of("c", "q", 0, Allow,
			[]string{"*.x"})}, nil,
			[]string{"a.x is claimed by namespaces b and c, and Ostiary cannot"}},
		{[]Policy{of("b", "p", 0, Allow, []string{"a.x"}), of("d", "p", 0, Allow, []string{"a.x"}), of("a", "p", 0, Allow, []string{"a.x"})},
			[]Claim{recorded("a.x", "b", 1), recorded("a.x", "d", 1), recorded("a.x", "a", 2)},
			[]string{"a.x is claimed by namespaces a and b and d, and Ostiary cannot"}},
		{[]Policy{of("a", "p", 0, Allow, []string{"a.x"}), of("e", "z", 1, Allow, []string{"a.x"}), of("c", "q", 3, Allow, []string{"a.x"}),
			of("d", "r", 2, Allow, []string{"a.x"})}, []Claim{recorded("a.x", "a", 1)}, []string{"a.x is claimed by c/q, d/r, e/z, too;"}},
		{[]Policy{of("a", "p", 0, Allow, []string{"a.x"}), of("e", "z", 0, Allow, []string{"a.x"}), of("c", "q", 0, Allow, []string{"a.x"}),
			of("d", "r", 0, Allow, []string{"a.x"}), of("b", "s", 0, Allow, []string{"a.x"})}, []Claim{recorded("a.x", "a", 1)},
			[]string{"a.x is claimed by b/s, c/q, d/r and 1 more, too;"}},
		{[]Policy{of("a", "p", 0, Allow, []string{"a.x"}), of("a", "p", 0, Allow, []string{"a.x"}), of("b", "q", 0, Allow, []string{"a.x"}),
			of("b", "q", 1, Allow, []string{"a.x"}), of("b", "q", 2, Allow, []string{"a.x"}), of("b", "q", 3, Allow, []string{"a.x"})},
			[]Claim{recorded("a.x", "a", 1)}, []string{"a.x is claimed by b/q, too;"}},
	} {
		_, issues := Build(Input{Policies: CompileAll(c.policies), Ledger: NewLedger(c.claims, time.Hour)})
		for _, want := range c.want {
			if !strings.Contains(spoken(issues), want) {
				t.Errorf("%q is not said:\n%s", want, spoken(issues))
			}
		}
	}
}

// TestOwnersAboveAreToldOnce: whoever claims a host that belongs to them by the pattern above is
// told of others there by the pattern alone.
func TestOwnersAboveAreToldOnce(t *testing.T) {
	_, issues := Build(Input{
		Policies: CompileAll([]Policy{of("team", "app", 5, Allow, []string{"*.x", "a.x"}), of("evil", "old", 0, Bypass, []string{"a.x"})}),
		Ledger:   NewLedger([]Claim{recorded("*.x", "team", 1), recorded("a.x", "evil", 2)}, time.Hour),
	})
	want := []string{"evil/old spec.hosts[0] HostOwnedByOtherNamespace", "team/app spec.hosts[0] HostContended"}
	if got := told(issues); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFaultsGoAway: a policy that was corrected has nothing said of it.
func TestFaultsGoAway(t *testing.T) {
	var a Assembler
	wrong, right := of("n", "p", 0, NoAction, []string{"a.x"}), of("n", "p", 0, Allow, []string{"a.x"})
	a.Set("1", Compile(&wrong))
	a.SetTerms(Terms{PathPrefix: "/.access"})
	if a.Table(); len(a.Issues()) == 0 || len(a.faulty) != 1 {
		t.Fatalf("%d issues, %d faulty", len(a.Issues()), len(a.faulty))
	}
	a.Set("1", Compile(&right))
	a.SetTerms(Terms{PathPrefix: "/.other"})
	if a.Table(); len(a.Issues()) != 0 || len(a.faulty) != 0 {
		t.Errorf("%v, %d faulty", a.Issues(), len(a.faulty))
	}
	long := of("n", "p", 0, Allow, []string{"a.x"}, prefixes("/.access")...)
	a.Set("1", Compile(&long))
	a.SetTerms(Terms{PathPrefix: "/.access"})
	if a.Table(); len(a.faulty) != 1 {
		t.Error("its path is ours")
	}
	a.SetTerms(Terms{PathPrefix: "/.other"})
	if a.Table(); len(a.Issues()) != 0 || len(a.faulty) != 0 {
		t.Errorf("its path is ours no more: %v, %d faulty", a.Issues(), len(a.faulty))
	}
}

// TestOutcomeIsReadBack: what a revision has to say of a host is no other kind of thing, and whole.
func TestOutcomeIsReadBack(t *testing.T) {
	r := &reader{t: t, rest: hashed(func(d *digest) { d.outcome("a.x", "team", true) })}
	if tag, host, owner, obscure := r.num(), r.str(), r.str(), r.is(); tag != tagHost || host != "a.x" || owner != "team" ||
		!obscure || len(r.rest) > 0 {
		t.Errorf("%d %q %q %v, and %q", tag, host, owner, obscure, r.rest)
	}
}

// TestDeniedPoliciesLookAtNothing: of a policy that denies all it claims, no issuer and no
// application is looked up.
func TestDeniedPoliciesLookAtNothing(t *testing.T) {
	p := one(Rule{Action: ServiceAuth, Include: []Selector{{Property: JWT, JWT: &TokenMatch{Issuer: "none", Audience: "shop"}},
		{Property: LinkedApp, Value: "n/none"}}})
	for n, want := range []string{1: "linked-app-missing", 2: ""} { // twice: each is told of its name alone
		_, issues := Build(Input{Policies: CompileAll(slices.Repeat([]Policy{p}, n))})
		var got []string
		for _, i := range issues {
			if i.Code == "linked-app-missing" {
				got = append(got, string(i.Code))
			}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%d policies: %q, want %q", n, text, want)
		}
	}
}

// TestRecordsOfAHost: a ledger has nothing of a host that it does not know, wherever that would
// stand; and of too many that are held the ones are dropped that were let go first.
func TestRecordsOfAHost(t *testing.T) {
	l := NewLedger([]Claim{recorded("b.x", "team", 1), recorded("d.x", "team", 1)}, time.Hour)
	for _, host := range []string{"a.x", "c.x", "e.x"} {
		if got := l.of(host); got != nil {
			t.Errorf("%s: %v", host, got)
		}
	}
	if got := l.of("d.x"); len(got) != 1 || got[0].Host != "d.x" {
		t.Errorf("%v", got)
	}
	var claims []Claim
	for i := range heldMax + 5 {
		c := recorded(fmt.Sprintf("h%04d.x", i), "team", 1)
		c.Released = now.Add(-time.Duration((i*7919)%(heldMax+5)) * time.Second)
		claims = append(claims, c)
	}
	kept, _ := NewLedger(claims, 24*time.Hour).Record(nil, nil, now)
	if len(kept) != heldMax {
		t.Fatalf("%d are kept", len(kept))
	}
	for _, c := range kept {
		if age := now.Sub(c.Released); age >= heldMax*time.Second {
			t.Errorf("%s is kept, which was let go %s ago", c.Host, age)
		}
	}
}

// TestWhichClaimGuards: explain names the host as the policy writes it, be its claims few or many,
// and the pattern where the host is only held for whose pattern it is.
func TestWhichClaimGuards(t *testing.T) {
	many := prefixes("/")
	for i := range 40 {
		many = append(many, Path{Value: fmt.Sprint("/p", i)})
	}
	for _, paths := range [][]Path{prefixes("/"), many} {
		table, _ := Build(Input{
			Policies: CompileAll([]Policy{of("team", "app", 5, Allow, []string{"*.x", "own.x"}, paths...), of("team", "two", 6, Allow,
				[]string{"two.x"}, paths...)}),
			Ledger: NewLedger([]Claim{recorded("*.x", "team", 1), released(recorded("held.x", "team", 3), 8)}, 240*time.Hour),
		})
		for host, want := range map[string]string{"own.x": "own.x", "two.x": "two.x", "held.x": "*.x", "other.x": "*.x"} {
			_, trace := table.Explain(Request{Target: mustTarget(t, "https://"+host+"/"), Method: "GET", Now: now})
			if !strings.Contains(stepOf(trace, "policy"), "by host "+want+", path / ") {
				t.Errorf("%s, %d paths: %s", host, len(paths), stepOf(trace, "policy"))
			}
		}
	}
}

// TestRevisionTellsWhatIsObscure: with the same policies, and the same owner, a host that somebody
// held is contended where nobody knows what a broken policy meant to claim.
func TestRevisionTellsWhatIsObscure(t *testing.T) {
	broken := of("team", "p", 0, Bypass, []string{"a.x"})
	broken.Salvaged = true
	policies := CompileAll([]Policy{broken, of("team", "q", 5, Bypass, []string{"*.x", "a.x"}, prefixes("/q")...)})
	seen := map[string]string{}
	for _, known := range [][]Claim{
		{recorded("*.x", "team", 1)}, {recorded("*.x", "team", 1), released(recorded("a.x", "third", 2), 9)},
		{recorded("*.x", "team", 1), recorded("a.x", "team", 2)}, {recorded("*.x", "team", 1), recorded("a.x", "team", 2),
			released(recorded("a.x", "third", 3), 9)},
	} {
		table, _ := Build(Input{Policies: policies, Ledger: NewLedger(known, 240*time.Hour)})
		decided := brief(get(table, "https://a.x/q", false)) + ", " + brief(get(table, "https://a.x/", false))
		if before, is := seen[table.Revision()]; is && before != decided {
			t.Errorf("one revision decides %s, and %s", before, decided)
		}
		seen[table.Revision()] = decided
	}
	if len(seen) < 2 {
		t.Errorf("%v", seen)
	}
}

// TestPlainHostsCostNothing: of a host that is whose claims it first, the revision has nothing to
// say, whoever else claims it that may not.
func TestPlainHostsCostNothing(t *testing.T) {
	var a Assembler
	team, evil := of("team", "app", 5, Allow, []string{"a.x"}), of("evil", "old", 0, Bypass, []string{"a.x"})
	a.Set("1", Compile(&team))
	if a.Table(); a.hosts["a.x"].more != nil {
		t.Errorf("%+v", a.hosts["a.x"].more)
	}
	a.Set("2", Compile(&evil))
	a.SetTerms(Terms{Reservations: []Grant{{"a.x", "team"}}})
	if a.Table(); a.hosts["a.x"].more == nil || a.hosts["a.x"].more.outcome != nil {
		t.Errorf("%+v", a.hosts["a.x"].more)
	}
}

// TestEdges: what begins with a dot is no host, brackets are numbers wherever they stand, and a
// claim on a whole host is one.
func TestEdges(t *testing.T) {
	table := mustBuild(t, of("n", "p", 0, Allow, []string{"*.x"}))
	if table.Claims(".x") || !table.Claims("a.x") {
		t.Error("a pattern stands for what begins with a dot, or for nothing")
	}
	if compareField("[2]", "[10]") >= 0 || compareField("[10]", "[2]") <= 0 {
		t.Error("2 is not before 10")
	}
	r := table.claims("a.x")
	if c := r.claimOn("/a", r.few[0].app); c.app != r.few[0].app || c.path != "" || c.exact {
		t.Errorf("%+v", c)
	}
}
