// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func hasClaim(name, value string) []Selector { return hasClaimBy("", name, value) }

func hasClaimBy(provider, name, value string) []Selector {
	return []Selector{{Property: OIDCClaim, Claim: &ClaimValue{Name: name, Value: value, Provider: provider}}}
}

func saying(name string, values ...string) IdentityClaim {
	return IdentityClaim{Name: name, Values: values}
}

// wasAsked is what a session says that it was asked for.
func wasAsked(r *Reads, elsewhere bool) string {
	if elsewhere {
		return r.Asked()
	}
	return r.AskedHere()
}

func untold(name string) IdentityClaim { return IdentityClaim{Name: name, Unknown: true} }

func init() {
	enforced["Rules.Include.Claim.Name"] = func(p *Policy) { p.Rules[0].Require = hasClaim("other", "b") }
	enforced["Rules.Include.Claim.Value"] = func(p *Policy) { p.Rules[0].Exclude = hasClaim("a", "b") }
	enforced["Rules.Include.Claim.Provider"] = func(p *Policy) { p.Rules[0].Require = hasClaimBy("corp", "a", "b") }
}

// TestClaim: what matches, in which position of a rule, and what cannot be told.
func TestClaim(t *testing.T) {
	eng := hasClaim("department", "eng")
	for name, tc := range map[string]struct {
		rule   Rule
		claims []IdentityClaim
		by     string
		want   bool // the rule decides
	}{
		"a value":                    {Rule{Action: Allow, Include: eng}, []IdentityClaim{saying("department", "eng")}, "", true},
		"one of a list":              {Rule{Action: Allow, Include: eng}, []IdentityClaim{saying("department", "ops", "eng")}, "", true},
		"another value":              {Rule{Action: Allow, Include: eng}, []IdentityClaim{saying("department", "ops")}, "", false},
		"another case":               {Rule{Action: Allow, Include: eng}, []IdentityClaim{saying("department", "Eng")}, "", false},
		"another claim":              {Rule{Action: Allow, Include: eng}, []IdentityClaim{saying("team", "eng")}, "", false},
		"none":                       {Rule{Action: Allow, Include: eng}, nil, "", false},
		"its provider":               {Rule{Action: Allow, Include: hasClaimBy("corp", "department", "eng")}, []IdentityClaim{saying("department", "eng")}, "corp", true},
		"another provider":           {Rule{Action: Allow, Include: hasClaimBy("corp", "department", "eng")}, []IdentityClaim{saying("department", "eng")}, "evil", false},
		"no provider":                {Rule{Action: Allow, Include: hasClaimBy("corp", "department", "eng")}, []IdentityClaim{saying("department", "eng")}, "", false},
		"unknown":                    {Rule{Action: Allow, Include: eng}, []IdentityClaim{untold("department")}, "", false},
		"unknown, required":          {Rule{Action: Allow, Include: everyone(), Require: eng}, []IdentityClaim{untold("department")}, "", false},
		"unknown, excluded":          {Rule{Action: Allow, Include: everyone(), Exclude: eng}, []IdentityClaim{untold("department")}, "", false},
		"unknown of another":         {Rule{Action: Allow, Include: everyone(), Exclude: eng}, []IdentityClaim{untold("team")}, "", true},
		"unknown, of all, excluded":  {Rule{Action: Allow, Include: everyone(), Exclude: eng}, []IdentityClaim{untold("*"), saying("team", "x")}, "", false},
		"unknown, but this is known": {Rule{Action: Allow, Include: everyone(), Exclude: eng}, []IdentityClaim{untold("*"), saying("department", "x")}, "", true},
		"unknown, another provider":  {Rule{Action: Allow, Include: everyone(), Exclude: hasClaimBy("corp", "department", "eng")}, []IdentityClaim{untold("*")}, "evil", true},
		"blocked":                    {Rule{Action: Block, Include: eng}, []IdentityClaim{saying("department", "eng")}, "", true},
		"not blocked":                {Rule{Action: Block, Include: eng}, []IdentityClaim{saying("department", "ops")}, "", false},
		"unknown, blocked":           {Rule{Action: Block, Include: eng}, []IdentityClaim{untold("department")}, "", true},
		"unknown, blocked but for":   {Rule{Action: Block, Include: everyone(), Exclude: eng}, []IdentityClaim{untold("department")}, "", true},
		"by a group":                 {Rule{Action: Allow, Include: named("eng")}, []IdentityClaim{saying("department", "eng")}, "", true},
		"by a group, not":            {Rule{Action: Allow, Include: named("eng")}, []IdentityClaim{saying("department", "x")}, "", false},
		"by a group, unknown":        {Rule{Action: Allow, Include: everyone(), Exclude: named("eng")}, []IdentityClaim{untold("department")}, "", false},
		"by a group, not these":      {Rule{Action: Allow, Include: named("others")}, []IdentityClaim{untold("department")}, "", false},
		"blocked by a group":         {Rule{Action: Block, Include: named("others")}, []IdentityClaim{untold("department")}, "", true},
	} {
		table, issues := withGroups([]Group{groupOf("eng", eng, nil, nil), groupOf("others", everyone(), nil, eng)}, one(tc.rule))
		if len(issues) > 0 {
			t.Fatal(issues)
		}
		s := session("n/p")
		s.Claims, s.Provider = tc.claims, tc.by
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}
		d := table.Decide(r)
		if (d.Source.Field == "spec.rules[0]") != tc.want {
			t.Errorf("%s: %s by %s", name, brief(d), d.Source.Field)
		}
		if n := testing.AllocsPerRun(20, func() { table.Decide(r) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	nobody := mustBuild(t, one(Rule{Action: Allow, Include: eng})).Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now})
	if nobody.Verdict != Challenge {
		t.Errorf("nobody: %s", brief(nobody))
	}
}

