// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func linkedTo(names ...string) (out []Selector) {
	for _, n := range names {
		out = append(out, Selector{Property: LinkedApp, Value: n})
	}
	return out
}

// linkedAt is what a session says that was made at a host, for the policies.
func linkedAt(host string, change func(*Subject), audience ...string) *Linked {
	s := session("")
	s.Host, s.Audience, s.User = host, audience, "corp/ann"
	if change != nil {
		change(s)
	}
	return NewLinked(s)
}

// linkedVisits are requests with the sessions of all kinds of applications.
func linkedVisits(t *testing.T) (out []Request) {
	bob := func(s *Subject) { s.Email = "bob@y" }
	all := []*Linked{nil,
		linkedAt("desk.y", nil, "n/desk"), linkedAt("desk.y", bob, "n/desk"), linkedAt("mine.y", nil, "n/mine"), linkedAt("mine.y", bob,
			"n/mine"),
		linkedAt("near.y", nil, "n/near"), linkedAt("inside.y", nil, "n/inside"), linkedAt("open.y", nil, "m/open"), linkedAt("shut.y", nil,
			"m/shut"),
		linkedAt("late.y", nil, "n/late"), linkedAt("void.y", nil, "n/void"), linkedAt("broken.y", nil, "n/broken"), linkedAt("gone.y", nil,
			"n/gone"),
		linkedAt("a.x", nil, "n/p"), linkedAt("desk.y", nil, "n/p", "n/desk"), linkedAt("open.y", nil, "n/desk"), linkedAt("", nil, "n/desk"),
		linkedAt("desk.y", nil, "m/desk"), linkedAt("desk.y", func(s *Subject) { s.ExpiresAt = now }, "n/desk"),
		linkedAt("desk.y", func(s *Subject) { s.AuthorizedParty = "https://o.x" }, "n/desk")}
	for i, l := range all {
		for _, refused := range []Reason{NoReason, TokenInvalid} {
			if l != nil && refused != NoReason {
				continue
			}
			for j, s := range []*Subject{nil, session("n/p")} {
				for k, sent := range []PresentedToken{{}, {ID: "id-ci", Secret: "new"}, {ID: "id-ci", Secret: "guess"}} {
					for m, method := range []string{"GET", "POST", "OPTIONS"} {
						r := Request{Target: mustTarget(t, "https://a.x/"), Method: method, Subject: s, Token: sent, Linked: l, LinkedRefused: refused,
							Address: netip.MustParseAddr("10.1.1.1"), Now: now}
						if (i+j+k+m)%3 == 0 {
							r.Bearer = bearing(t, "ci", "https://ci.x", `{"sub":"s"}`)
						}
						r.Certificate = cards[len(out)%len(cards)]
						out = append(out, r)
					}
				}
			}
		}
	}
	return out
}

// TestOracleLinked: sessions of linked applications decide as in the reference, beside
// everything else that a request can have, in rules and in groups.
func TestOracleLinked(t *testing.T) {
	defer clear(said)
	rng := rand.New(rand.NewPCG(8, 15))
	some := [][]Selector{linkedTo("desk"), linkedTo("n/desk"), linkedTo("mine"), linkedTo("near", "inside"), linkedTo("m/open"),
		linkedTo("m/shut", "m/open"),
		linkedTo("late"), linkedTo("void"), linkedTo("broken", "gone"), linkedTo("p"), everyone(), networks("10.0.0.0/8"), anyToken(), jwt("ci",
			"app"),
		certificate("ci"), named("apps"), named("mixed")}
	pick := func(most int) (out []Selector) {
		for range rng.IntN(most + 1) {
			out = append(out, some[rng.IntN(len(some))]...)
		}
		return out
	}
	set := []Group{
		{Source: Source{Name: "apps"}, Include: linkedTo("n/desk", "m/open"), Exclude: linkedTo("n/void")},
		{Source: Source{Name: "mixed"}, Include: append(named("apps"), networks("10.0.0.0/8")...), Require: linkedTo("n/desk")},
	}
	visits := linkedVisits(t)
	counts := map[Reason]int{}
	for range 3000 / every(4) {
		list := []Rule{{Action: ServiceAuth, Include: append(some[rng.IntN(len(some))], pick(1)...), Require: pick(1), Exclude: pick(1)}}
		for range rng.IntN(3) {
			list = append(list, [][]Rule{does(Bypass), does(Allow), does(Block), {{Action: Allow, Include: emails("ann@x")}},
				{{Action: ServiceAuth, Include: pick(2), Require: everyone(), Exclude: pick(1)}}}[rng.IntN(5)]...)
		}
		list = slices.DeleteFunc(list, func(ru Rule) bool { return len(ru.Include) == 0 })
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		p := one(list...)
		table, issues := withGroups(set, append(linkables(), p)...)
		coded(t, issues)
		table = table.knowing(tokens()).trusting(tokenIssuers()...)
		for _, r := range visits {
			v, why := refRules(&p, &r, set...)
			d := table.Decide(r)
			if d.Verdict != v || d.Reason != why {
				t.Fatalf("%s %+v %s %+v: %s; the reference says %s %s\nrules: %+v", r.Method, r.Linked, r.LinkedRefused, r.Token, brief(d), v, why,
					list)
			}
			counts[why]++
			if (d.Machine != nil) != (why == ServiceAdmitted) || d.Machine != nil && d.Identified {
				t.Fatalf("%+v", d)
			}
			if d.Machine != nil && strings.HasPrefix(d.Machine.Name, "linked:") {
				who := r.Linked.subject
				at := strings.TrimSuffix(strings.TrimPrefix(d.Machine.Name, "linked:"), ":"+who.Name())
				if good, _ := refFollows(at, &r); !good || d.Machine.Source.Namespace+"/"+d.Machine.Source.Name != at ||
					d.Machine.ExpiresAt != who.ExpiresAt {
					t.Fatalf("%+v is told of %+v", d.Machine, who)
				}
				counts[reasonCount]++
			}
			if e, _ := table.Explain(r); e != d {
				t.Fatalf("Explain says %+v, Decide %+v", e, d)
			}
		}
	}
	for _, why := range []Reason{TokenInvalid, TokenExpired, ServiceAdmitted, ServiceTokenInvalid, NoRuleMatched, Blocked, Bypassed,
		SignedIn, NoSession, reasonCount} {
		if counts[why] == 0 {
			t.Errorf("the test never saw %s", why)
		}
	}
}

