// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTokenIssuersByName: what there is of issuers, and which differ between two lists.
func TestTokenIssuersByName(t *testing.T) {
	var unknown *TokenIssuers
	none, all := NewTokenIssuers(), NewTokenIssuers(tokenIssuers()...)
	for _, tc := range []struct {
		list *TokenIssuers
		want []TokenIssuer
	}{{unknown, nil}, {none, nil}, {all, tokenIssuers()}, {NewTokenIssuers(tokenIssuers()[2], tokenIssuers()[0], tokenIssuers()[1]), tokenIssuers()}} {
		var got []TokenIssuer
		if tc.list.Any(func(i TokenIssuer) bool { got = append(got, i); return false }) || !reflect.DeepEqual(got, tc.want) || tc.list.Len() != len(tc.want) {
			t.Errorf("%d: %+v, want %+v", tc.list.Len(), got, tc.want)
		}
		for _, i := range tokenIssuers() {
			got, ok := tc.list.Get(i.Name)
			if want := len(tc.want) > 0; ok != want || want && !reflect.DeepEqual(got, i) || !want && !reflect.DeepEqual(got, TokenIssuer{}) {
				t.Errorf("%s: %+v %v", i.Name, got, ok)
			}
		}
	}
	seen := 0
	if !all.Any(func(i TokenIssuer) bool { seen++; return i.Name == "hub" }) || seen != 2 {
		t.Errorf("%d are visited until one is found", seen)
	}
	var many []TokenIssuer
	var names []string
	for i := range 20 {
		many = append(many, TokenIssuer{Name: fmt.Sprintf("i%02d", i)})
		names = append(names, many[i].Name)
	}
	changed := tokenIssuers()
	changed[0].Audiences, changed[2].Name = changed[0].Audiences[:1], "others"
	for _, tc := range []struct {
		x, y *TokenIssuers
		want []string
	}{
		{unknown, unknown, nil}, {unknown, none, nil}, {all, all, nil}, {all, NewTokenIssuers(tokenIssuers()...), nil},
		{all, unknown, []string{"ci", "hub", "theirs"}}, {all, none, []string{"ci", "hub", "theirs"}},
		{all, NewTokenIssuers(changed...), []string{"ci", "others", "theirs"}}, {NewTokenIssuers(many...), none, names},
	} {
		for _, got := range [][]string{tc.x.Differing(tc.y), tc.y.Differing(tc.x)} {
			if !slices.Equal(got, tc.want) {
				t.Errorf("%q differ, want %q", got, tc.want)
			}
		}
	}
}

// TestTokenIssuersArePublished: issuers that come later are in the next table, and not in one
// that was published; the same ones are no other table.
func TestTokenIssuersArePublished(t *testing.T) {
	var a Assembler
	p := one(Rule{Action: ServiceAuth, Include: jwt("ci", "app", says("sub", "job"))})
	a.Set("k", Compile(&p))
	r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Bearer: bearing(t, "ci", "https://ci.x", `{"sub":"job"}`), Now: now}
	defer clear(said)
	const in, out = "allow service-auth p", "deny no-rule-matched p"
	var tables []*Table
	steps := []struct {
		issuers *TokenIssuers
		other   bool
		want    string
	}{
		{nil, true, out}, {nil, false, out}, {NewTokenIssuers(), true, out}, {NewTokenIssuers(tokenIssuers()...), true, in},
		{NewTokenIssuers(tokenIssuers()...), false, in}, {NewTokenIssuers(tokenIssuers()[1:]...), true, out}, {nil, true, out},
	}
	for i, step := range steps {
		a.SetTokenIssuers(step.issuers)
		tables = append(tables, a.Table())
		if i > 0 && (tables[i] != tables[i-1]) != step.other {
			t.Errorf("step %d: another table: %v", i, !step.other)
		}
		for j, table := range tables {
			if got := brief(table.Decide(r)); got != steps[j].want {
				t.Errorf("step %d, the table of step %d: %s, want %s", i, j, got, steps[j].want)
			}
		}
	}
	var none *Table
	if none.trusts(r.Bearer, "n") {
		t.Error("no table trusts somebody")
	}
}

// TestTokenIssuersAtAPlace: at a place, those issuers are looked at whom a rule there names,
// by itself or by a group, and that it may name; and one of their tokens is known by its
// claims.
func TestTokenIssuersAtAPlace(t *testing.T) {
	issuers := append(tokenIssuers(), TokenIssuer{Name: "twin", Issuer: "https://ci.x", Audiences: []string{"twin"}, Everywhere: true})
	set := []Group{groupOf("jobs", append(jwt("hub", "app", says("sub", "x")), jwt("twin", "twin", says("sub", "x"))...), nil, nil),
		groupOf("people", emails("ann@x"), nil, nil)}
	own := slices.Concat(jwt("theirs", "app"), jwt("nobodys", "app"), jwt("ci", "app"), jwt("twin", "twin"))
	for name, tc := range map[string]struct {
		rules []Rule
		looks bool
		want  []string
	}{
		"nobody":             {does(Allow), false, nil},
		"of its own":         {[]Rule{{Action: ServiceAuth, Include: own}}, true, []string{"ci", "twin"}},
		"none that it may":   {[]Rule{{Action: ServiceAuth, Include: own[:2]}}, true, nil},
		"by a group":         {[]Rule{{Action: ServiceAuth, Include: named("jobs")}}, true, []string{"hub", "twin"}},
		"by both":            {[]Rule{{Action: ServiceAuth, Include: append(own[2:3:3], named("jobs")...)}}, true, []string{"ci", "hub", "twin"}},
		"a group of people":  {[]Rule{{Action: Allow, Include: named("people")}}, false, nil},
		"by that, and by it": {[]Rule{{Action: ServiceAuth, Include: own[2:3]}, {Action: Allow, Include: named("people")}}, true, []string{"ci"}},
	} {
		table, _ := Build(Input{Policies: CompileAll([]Policy{one(tc.rules...)}), Groups: CompileGroups(set), TokenIssuers: NewTokenIssuers(issuers...)})
		at := table.At(&Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now})
		if got := at.LooksAtTokens(); got != tc.looks {
			t.Errorf("%s: looks at tokens: %v", name, got)
		}
		for stop := range len(tc.want) + 1 {
			var got []string
			at.EachTokenIssuer(func(name string) bool {
				got = append(got, name)
				return len(got) <= stop
			})
			if want := tc.want[:min(stop+1, len(tc.want))]; !slices.Equal(got, want) {
				t.Errorf("%s: %q until the visit says no, want %q", name, got, want)
			}
		}
		tokensAt(t, name, at, tc.want)
	}
	for _, nowhere := range []Place{{}, (&Table{}).At(&Request{Target: mustTarget(t, "https://a.x/")})} {
		tokensAt(t, "nowhere", nowhere, nil)
		if nowhere.LooksAtTokens() {
			t.Error("tokens are looked at where there is no policy")
		}
	}
}