// TestClaimOfNobody: of nobody nothing is known, and no claim matches nobody.
func TestClaimOfNobody(t *testing.T) {
	var none *ClaimValue
	eng, ann := &ClaimValue{Name: "department", Value: "eng"}, &Subject{}
	for _, ifUnknown := range []bool{false, true} {
		for i, got := range []match{none.match(nil, ifUnknown), none.match(ann, ifUnknown), eng.match(ann, ifUnknown)} {
			if got != no {
				t.Errorf("%d, %v: %v", i, ifUnknown, got)
			}
		}
		if got := eng.match(nil, ifUnknown); got != matchIf(ifUnknown) {
			t.Errorf("%v: %v", ifUnknown, got)
		}
	}
}

// TestClaimOfSubject: what is told to those that make headers of it.
func TestClaimOfSubject(t *testing.T) {
	s := &Subject{Claims: []IdentityClaim{saying("a", "1", "2"), untold("b"), {Name: "c", Values: []string{"x"}, Asked: "z"}}}
	for name, want := range map[string]string{"a": "[1 2] true", "b": "[] false", "c": "[x] false", "d": "[] true"} {
		if values, known := s.Claim(name); fmt.Sprint(values, known) != want {
			t.Errorf("%s: %v %v", name, values, known)
		}
	}
	s.Claims = append(s.Claims, untold(OtherClaims))
	if _, known := s.Claim("d"); known {
		t.Error("what is not listed is not known")
	}
}

// TestClaimNames: those of Ostiary's own are nobody's to name.
func TestClaimNames(t *testing.T) {
	for name, good := range map[string]bool{"department": true, "realm_access.roles": true, "https://example.com/groups": true, "cognito:groups": true, "ä": true,
		"": false, "*": false, "a*": false, "a=b": false, "ostiary:x": false, "a\n": false, " a": false, "a\u200b": false, "a.b.c.d.e.f.g.h.i": true, "a.b.c.d.e.f.g.h.i.j": false,
		strings.Repeat("a", 255): true, strings.Repeat("a", 256): false} {
		if p := (&ClaimValue{Name: name, Value: "x"}).check(); p.found() == good {
			t.Errorf("%q: %v", name, p)
		}
	}
	for value, good := range map[string]bool{"eng": true, "true": true, "1.5": true, "a b": true, "a*": true, "": false, "a\n": false, " ": false, "a\u00a0b": false,
		strings.Repeat("a", 512): true, strings.Repeat("a", 513): false} {
		if p := (&ClaimValue{Name: "a", Value: value}).check(); p.found() == good {
			t.Errorf("%q: %v", value, p)
		}
	}
	if p := (&ClaimValue{Name: "a", Value: "x", Provider: "A b"}).check(); p.code != codeOIDCClaimProvider {
		t.Error(p)
	}
}

// claiming is a policy that keeps out who has some claims, "name=value".
func claiming(ns, name, host string, pairs ...string) Policy {
	p := of(ns, name, 0, Allow, []string{host})
	for _, pair := range pairs {
		n, v, _ := strings.Cut(pair, "=")
		p.Rules = append([]Rule{{Action: Block, Include: hasClaim(n, v)}}, p.Rules...)
	}
	return p
}

// takesTokens lets pages of https://a.x call with tokens.
func takesTokens(p Policy) Policy {
	p.CORS = &CORS{AllowedOrigins: []string{"https://a.x"}, AllowAllMethods: true, AllowCredentials: true, Tokens: true}
	return p
}

