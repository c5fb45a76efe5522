// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// reading is a policy that admits everybody but those in some groups.
func reading(ns, name, host string, blocked ...string) Policy {
	p := of(ns, name, 0, Allow, []string{host})
	for _, g := range blocked {
		p.Rules = append([]Rule{{Action: Block, Include: groups(g)}}, p.Rules...)
	}
	return p
}

// signedIn is the session that a sign-in makes of somebody who is in some groups.
func signedIn(t *testing.T, table *Table, url, audience string, member ...string) *Subject {
	t.Helper()
	in, ok := table.SignIn(mustTarget(t, url), "https://a.x")
	if !ok {
		t.Fatal(url)
	}
	s := session(audience)
	s.Groups, s.Asked = in.Reads.Keep(member), in.Reads.Asked()
	return s
}

// TestNobodyOutrunsANewRule: a session from before there was a Block rule does not pass
// it, whatever groups policies elsewhere look at, and however those are named.
// (attack: a colliding group name lets old sessions outrun a new Block rule)
func TestNobodyOutrunsANewRule(t *testing.T) {
	taker := reading("b", "b", "b.y", "g37556763") // which began with the same 24 bits of FNV-1a as "banned"
	taker.CORS = &CORS{AllowedOrigins: []string{"https://a.x"}, AllowAllMethods: true, AllowCredentials: true, Tokens: true}
	for _, before := range [][]Policy{{reading("n", "app", "a.x")}, {reading("n", "app", "a.x"), taker}, {reading("n", "app", "a.x", "staff"), taker}} {
		s := signedIn(t, mustBuild(t, before...), "https://a.x/", "n/app", "banned", "g37556763")
		if d := mustBuild(t, before...).Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}); d.Verdict != Admit {
			t.Errorf("before: %s", brief(d))
		}
		after := slices.Clone(before)
		after[0] = reading("n", "app", "a.x", "banned")
		if d := mustBuild(t, after...).Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}); d.Verdict != Challenge || d.Reason != SessionExpired {
			t.Errorf("after: %s", brief(d))
		}
	}
}

// subsets are all of them.
func subsets(names []string) [][]string {
	out := [][]string{nil}
	for _, n := range names {
		for _, s := range slices.Clone(out) {
			out = append(out, append(slices.Clone(s), n))
		}
	}
	return out
}

// TestOracleAsked: whatever was looked for at a sign-in, and whatever a policy looks at
// afterwards, a session that counts says of each group whether its owner is in it.
func TestOracleAsked(t *testing.T) {
	names := []string{"a", "b", "ab", "c"}
	admitted, ended := 0, 0
	for _, mine := range subsets(names) {
		for _, others := range subsets(names) {
			p, q := reading("n", "p", "a.x", mine...), reading("n", "q", "a.x", others...)
			q.Paths = prefixes("/q")
			s := signedIn(t, mustBuild(t, p, q), "https://a.x/", "n/p", names...)
			for _, later := range subsets(names) {
				table := mustBuild(t, reading("n", "p", "a.x", later...), q)
				s.Groups = nil // of somebody who is in none
				d := table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now})
				same := len(later) == 0 || slices.Equal(slices.Sorted(slices.Values(later)), slices.Sorted(slices.Values(mine))) ||
					slices.Equal(slices.Sorted(slices.Values(later)), slices.Sorted(slices.Values(others)))
				if (d.Verdict == Admit) != same {
					t.Fatalf("looked for %q and %q, asks %q: %s", mine, others, later, brief(d))
				}
				if !same {
					ended++
					continue
				}
				admitted++
				for _, g := range later {
					if !slices.Contains(mine, g) && !slices.Contains(others, g) {
						t.Fatalf("%q was never looked for", g)
					}
				}
			}
		}
	}
	if admitted == 0 || ended == 0 {
		t.Error("the test is blind")
	}
}

// TestDigests: no two sets have the same one, however names run into each other.
func TestDigests(t *testing.T) {
	seen := map[string]string{}
	for _, set := range subsets([]string{"a", "b", "ab", "a\x01b", "\x01", "aa", "ba", strings.Repeat("a", 200), "ä", "A"}) {
		for n, amr := range []bool{false, true, false, true, false, true} {
			r := Reads{Groups: slices.Clone(set), AMR: amr}
			if n > 1 {
				r.Claims = []ReadClaim{{Name: "a", Values: slices.Clone(set), All: n > 3}, {Name: "b"}}
			}
			r.sort()
			label := fmt.Sprintf("%q %v", r.Groups, amr)
			if n > 1 {
				label += fmt.Sprint(r.Claims)
			}
			d := r.digest()
			if other, ok := seen[d]; ok {
				t.Fatalf("%s and %s: %q", label, other, d)
			}
			seen[d] = label
			if len(d) != askedSize && label != "[] false" {
				t.Fatalf("%s: %q", label, d)
			}
		}
	}
}