// TestLinkedIsNoDoor: what a session of a linked application is good for depends on that
// application as it is now.
func TestLinkedIsNoDoor(t *testing.T) {
	link := Rule{Action: ServiceAuth, Include: linkedTo("m/desk")}
	desk := Policy{Source: Source{Namespace: "m", Name: "desk"}, Since: birth, Hosts: []string{"desk.y"}, IdentityProviders: []string{"corp"},
		Rules:   []Rule{{Action: Block, Include: groups("leavers")}, {Action: Allow, Include: emails("ann@x")}},
		Session: Session{PolicyNamespaces: []string{"n"}}}
	const admitted, refused, over = "allow service-auth p", "deny no-rule-matched p", "challenge token-expired p"
	for name, tc := range map[string]struct {
		desk   func(*Policy)
		who    func(*Subject)
		table  func(*Table) *Table
		method string
		want   string
	}{
		"as it should be":             {want: admitted},
		"another person":              {who: func(s *Subject) { s.Email = "bob@x" }, want: refused},
		"in a group that is kept out": {who: func(s *Subject) { s.Groups = []string{"leavers"} }, want: refused},
		"another policy's":            {who: func(s *Subject) { s.Audience = []string{"m/other"} }, want: refused},
		"another namespace's":         {who: func(s *Subject) { s.Audience = []string{"n/desk"} }, want: refused},
		"of another host":             {who: func(s *Subject) { s.Host = "other.y" }, want: refused},
		"of no host":                  {who: func(s *Subject) { s.Host = "" }, want: refused},
		"for pages":                   {who: func(s *Subject) { s.AuthorizedParty = "https://o.x" }, want: refused},
		"over":                        {who: func(s *Subject) { s.ExpiresAt = now }, want: over},
		"from the future":             {who: func(s *Subject) { s.IssuedAt = now.Add(time.Hour) }, want: over},
		"of another provider":         {who: func(s *Subject) { s.Provider = "guests" }, want: refused},
		"what was not asked":          {who: func(s *Subject) { s.Asked = askedForm }, want: over},
		"revoked": {table: func(t *Table) *Table { return t.revoking([]Revocation{{User: "ANN@x", Before: now}}) },
			want: over},
		"of a provider that left": {table: func(t *Table) *Table { return t.providing(NewProviders(Provider{Name: "guests"})) }, want: over},
		"revoked by the policy":   {desk: func(p *Policy) { p.Session.RevokedBefore = now }, want: over},
		"too old for it":          {desk: func(p *Policy) { p.Session.Duration = time.Minute }, want: over},
		"too old for its rule":    {desk: func(p *Policy) { p.Rules[1].SessionDuration = time.Minute }, want: over},
		"for whom it closed":      {desk: func(p *Policy) { p.Rules = p.Rules[:1] }, want: refused},
		"for whom it is open":     {desk: func(p *Policy) { p.Rules = does(Bypass) }, want: refused},
		"of a dry run":            {desk: func(p *Policy) { p.DryRun, p.Rules = DryRunOpen, does(Block) }, want: refused},
		"by another method":       {desk: func(p *Policy) { p.Rules[1].Methods = []string{"GET"} }, method: "POST", want: refused},
		"by its method":           {desk: func(p *Policy) { p.Rules[1].Methods = []string{"GET"} }, want: admitted},
		"blocked by method": {desk: func(p *Policy) {
			p.Rules[0] = Rule{Action: Block, Methods: []string{"post"},
				Include: everyone()}
		}, method: "POST", want: refused},
		"from an address":     {desk: func(p *Policy) { p.Rules[1].Require = networks("10.0.0.0/8") }, want: refused},
		"not from an address": {desk: func(p *Policy) { p.Rules[1].Exclude = networks("10.66.0.0/16") }, want: refused},
		"from a country":      {desk: func(p *Policy) { p.Rules[1].Require = countries("NL") }, want: refused},
		"with a certificate":  {desk: func(p *Policy) { p.Rules[1].Require = certificate("ci") }, want: refused},
		"by an expression":    {desk: func(p *Policy) { p.Rules[1].Require = cel(isTen) }, want: refused},
		"by who they are":     {desk: func(p *Policy) { p.Rules[1].Require = cel(isAnn) }, want: admitted},
		"by a link of its own": {desk: func(p *Policy) { p.Rules = []Rule{{Action: ServiceAuth, Include: linkedTo("desk", "n/p")}} },
			want: refused},
		"that it keeps to itself": {desk: func(p *Policy) { p.Session.PolicyNamespaces = nil }, want: refused},
		"that others may link to": {desk: func(p *Policy) { p.Session.PolicyNamespaces = []string{"k", "*"} }, want: refused},
		"with a mistake":          {desk: func(p *Policy) { p.Rules[0].Include = nil }, want: refused},
		"that lost its host":      {desk: func(p *Policy) { p.Hosts = []string{"elsewhere.y"} }, want: refused},
		"that is not there":       {desk: func(p *Policy) { p.Source.Name = "gone" }, want: refused},
	} {
		d := desk
		d.Rules = slices.Clone(desk.Rules)
		if tc.desk != nil {
			tc.desk(&d)
		}
		l := linkedAt("desk.y", func(s *Subject) {
			s.Provider, s.Groups = "corp", nil
			if tc.who != nil {
				tc.who(s)
			}
		}, "m/desk")
		if name == "what was not asked" {
			l.subject.Asked = askedForm
		}
		table, _ := build([]Policy{one(link, Rule{Action: Allow, Include: everyone()}), d})
		if tc.table != nil {
			table = tc.table(table)
		}
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: tc.method, Linked: l, Address: netip.MustParseAddr("10.1.1.1"),
			Countries:   earth,
			Certificate: cards[1], Subject: session("n/p"), Now: now}
		r.Subject.Email = "carol@z"
		if r.Method == "" {
			r.Method = "GET"
		}
		got := table.Decide(r)
		if brief(got) != tc.want || got.Verdict == Challenge && got.Unauthenticated != Unauthorized {
			t.Errorf("%s: %s %v, want %s", name, brief(got), got.Unauthenticated, tc.want)
		}
		if e, trace := table.Explain(r); e != got || !strings.Contains(fmt.Sprint(trace), "linkedApp") {
			t.Errorf("%s: Explain says %s: %v", name, brief(e), trace)
		}
		// Without it, the session of the policy itself counts as ever.
		if r.Linked = nil; brief(table.Decide(r)) != "allow signed-in p" {
			t.Errorf("%s: without a link %s", name, brief(table.Decide(r)))
		}
	}
}