// tokensAt holds whose tokens are known at a place, which looks at the tokens of issuers.
func tokensAt(t *testing.T, name string, at Place, issuers []string) {
	t.Helper()
	for _, tc := range []struct{ issuer, audiences, by string }{
		{"https://ci.x", "app", "ci"}, {"https://ci.x", "none other", "ci"}, {"https://ci.x", "twin", "twin"},
		{"https://ci.x", "none", ""}, {"https://ci.x", "", ""}, {"https://hub.x", "none app", "hub"}, {"https://hub.x", "twin", ""},
		{"https://theirs.x", "app", "theirs"}, {"https://nobodys.x", "app", ""}, {"", "app", ""},
	} {
		claims, audience := map[string]any{"iss": tc.issuer, "sub": "job"}, strings.Fields(tc.audiences)
		var want *Bearer
		if slices.Contains(issuers, tc.by) {
			want = NewBearer(Source{Name: tc.by}, tc.issuer, "job", audience, NewClaims(claims), now.Add(time.Hour))
		}
		if got := at.TokenOf(claims, audience, now.Add(time.Hour)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: of %s for %q: %+v, want %+v", name, tc.issuer, tc.audiences, got, want)
		}
		issues := slices.ContainsFunc(issuers, func(name string) bool {
			return strings.HasPrefix(tc.issuer, "https://"+strings.ReplaceAll(name, "twin", "ci")+".")
		})
		if got := at.Issues(claims); got != issues {
			t.Errorf("%s: tokens of %s are issued by one that is looked at: %v", name, tc.issuer, got)
		}
	}
}

// TestTokenMatches: those selectors look at tokens that say so, each at its place; and what is
// compiled does not change with what it was made from.
func TestTokenMatches(t *testing.T) {
	stray := Selector{Property: Email, Value: "ann@x", JWT: &TokenMatch{Issuer: "stray"}}
	p := one(Rule{Include: []Selector{stray, {Property: JWT}}},
		Rule{Include: append(jwt("ci", "app"), stray), Require: append(everyone(), jwt("hub", "app")...), Exclude: jwt("ci", "other")})
	want := []tokenUse{{"spec.rules[1].include[0].jwt", "ci", "app"}, {"spec.rules[1].require[1].jwt", "hub", "app"},
		{"spec.rules[1].exclude[0].jwt", "ci", "other"}}
	if got := tokenUsesOf(&p); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := tokenIssuersOf(&p); !slices.Equal(got, []string{"ci", "hub"}) {
		t.Errorf("%q", got)
	}
	made := TokenMatch{"ci", "app", []ClaimMatch{says("sub", "job")}}
	c := made.clone()
	made.Issuer, made.Claims[0].Path, made.Claims[0].Values[0] = "hub", "other", "other"
	if want := (TokenMatch{"ci", "app", []ClaimMatch{says("sub", "job")}}); !reflect.DeepEqual(*c, want) {
		t.Errorf("%+v, want %+v", *c, want)
	}
	if (*TokenMatch)(nil).clone() != nil {
		t.Error("a copy of nothing")
	}
}

// TestWhereAGroupIsNamed: what is wrong with the tokens of a group is told of where a policy
// names it, and not of another that is called like it.
func TestWhereAGroupIsNamed(t *testing.T) {
	theirs := groupOf("robots", jwt("theirs", "app", says("sub", "job")), nil, nil)
	fine := groupOf("other", jwt("ci", "app", says("sub", "job")), nil, nil)
	p := one(Rule{Action: Allow, Include: groups("robots")},
		Rule{Action: ServiceAuth, Include: slices.Concat(tokenNamed("robots"), named("other", "robots"))})
	_, issues := Build(Input{Policies: CompileAll([]Policy{p}), Groups: CompileGroups([]Group{theirs, fine}), TokenIssuers: NewTokenIssuers(tokenIssuers()...)})
	want := []Issue{newIssue(p.Source.at("spec.rules[1].include[2]"), codeIssuerOthers, `the AccessGroup "robots" looks at tokens of the `+
		`TokenIssuer "theirs", which is not for policies of namespace "n": they do not match`)}
	if !reflect.DeepEqual(issues, want) {
		t.Errorf("%+v, want %+v", issues, want)
	}
}