// TestOldAsked: what sessions said before says nothing.
func TestOldAsked(t *testing.T) {
	table := mustBuild(t, reading("n", "app", "a.x", "banned"), reading("n", "free", "b.x"))
	digest := (&Reads{Groups: []string{"banned"}}).digest()
	for asked, counts := range map[string]bool{"": true, "2" + digest: true, "2" + strings.Repeat("A", 22) + digest: true,
		".": false, "+": false, "+abcd": false, "2": false, digest: false, "." + digest: false, "2A" + digest: false, "2" + digest[:21]: false, "22" + digest: false} {
		s := session("n/app")
		s.Asked = asked
		if d := table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}); (d.Verdict == Admit) != counts {
			t.Errorf("%q: %s", asked, brief(d))
		}
		s.Audience = []string{"n/free"}
		if d := table.Decide(Request{Target: mustTarget(t, "https://b.x/"), Method: "GET", Subject: s, Now: now}); d.Verdict != Admit {
			t.Errorf("a policy that looks at nothing, %q: %s", asked, brief(d))
		}
	}
}

// TestAskedIsSmall: it does not grow with the groups that rules look at.
func TestAskedIsSmall(t *testing.T) {
	var named []string
	for i := range 100 {
		named = append(named, fmt.Sprint("group-", i))
	}
	p := of("n", "app", 0, Allow, []string{"a.x"})
	p.Rules = []Rule{{Action: Allow, Include: groups(named...)}}
	in, _ := mustBuild(t, p).SignIn(mustTarget(t, "https://a.x/"), "")
	if n := len(in.Reads.Asked()); n != len(askedForm)+askedSize {
		t.Errorf("%d bytes", n)
	}
}

// TestAskedAll: one digest stands for all that any rule looks at.
func TestAskedAll(t *testing.T) {
	one := mustBuild(t, reading("n", "app", "a.x", "x"), reading("n", "b", "b.x", "y"))
	same := mustBuild(t, reading("n", "app", "a.x", "x", "y"), reading("n", "b", "b.x"))
	other := mustBuild(t, reading("n", "app", "a.x", "x", "y"), reading("n", "b", "b.x", "z"))
	var none *Table
	same2 := mustBuild(t, reading("n", "app", "a.x", "x", "y"), claiming("n", "b", "b.x", "a=1")) // claims are looked at one by one
	if one.AskedAll() != same2.AskedAll() {
		t.Error("claims end sessions that had too many groups")
	}
	if one.AskedAll() != same.AskedAll() || one.AskedAll() == other.AskedAll() || none.AskedAll() != askedForm {
		t.Error(one.AskedAll(), same.AskedAll(), other.AskedAll(), none.AskedAll())
	}
}

// TestRoomForElsewhere: what policies elsewhere look at fits exactly, or is not looked for. By
// way of a group it takes as much room.
func TestRoomForElsewhere(t *testing.T) {
	for more := range 2 {
		var names []string
		for i := range 6 {
			names = append(names, strings.Repeat(string(rune('a'+i)), (maxElsewhere-askedSize)/6-len(`,""`)))
		}
		names[0] += strings.Repeat("a", more)
		direct, by := reading("b", "b", "b.x", names...), reading("b", "b", "b.x")
		by.Rules = append([]Rule{{Action: Block, Include: named("six")}}, by.Rules...)
		for name, taker := range map[string]Policy{"direct": takesTokens(direct), "by a group": takesTokens(by)} {
			table, issues := withGroups([]Group{groupOf("six", groups(names...), nil, nil)}, reading("n", "app", "a.x"), taker)
			in, ok := table.SignIn(mustTarget(t, "https://a.x/"), "https://a.x")
			if !ok || len(issues) > 0 || len(in.Reads.Groups) != len(names)*(1-more) {
				t.Errorf("%s, %d too much: %d groups, %v", name, more, len(in.Reads.Groups), issues)
			}
			if size := table.readSize(table.claims("b.x").apps()[0]); size != maxElsewhere+more {
				t.Errorf("%s: %d bytes", name, size)
			}
		}
	}
}