// TestLinkedElsewhere: where no rule looks at linked applications, what comes as the session
// of one is nothing to the policy, good or not.
func TestLinkedElsewhere(t *testing.T) {
	table := mustBuild(t, append(linkables()[:1], one(does(Allow)...))...)
	for _, r := range []Request{{Linked: linkedAt("desk.y", nil, "n/desk")}, {LinkedRefused: TokenInvalid}} {
		r.Target, r.Method, r.Subject, r.Now = mustTarget(t, "https://a.x/"), "GET", session("n/p"), now
		if got := brief(table.Decide(r)); got != "allow signed-in p" {
			t.Errorf("%s", got)
		}
	}
}

// TestLinkIssues: the author of a policy is told of links that match nobody.
func TestLinkIssues(t *testing.T) {
	set := []Group{{Source: Source{Name: "apps"}, Include: linkedTo("m/shut")}}
	p := one(Rule{Action: ServiceAuth, Include: linkedTo("desk", "m/open", "p", "gone", "broken", "m/shut"), Exclude: named("apps")})
	_, issues := withGroups(set, append(linkables(), p)...)
	got := map[string]Code{}
	for _, i := range issues {
		if i.Source.Name == "p" {
			got[i.Source.Field] = i.Code
		}
	}
	want := map[string]Code{"spec.rules[0].include[2].linkedApp": codeLinkSelf, "spec.rules[0].include[3].linkedApp": codeLinkMissing,
		"spec.rules[0].include[4].linkedApp": codeLinkMistaken, "spec.rules[0].include[5].linkedApp": codeLinkOthers,
		"spec.rules[0].exclude[0]": codeLinkOthers}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}