// TestNobodyOutrunsANewClaim: a session from before there was a Block rule does not pass it.
func TestNobodyOutrunsANewClaim(t *testing.T) {
	for _, after := range [][]string{{"a=2"}, {"a=1", "a=2"}, {"b=1"}} {
		before := mustBuild(t, claiming("n", "app", "a.x", "a=1"))
		in, _ := before.SignIn(mustTarget(t, "https://a.x/"), "https://a.x")
		s := session("n/app")
		var elsewhere bool
		s.Claims, elsewhere = before.KeepClaims(&in.Reads, []IdentityClaim{saying("a", "2"), saying("b", "1")})
		s.Asked = wasAsked(&in.Reads, elsewhere)
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}
		if d := before.Decide(r); d.Verdict != Admit {
			t.Errorf("before: %s", brief(d))
		}
		if d := mustBuild(t, claiming("n", "app", "a.x", after...)).Decide(r); d.Verdict != Challenge || d.Reason != SessionExpired {
			t.Errorf("%v: %s", after, brief(d))
		}
	}
}

// TestKeepClaims: what a session at an application holds is what its rules look at, and
// bounded; what there is no room for is unknown, and not none.
func TestKeepClaims(t *testing.T) {
	long := strings.Repeat("x", 500)
	table := mustBuild(t, claiming("n", "app", "a.x", "a=1", "a=2", "b="+long, "c="+long, "d="+long, "e=1"))
	in, _ := table.SignIn(mustTarget(t, "https://a.x/"), "https://a.x")
	kept, _ := table.KeepClaims(&in.Reads, []IdentityClaim{saying("a", "2", "3"), saying("b", long), saying("c", long), saying("d", long), saying("z", "1"), saying("e")})
	want := []IdentityClaim{saying("a", "2"), saying("b", long), untold("c"), untold("d")}
	if !reflect.DeepEqual(kept, want) {
		t.Errorf("%.200v", kept)
	}
	if kept, _ = table.KeepClaims(&in.Reads, []IdentityClaim{saying("a", "2")}); len(kept) != 5 || !kept[1].Unknown || kept[1].Name != "b" {
		t.Errorf("what was not asked: %v", kept)
	}
	if kept, _ = table.KeepClaims(&in.Reads, []IdentityClaim{untold("*")}); len(UnsaidOf(kept)) != 5 {
		t.Errorf("%v", kept)
	}
	var many []IdentityClaim
	for i := range 20 {
		many = append(many, saying(fmt.Sprintf("%d-%s", i, strings.Repeat("n", 50)), "1"))
	}
	if got := Unsaid(many); !reflect.DeepEqual(got, []IdentityClaim{untold(OtherClaims)}) {
		t.Errorf("%v", got)
	}
}

// TestClaimsElsewhere: what policies of others look at takes nothing from those that a
// session is for, however they are named. (attack: claims of other namespaces crowd out mine)
func TestClaimsElsewhere(t *testing.T) {
	long := strings.Repeat("x", 400)
	app := claiming("n", "app", "a.x", "m="+long, "n="+long)
	all := []IdentityClaim{saying("a", long), saying("m", long), saying("n", long), saying("b", "1", "2")}
	for name, tc := range map[string]struct {
		other     []string
		elsewhere bool
		kept      string
	}{
		"little":         {[]string{"b=1"}, true, "b m n"},
		"long":           {[]string{"a=" + long}, true, "a m n"},
		"too long":       {[]string{"a=" + long, "a=" + long[1:], "b=" + long}, true, "m n"}, // it has no room: no token is made for it
		"never asked":    {[]string{"z=1"}, false, "m n"},
		"the same claim": {[]string{"m=other"}, true, "m n"},
	} {
		table := mustBuild(t, app, takesTokens(claiming("evil", "taker", "b.x", tc.other...)))
		in, _ := table.SignIn(mustTarget(t, "https://a.x/"), "https://a.x")
		kept, elsewhere := table.KeepClaims(&in.Reads, all)
		var names []string
		for _, c := range kept {
			if c.Unknown {
				t.Errorf("%s: %s is unknown", name, c.Name)
			}
			names = append(names, c.Name)
		}
		slices.Sort(names)
		if elsewhere != tc.elsewhere || strings.Join(names, " ") != tc.kept {
			t.Errorf("%s: %v %v", name, names, elsewhere)
		}
		s := session("n/app")
		s.Claims, s.Asked = kept, wasAsked(&in.Reads, elsewhere)
		answers := name == "little" || name == "long" || name == "the same claim"
		if why := table.standing(table.claims("b.x").apps()[0], s, now); (why == NoReason) != answers {
			t.Errorf("%s: it answers: %s", name, why)
		}
	}
}

