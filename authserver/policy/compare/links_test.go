// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestLinks: by which applications a policy may be called is told apart, with witnesses that
// explain can be asked about; and that an application admits others than before is said.
func TestLinks(t *testing.T) {
	app := func(namespace, name string, rules ...policy.Rule) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: namespace, Name: name}, Hosts: []string{name + ".x"}, Rules: rules}
	}
	allow := func(domain string) policy.Rule {
		return policy.Rule{Action: policy.Allow, Include: []policy.Selector{selector(policy.EmailDomain, domain)}}
	}
	link := func(names ...string) policy.Rule {
		r := policy.Rule{Action: policy.ServiceAuth}
		for _, n := range names {
			r.Include = append(r.Include, selector(policy.LinkedApp, n))
		}
		return r
	}
	narrow := link("desk")
	narrow.Require = []policy.Selector{selector(policy.LinkedApp, "n/till")}
	but := link("desk")
	but.Exclude = []policy.Selector{selector(policy.LinkedApp, "till")}
	shared := app("m", "far", allow("a.x"))
	shared.Session.PolicyNamespaces = []string{"n"}
	stock := func(rules ...policy.Rule) Side {
		return sideOf(app("n", "stock", rules...), app("n", "desk", allow("a.x")), app("n", "till", allow("a.x")), app("m", "far", allow("a.x")))
	}
	with := func(far policy.Policy, desk string, rules ...policy.Rule) Side {
		return sideOf(app("n", "stock", rules...), app("n", "desk", allow(desk)), app("n", "till", allow("a.x")), far)
	}
	for name, tc := range map[string]struct {
		old, now Side
		effect   Effect
		has, not string // of the arguments
	}{
		"a link more":                 {stock(allow("a.x")), stock(allow("a.x"), link("desk")), Opens, "--linked-app n/desk", "--as"},
		"a link less":                 {stock(link("desk", "till")), stock(link("till")), Closes, "--linked-app n/desk", "till"},
		"another one":                 {stock(link("desk")), stock(link("till")), Opens, "--linked-app n/till", "desk"},
		"its full name":               {stock(link("desk")), stock(link("n/desk")), Nothing, "", ""},
		"one that does not take part": {stock(link("desk")), stock(link("desk", "m/far")), Nothing, "", ""},
		"one that takes part":         {stock(link("m/far")), with(shared, "a.x", link("m/far")), Opens, "--linked-app m/far", "desk"},
		"itself":                      {stock(link("desk")), stock(link("desk", "stock")), Nothing, "", ""},
		"of both at once":             {stock(narrow), stock(link("desk")), Opens, "--linked-app n/desk", "till"},
		"not of both":                 {stock(link("desk")), stock(but), Closes, "--linked-app n/desk,n/till", "--as"},
		"beside an address": {stock(link("desk")), stock(policy.Rule{Action: policy.Bypass, Include: link("desk").Include}), Closes,
			"--linked-app n/desk", "--as"},
	} {
		got := Compare(tc.old, tc.now, settings)
		args, found := "", false
		for _, d := range got.Differences {
			if d.Effect != tc.effect && tc.effect != Nothing {
				continue
			}
			args, found = strings.Join(d.Witness.Arguments(), " "), true
			before, after := d.Witness.ask(tc.old.Table, settings), d.Witness.ask(tc.now.Table, settings)
			if effectOf(&before, &after) != tc.effect {
				t.Errorf("%s: %s is no witness", name, args)
			}
		}
		if len(got.Incomplete) > 0 || found != (tc.effect != Nothing) || !strings.Contains(args, tc.has) || tc.not != "" &&
			strings.Contains(args, tc.not) {
			t.Errorf("%s: %q, %v", name, args, got.Incomplete)
		}
	}
	for name, tc := range map[string]struct {
		now  Side
		want int
	}{"the same": {stock(link("desk")), 0}, "the linked one": {with(app("m", "far", allow("a.x")), "b.x", link("desk")), 1},
		"another one": {with(app("m", "far", allow("b.x")), "a.x", link("desk")), 0}} {
		got := Compare(stock(link("desk")), tc.now, settings)
		if len(got.Incomplete) != tc.want || tc.want > 0 && !strings.Contains(got.Incomplete[0], "n/stock links to n/desk, which was edited") {
			t.Errorf("%s: %v", name, got.Incomplete)
		}
	}
}

// TestAskedBeside: what a token needs to count is asked for, even where the rule fits
// without it, or another rule names it.
func TestAskedBeside(t *testing.T) {
	jwt := func(issuer, audience string) policy.Selector {
		return policy.Selector{Property: policy.JWT, JWT: &policy.TokenMatch{Issuer: issuer, Audience: audience}}
	}
	side := func(rules ...policy.Rule) Side {
		h := house{policies: []policy.Policy{{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"}, Rules: rules}},
			issuers: []policy.TokenIssuer{{Name: "ci", Issuer: "https://ci.test", Audiences: []string{"x", "y"}, Everywhere: true},
				{Name: "forge", Issuer: "https://forge.test", Audiences: []string{"x"}, Everywhere: true}}}
		return h.side()
	}
	admit := func(include ...policy.Selector) policy.Rule {
		return policy.Rule{Action: policy.ServiceAuth, Include: include}
	}
	everybody := policy.Selector{Property: policy.Everyone}
	other := admit(jwt("ci", "x"))
	other.Require = []policy.Selector{selector(policy.Address, "10.0.0.0/8")}
	for name, tc := range map[string]struct{ old, now Side }{
		"everybody, and a token":       {side(), side(admit(everybody, jwt("ci", "x")))},
		"an audience of another rule":  {side(other), side(other, admit(jwt("forge", "y")))},
		"everybody, and a certificate": {side(), side(admit(everybody, policy.Selector{Property: policy.ClientCertificate}))},
	} {
		if got := Compare(tc.old, tc.now, settings); !got.Has(Opens) || len(got.Incomplete) > 0 {
			t.Errorf("%s: %v %v", name, got.Differences, got.Incomplete)
		}
	}
}

// linked is a policy that others may link to, which admits whom no test is about.
func linked(namespace, name string) policy.Policy {
	return policy.Policy{Source: policy.Source{Namespace: namespace, Name: name}, Since: now, Hosts: []string{name + ".x"},
		Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}}}
}

func (t tiny) till() policy.Policy {
	p := linked("m", "till")
	if t.IntN(2) == 0 {
		p.Session.PolicyNamespaces = []string{"n"}
	}
	return p
}

// alsoLinked has some of the callers come by linked applications, too.
func alsoLinked(callers []Request) []Request {
	out := slices.Clone(callers)
	for i := 0; i < len(callers); i += 5 {
		r := callers[i]
		r.LinkedApps = [][]string{{"n/desk"}, {"m/till"}, {"m/till", "n/desk"}}[i%3]
		out = append(out, r)
	}
	return out
}
