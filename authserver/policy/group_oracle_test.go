// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

// tinyGroups are random groups: some name others, some of those that are not there.
func tinyGroups(rng *rand.Rand, more ...[]Selector) []Group {
	names := []string{"a", "b", "c", "d"}
	atoms := [][]Selector{
		everyone(),
		emails("ann@x"),
		{{Property: EmailDomain, Value: "y"}},
		groups("dev"),
		proof("mfa"),
		hasClaim("department", "eng"),
		hasClaimBy("corp", "department", "eng"),
		evaluates(onDuty),
		evaluates(elsewhere),
		networks("10.0.0.0/8"),
		named("missing"),
	}
	atoms = append(atoms, more...)
	some := func(n int) (out []Selector) {
		for range rng.IntN(n) {
			if rng.IntN(2) == 0 {
				out = append(out, named(names[rng.IntN(len(names))])...)
			} else {
				out = append(out, atoms[rng.IntN(len(atoms))]...)
			}
		}
		return out
	}
	var out []Group
	for _, n := range names {
		if rng.IntN(8) > 0 {
			g := groupOf(n, append(some(2), atoms[rng.IntN(len(atoms))]...), some(2), some(2))
			if rng.IntN(12) == 0 {
				g.Defects = []Issue{newIssue(g.Source, codeInclude, "bad")}
			}
			out = append(out, g)
		}
	}
	if rng.IntN(10) == 0 && len(out) > 0 {
		out = append(out, groupOf(out[0].Source.Name, everyone(), nil, nil))
	}
	return out
}

// identities counts how often selectors ask who somebody is.
func identities(list []Selector, set []Group) (n int) {
	for _, s := range list {
		switch {
		case s.Property.identifies():
			n++
		case s.Property == AccessGroup && !refBroken(s.Value, set):
			for _, l := range refGroup(s.Value, set)[0].lists() {
				n += identities(l, set)
			}
		}
	}
	return n
}

// TestOracleGroups: compiled groups decide as the reference does, whatever names what, and
// in whatever order they come.
func TestOracleGroups(t *testing.T) {
	visits := tinyVisits(t)
	rng := rand.New(rand.NewPCG(11, 5))
	n, used, asked, machines := 3000/every(4), map[Verdict]int{}, 0, 0
	for range n {
		set := tinyGroups(rng, certificate("ci"), certificate(""))
		list := func(n int) (out []Selector) {
			for range rng.IntN(n) {
				out = append(
					out,
					[][]Selector{named("a"), named("b"), named("c"), named("d"), named("missing"),
						everyone(), emails("ann@x"), networks("10.0.0.0/8"), certificate("ci")}[rng.IntN(9)]...)
			}
			return out
		}
		var rules []Rule
		for range 1 + rng.IntN(3) {
			ru := Rule{Action: Block + Action(rng.IntN(4)), Include: append(list(2), named("a")...), Require: list(2), Exclude: list(2)}
			if ru.Action == Bypass && slices.ContainsFunc(slices.Concat(ru.Include, ru.Require, ru.Exclude), asksCertificate) {
				continue
			}
			if ru.Action.relaxes() &&
				slices.ContainsFunc(
					slices.Concat(ru.Include, ru.Require, ru.Exclude),
					func(s Selector) bool { return s.Property.identifies() },
				) {
				continue
			}
			rules = append(rules, ru)
		}
		p := one(rules...)
		table, issues := withGroups(set, p)
		table = table.evaluating(evaluators...)
		coded(t, issues)
		once := !slices.ContainsFunc(
			rules,
			func(ru Rule) bool { return identities(slices.Concat(ru.Include, ru.Require, ru.Exclude), set) > 1 },
		)
		for _, r := range visits {
			if !once && (r.Subject == nil || !slices.Contains(r.Subject.Audience, "n/p") || !refEvaluated(&p, r.Subject, set)) {
				continue // what everybody together stands for is too little
			}
			v, why := refRules(&p, &r, set...)
			d := table.Decide(r)
			if d.Verdict != v || d.Reason != why {
				t.Fatalf(
					"%s %+v %v: %s; the reference says %s %s\nrules: %+v\ngroups: %+v",
					r.Method,
					r.Subject,
					r.Address,
					brief(d),
					v,
					why,
					rules,
					set,
				)
			}
			if e, _ := table.Explain(r); e != d {
				t.Fatalf("Explain says %+v, Decide %+v", e, d)
			}
			used[v]++
			asked++
			if d.Machine != nil {
				machines++
			}
		}
		shuffled := slices.Clone(set)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again, others := withGroups(shuffled, p); again.evaluating(evaluators...).Revision() != table.Revision() || !reflect.DeepEqual(issues, others) {
			t.Fatalf("order matters: %v, %v", issues, others)
		}
	}
	if every(1) == 1 && (len(used) < 3 || asked < n || machines < n/20) {
		t.Errorf("the test is blind: %v, %d machines", used, machines)
	}
}

// TestNobodyOutrunsAGroup: whatever a group said when somebody signed in and says now, and
// whoever names it: their session decides as if it said all that there is to know of them,
// or ends.
func TestNobodyOutrunsAGroup(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 12))
	all := []string{"dev", "ops", "qa"}
	random := func() []Group {
		set := tinyGroups(rng)
		for i := range set {
			for _, list := range set[i].lists() {
				for j := range list {
					if list[j].Property == IdPGroup {
						list[j] = groups(all[rng.IntN(len(all))])[0]
					}
				}
			}
		}
		return set
	}
	ended, same := 0, 0
	for range 4000 / every(1) {
		rules := []Rule{
			{Action: Block, Include: named("a", "b"), Exclude: named("c")},
			{Action: Allow, Include: append(everyone(), groups("dev")...), Exclude: named("d")},
		}
		if rng.IntN(2) == 0 {
			rules = append(rules[:1:1], Rule{Action: Allow, Include: named("d", "b"), Require: proof("mfa")})
		}
		p := one(rules...)
		before, _ := withGroups(random(), p)
		after, _ := withGroups(random(), p)
		before, after = before.evaluating(evaluators...), after.evaluating(evaluators...)
		whole := session("n/p")
		whole.Groups, whole.AMR = all[:rng.IntN(len(all)+1)], [][]string{nil, {"mfa"}}[rng.IntN(2)]
		whole.Evaluations = []string{outcome(onDuty, []Outcome{Approved, Rejected, Untold}[rng.IntN(3)])}
		in, _ := before.SignIn(mustTarget(t, "https://a.x/"), "")
		s := session("n/p")
		s.Groups, s.AMR, s.Asked = in.Reads.Keep(whole.Groups), in.Reads.KeepAMR(whole.AMR), in.Reads.Asked()
		if len(in.Evaluations) > 0 { // there is one that may be asked
			s.Evaluations = whole.Evaluations
		}
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now, Address: netip.MustParseAddr("10.1.1.1")}
		got := after.Decide(r)
		if got.Reason == SessionExpired {
			ended++
			continue
		}
		r.Subject = whole
		if want := after.Decide(r); want != got {
			if _, refused := after.identify(after.claims("a.x").apps()[0], &Request{Target: r.Target, Subject: s, Now: now}); refused == NoReason {
				t.Fatalf("with all that is known: %s; by the session: %s\n%+v", brief(want), brief(got), rules)
			}
		}
		same++
		r.Subject = s
		if d := before.Decide(r); d.Reason == SessionExpired {
			t.Fatalf("a new session has ended: %s", brief(d))
		}
	}
	if ended < 500/every(1) || same < 100/every(1) {
		t.Errorf("the test is blind: %d sessions ended, %d did not", ended, same)
	}
}