// TestCarry: the team host's session holds what any rule looks at, first of where somebody
// wants to go, and whoever goes elsewhere and needs more is asked to renew.
func TestCarry(t *testing.T) {
	var values []string
	for i := range 40 {
		values = append(values, fmt.Sprintf("role-number-%d", i))
	}
	table := mustBuild(t, claiming("n", "app", "a.x", "roles=role-number-3", "level=1"), claiming("n", "other", "b.x", "roles=role-number-5", "team=x"))
	reads := func(table *Table, host string) *Reads {
		in, ok := table.SignIn(mustTarget(t, "https://"+host+"/"), "https://"+host)
		if !ok {
			t.Fatal(host)
		}
		return &in.Reads
	}
	own, others := table.Wanted(reads(table, "a.x"))
	if len(own) != 2 || own[0].Name != "level" || len(others) != 1 || others[0].Name != "team" {
		t.Fatalf("%v %v", own, others)
	}
	held := CarryClaims([]IdentityClaim{saying("roles", values...), saying("level"), saying("team", "x")}, own, others)
	if len(held) != 3 || len(held[1].Values) != 2 || held[1].Asked == "" || held[0].Values != nil || held[2].Asked != "" {
		t.Fatalf("%v", held)
	}
	for host := range map[string]bool{"a.x": true, "b.x": true} {
		if !table.Carries(held, reads(table, host)) {
			t.Errorf("%s: not all is carried", host)
		}
	}
	if kept, _ := table.KeepClaims(reads(table, "a.x"), held); !reflect.DeepEqual(kept, []IdentityClaim{saying("roles", "role-number-3")}) {
		t.Errorf("%v", kept)
	}
	later := mustBuild(t, claiming("n", "app", "a.x", "roles=role-number-7", "level=2"), claiming("n", "other", "b.x", "team=y"), claiming("n", "new", "c.x", "new=1"))
	for host, want := range map[string]bool{"a.x": false, "b.x": true, "c.x": false} {
		if later.Carries(held, reads(later, host)) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
	if kept, _ := later.KeepClaims(reads(later, "a.x"), held); !reflect.DeepEqual(kept, []IdentityClaim{untold("roles")}) {
		t.Errorf("a value that was not looked for: %v", kept)
	}
	// What there is no room for: own is unknown then, and of others it was not asked.
	long := strings.Repeat("x", 500)
	table = mustBuild(t, claiming("n", "app", "a.x", "a="+long, "b="+long, "c="+long), claiming("n", "other", "b.x", "d=1"))
	own, others = table.Wanted(reads(table, "a.x"))
	held = CarryClaims([]IdentityClaim{saying("a", long), saying("b", long), saying("c", long), saying("d", "1", long)}, own, others)
	if got := strings.Join(UnsaidOf(held), " "); got != "b c" || len(held) != 4 {
		t.Errorf("%s, %.300v", got, held)
	}
	if size := claimsSize(held); size > MaxClaims {
		t.Errorf("%d bytes", size)
	}
	if !table.Carries(held, reads(table, "a.x")) {
		t.Error("what cannot be told is asked for again and again")
	}
}

func claimsSize(list []IdentityClaim) (n int) {
	for _, c := range list {
		n += claimSize(c.Name, c.Values) + len(c.Asked)
	}
	return n
}

// TestOracleClaimsAsked: whatever the table looked at when somebody signed in, and looks at
// afterwards, a session that counts decides as if all that the provider says were known, or
// keeps its owner out.
func TestOracleClaimsAsked(t *testing.T) {
	pairs := []string{"a=1", "a=2", "b=1"}
	people := [][]IdentityClaim{{saying("a"), saying("b")}, {saying("a", "1"), saying("b")}, {saying("a", "2", "1"), saying("b", "1")}, {saying("a"), saying("b", "1")}, {untold("a"), saying("b")}}
	admitted, ended := 0, 0
	for _, mine := range subsets(pairs) {
		for _, others := range subsets(pairs) {
			before := mustBuild(t, claiming("n", "app", "a.x", mine...), takesTokens(claiming("m", "taker", "b.x", others...)))
			in, _ := before.SignIn(mustTarget(t, "https://a.x/"), "https://a.x")
			own, more := before.Wanted(&in.Reads)
			for _, who := range people {
				var elsewhere bool
				s := session("n/app")
				s.Claims, elsewhere = before.KeepClaims(&in.Reads, CarryClaims(who, own, more))
				s.Asked = wasAsked(&in.Reads, elsewhere)
				for _, later := range subsets(pairs) {
					d := mustBuild(t, claiming("n", "app", "a.x", later...)).Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now})
					if d.Reason == SessionExpired {
						ended++
						continue
					}
					full := session("n/app")
					full.Claims = who
					is := mustBuild(t, claiming("n", "app", "a.x", later...)).Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: full, Now: now})
					if d.Verdict != is.Verdict {
						t.Fatalf("%v and %v were looked at, %v is: %s, and with all that is known %s (%v of %v)", mine, others, later, brief(d), brief(is), s.Claims, who)
					}
					admitted++
				}
			}
		}
	}
	if admitted == 0 || ended == 0 {
		t.Error("the test is blind")
	}
}
