// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"strings"
	"testing"
)

// TestCountry: a country that is not known counts against the visitor, whatever it is
// that is missing, and everywhere that a country can stand.
func TestCountry(t *testing.T) {
	nl := Rule{Action: Bypass, Include: countries("NL", "BE")}
	require := Rule{Action: Bypass, Include: everyone(), Require: countries("NL")}
	exclude := Rule{Action: Bypass, Include: everyone(), Exclude: countries("RU")}
	block := Rule{Action: Block, Include: countries("RU")}
	blockOthers := Rule{Action: Block, Include: everyone(), Exclude: countries("NL")}
	blockHere := Rule{Action: Block, Include: everyone(), Require: countries("NL")}
	db := atlas{netip.MustParseAddr("192.0.2.1"): "NL", netip.MustParseAddr("192.0.2.2"): "RU", netip.MustParseAddr("2001:db8::1"): "NL"}
	for name, tc := range map[string]struct {
		address string
		db      Countries
		rules   map[*Rule]bool // whether each matches
	}{
		"there":           {"192.0.2.1", db, map[*Rule]bool{&nl: true, &require: true, &exclude: true, &block: false, &blockOthers: false, &blockHere: true}},
		"IPv6":            {"2001:db8::1", db, map[*Rule]bool{&nl: true, &block: false}},
		"mapped":          {"::ffff:192.0.2.1", db, map[*Rule]bool{&nl: true, &block: false}},
		"elsewhere":       {"192.0.2.2", db, map[*Rule]bool{&nl: false, &require: false, &exclude: false, &block: true, &blockOthers: true, &blockHere: false}},
		"nowhere":         {"192.0.2.3", db, map[*Rule]bool{&nl: false, &require: false, &exclude: false, &block: true, &blockOthers: true, &blockHere: true}},
		"address unknown": {"", db, map[*Rule]bool{&nl: false, &require: false, &exclude: false, &block: true, &blockOthers: true, &blockHere: true}},
		"no database":     {"192.0.2.1", nil, map[*Rule]bool{&nl: false, &require: false, &exclude: false, &block: true, &blockOthers: true, &blockHere: true}},
	} {
		for ru, want := range tc.rules {
			table := mustBuild(t, one(*ru))
			r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: session("n/p"), Countries: tc.db, Now: now}
			r.Address, _ = netip.ParseAddr(tc.address)
			d, trace := table.Explain(r)
			if (d.Source.Field == "spec.rules[0]") != want {
				t.Errorf("%s, %s %+v: %s", name, ru.Action, ru.Include, brief(d))
			}
			var steps []string
			for _, s := range trace.Steps {
				steps = append(steps, s.What)
			}
			if !strings.Contains(strings.Join(steps, " "), "country") {
				t.Errorf("%s: nothing says where the client is: %v", name, steps)
			}
		}
	}
}

// TestCountryCodes: those of ISO 3166-1 are taken, and what is like one is not.
func TestCountryCodes(t *testing.T) {
	n := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if isCountry(string([]rune{a, b})) {
				n++
			}
		}
	}
	if n != 249+1 {
		t.Errorf("%d codes; ISO 3166-1 has 249, and there is XK", n)
	}
	for _, c := range []string{"NL", "DE", "GB", "XK", "SS", "CW", "AX", "ZW", "AD"} {
		if !isCountry(c) {
			t.Error(c)
		}
	}
	for c, says := range map[string]string{"UK": "GB", "EU": "list", "XX": "no country is known", "T1": "no country is known", "nl": "write NL", "uk": "GB",
		"NLD": "two upper-case", "": "two upper-case", "N": "two upper-case", "ZZ": "two upper-case", "AN": "two upper-case", "\u212aR": "two upper-case"} {
		s := Selector{Property: Country, Countries: []string{"NL", c}}
		if p := s.check(); p.code != codeCountry || !strings.Contains(p.text, says) || !strings.HasPrefix(p.text, "country[1]: ") {
			t.Errorf("%q: %+v", c, p)
		}
	}
}

// TestNoCountries: who looks at countries is told that there are none, and nobody else.
func TestNoCountries(t *testing.T) {
	abroad, plain := of("n", "abroad", 1, Allow, []string{"a.x"}), of("n", "plain", 2, Allow, []string{"b.x"})
	abroad.Rules[0].Exclude = countries("RU")
	in := Input{Policies: CompileAll([]Policy{abroad, plain}), Terms: Terms{NoCountries: true}}
	table, issues := Build(in)
	if len(issues) != 1 || issues[0].Code != codeNoCountries || issues[0].Source.String() != "n/abroad spec.rules[0]" || !issues[0].Warning() {
		t.Errorf("%+v", issues)
	}
	in.Groups = CompileGroups([]Group{groupOf("dutch", countries("NL"), nil, nil), groupOf("nested", everyone(), nil, named("dutch")), groupOf("plain", everyone(), nil, nil)})
	plain.Rules[0].Require = named("nested", "plain")
	in.Policies = CompileAll([]Policy{abroad, plain})
	var a Assembler
	a.SetTerms(in.Terms)
	a.SetGroups(in.Groups)
	_, issues = Build(in)
	var got []string
	for _, i := range issues {
		if i.Code != codeNoCountries || !i.Warning() {
			t.Errorf("%+v", i)
		}
		got = append(got, i.Source.String())
	}
	if want := "dutch spec.include[0]|n/abroad spec.rules[0]|n/plain spec.rules[0].require[0]"; strings.Join(got, "|") != want {
		t.Errorf("%q, want %q", got, want)
	}
	if use := a.GroupUses(); len(use["dutch"].Issues) != 1 || len(use["nested"].Issues)+len(use["plain"].Issues) != 0 {
		t.Errorf("%+v", use)
	}
	in.NoCountries = false
	other, issues := Build(in)
	if len(issues) != 0 || table.Revision() == other.Revision() {
		t.Errorf("%+v, revision %s", issues, other.Revision())
	}
}

// lazy counts look-ups.
type lazy struct{ n *int }

func (l lazy) Country(netip.Addr) string { *l.n++; return "NL" }

// TestCountryIsLazy: nothing is looked up where no rule that is reached asks.
func TestCountryIsLazy(t *testing.T) {
	n := 0
	ask := func(rules ...Rule) int {
		n = 0
		mustBuild(t, one(rules...)).Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Countries: lazy{&n},
			Address: netip.MustParseAddr("192.0.2.1"), Now: now})
		return n
	}
	here := Rule{Action: Bypass, Include: countries("NL")}
	if got := ask(does(Bypass)[0], here); got != 0 {
		t.Errorf("%d look-ups, and no rule asked", got)
	}
	if got := ask(here); got != 1 {
		t.Errorf("%d look-ups", got)
	}
}

// refCountry is where the reference takes a request to come from.
func refCountry(r *Request) string {
	if r.Countries == nil || !r.Address.IsValid() {
		return ""
	}
	return r.Countries.Country(r.Address)
}
