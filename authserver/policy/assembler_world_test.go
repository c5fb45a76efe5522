// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// A world is an input that can be edited. Each field but the policies is the number of
// one of the choices below.
type world struct {
	policies                                                map[string]int // by key
	terms, ledger, bindings, providers, revocations, groups int
}

// worlds are what there is to choose from.
type worlds struct {
	policies    []*Compiled
	terms       []Terms
	ledgers     []*Ledger
	bindings    [][]Binding
	providers   []*Providers
	revocations [][]Revocation
	groups      [][]*CompiledGroup
	keys        []string
	asked       []Request
	seen        map[string]string // what Build made of a world
}

func tinyWorlds(t testing.TB) *worlds {
	w := &worlds{
		policies: tinyEdits(), keys: []string{"k0", "k1", "k2", "k3"}, seen: map[string]string{},
		terms: []Terms{
			{}, {Grants: []Grant{{"a.x", "b"}}}, {Grants: []Grant{{"*.x", "b"}}, GrantedOnly: true}, {Reservations: []Grant{{"*.x", "a"}}},
			{Reservations: []Grant{{"a.x", "b"}, {"*.a.x", "b"}}, PathPrefix: "/a"}, {TeamHost: "b.x"}, {TeamHost: "c.x", PathPrefix: "/.access"},
			{Reservations: []Grant{{"**.a.x", "b"}}, Grants: []Grant{{"**.x", "b"}}}, {Reservations: []Grant{{"a.x", "a"}}, TeamHost: "d.a.x"},
		},
		ledgers: tinyLedgers(),
		bindings: [][]Binding{nil, {{"a/i", "a/p"}}, {{"a/i", "a/p"}, {"b/i", "b/p"}, {RouteKind + "a/i", "a/q"}},
			{{"a/i", "a/p"}, {"a/i", "a/q"}, {"b/i", "b/p"}, {"b/i", "b/p"}}, {{RouteKind + "a/i", "a/p"}, {"a/i", "a/q"}}},
		providers:   []*Providers{nil, NewProviders(), NewProviders(Provider{Name: "corp"}), NewProviders(Provider{Name: "corp", Listed: true, Users: []User{{"2", ""}}})},
		groups:      tinyGroupSets(),
		revocations: [][]Revocation{nil, {{User: "1", Before: now}}, {{User: "ann@x", Before: now.Add(-2 * time.Hour)}, {Provider: "corp", User: "1", Before: now}}},
	}
	for _, host := range []string{"a.x", "b.x", "c.x", "x", "d.a.x", "e.d.a.x"} {
		for _, path := range []string{"/", "/a", "/a/b", "/.access/z"} {
			for _, by := range []string{"", "a/i", "b/i"} {
				r := Request{Target: mustTarget(t, "https://"+host+path), Method: "GET", Now: now, Ingress: by, Pin: EitherPin}
				w.asked = append(w.asked, r)
				r.Subject = &Subject{ID: "1", Email: "ann@x", Provider: "corp", Audience: []string{"a/p", "a/q", "b/p"},
					SignedInAt: now.Add(-time.Hour), IssuedAt: now.Add(-time.Hour), ExpiresAt: now.Add(time.Hour)}
				w.asked = append(w.asked, r)
				s := *r.Subject
				s.Asked, r.Subject = askedForm+(&Reads{Groups: []string{"dev"}}).digest(), &s
				w.asked = append(w.asked, r)
			}
		}
	}
	return w
}

// tinyEdits are policies of two namespaces, some of which have one name.
func tinyEdits() []*Compiled {
	var out []Policy
	for _, name := range []string{"a/p", "a/q", "b/p"} {
		ns, n, _ := strings.Cut(name, "/")
		for i, hosts := range [][]string{{"a.x"}, {"*.x"}, {"b.x", "*.x"}, {"a.x", "x"}, {"**.x"}, {"*.a.x", "**.a.x"}} {
			p := of(ns, n, (len(out)*7)%5, []Action{Bypass, Allow, Block}[i%3], hosts)
			switch len(out) % 4 {
			case 1:
				p.Paths = []Path{{Value: "/a"}, {Value: "/a/b", Exact: true}}
			case 2:
				p.Rules = append(p.Rules, Rule{Action: Allow, Include: named("staff"), Exclude: named("net")})
			case 3:
				p.Rules = append([]Rule{{Action: Bypass, Include: named("net")}, {Action: Block, Include: named("staff")}}, p.Rules...)
				p.CORS = spa()
				p.CORS.Tokens = true
				p.CORS.AllowedOrigins = []string{"https://c.x"}
			}
			out = append(out, p)
		}
	}
	text := of("b", "q", 0, Allow, []string{"A.x", "*.x"})
	text.Salvaged = true
	wrong := of("a", "p", 3, Allow, []string{"b.x", "a_b"}, prefixes("/b")...)
	own := of("a", "q", 1, Bypass, []string{"c.x"}, prefixes("/.access/z")...)
	many := of("b", "p", 2, Bypass, []string{"a.x"}, prefixes("/", "/a", "/c", "/d", "/e", "/f", "/g", "/h", "/i", "/j")...)
	undated := of("b", "q", 0, Bypass, []string{"b.x"})
	undated.Since = time.Time{}
	return CompileAll(append(out, text, wrong, own, many, undated, of("a", "r", 0, Bypass, nil)))
}

// tinyGroupSets are what groups can say, and leave unsaid.
func tinyGroupSets() [][]*CompiledGroup {
	staff, looks := groupOf("staff", emails("ann@x"), nil, nil), groupOf("staff", groups("dev"), nil, nil)
	net := groupOf("net", networks("10.0.0.0/8"), nil, nil)
	over, under := groupOf("net", named("staff"), nil, nil), groupOf("staff", everyone(), nil, named("net"))
	out := [][]*CompiledGroup{nil}
	like := groupOf("staf", everyone(), nil, nil)
	for _, set := range [][]Group{
		{staff}, {staff, net}, {looks, net}, {net}, {staff, over}, {looks, over}, {over, under}, {staff, staff}, {like},
	} {
		out = append(out, CompileGroups(set))
	}
	return out
}

func tinyLedgers() []*Ledger {
	at := func(h int) time.Time { return birth.Add(time.Duration(h) * time.Hour) }
	var none time.Time
	claims := [][]Claim{
		{}, {{"a.x", "a", at(1), none}}, {{"a.x", "b", at(1), none}, {"*.x", "a", at(2), none}}, {{"*.x", "b", at(1), none}, {"a.x", "a", at(2), none}},
		{{"a.x", "b", none, none}, {"*.x", "a", none, none}}, {{"b.x", "b", at(1), at(5)}}, {{"*.x", "b", at(1), at(5)}, {"c.x", "a", at(3), none}},
		{{"*.x", "a", at(1), none}, {"a.x", "a", at(1), none}, {"b.x", "a", at(1), none}, {"c.x", "a", at(1), at(2)}, {"x", "b", at(1), none}},
		{{"**.x", "a", at(1), none}, {"*.a.x", "b", at(2), none}, {"a.x", "b", at(3), none}, {"d.a.x", "a", at(4), none}}, {{"**.x", "b", at(2), at(5)}, {"**.a.x", "a", at(1), none}},
	}
	out := []*Ledger{nil, NewLedger(claims[5], time.Minute)}
	for _, c := range claims {
		out = append(out, NewLedger(c, time.Hour))
	}
	return out
}

// An edit changes a world and an Assembler alike.
type edit struct {
	name string
	do   func(w *world, a *Assembler)
}

func (c *worlds) edits() []edit {
	var out []edit
	add := func(do func(w *world, a *Assembler), format string, args ...any) {
		out = append(out, edit{fmt.Sprintf(format, args...), do})
	}
	for _, key := range c.keys {
		add(func(w *world, a *Assembler) { delete(w.policies, key); a.Delete(key) }, "delete %s", key)
		for i, p := range c.policies {
			add(func(w *world, a *Assembler) { w.policies[key] = i; a.Set(key, p) }, "set %s %s %v %d", key, p.app.audience, p.hosts, i)
		}
	}
	for i := range c.terms {
		add(func(w *world, a *Assembler) { w.terms = i; a.SetTerms(c.terms[i]) }, "terms %d", i)
	}
	for i := range c.ledgers {
		add(func(w *world, a *Assembler) { w.ledger = i; a.SetLedger(c.ledgers[i]) }, "ledger %d", i)
	}
	for i := range c.bindings {
		add(func(w *world, a *Assembler) { w.bindings = i; a.SetBindings(c.bindings[i]) }, "bindings %d", i)
	}
	for i := range c.providers {
		add(func(w *world, a *Assembler) { w.providers = i; a.SetProviders(c.providers[i]) }, "providers %d", i)
	}
	for i := range c.groups {
		add(func(w *world, a *Assembler) { w.groups = i; a.SetGroups(c.groups[i]) }, "groups %d", i)
	}
	for i := range c.revocations {
		add(func(w *world, a *Assembler) { w.revocations = i; a.SetRevocations(c.revocations[i]) }, "revocations %d", i)
	}
	return out
}

func (c *worlds) input(w *world) Input {
	in := Input{Terms: c.terms[w.terms], Ledger: c.ledgers[w.ledger], Bindings: c.bindings[w.bindings],
		Providers: c.providers[w.providers], Revocations: c.revocations[w.revocations],
		Groups: c.groups[w.groups]}
	for _, key := range slices.Sorted(maps.Keys(w.policies)) {
		in.Policies = append(in.Policies, c.policies[w.policies[key]])
	}
	return in
}

// want is what Build makes of a world.
func (c *worlds) want(w *world) string {
	key := fmt.Sprint(*w)
	if c.seen[key] == "" {
		if len(c.seen) > 20_000 {
			clear(c.seen)
		}
		c.seen[key] = c.told(Build(c.input(w)))
	}
	return c.seen[key]
}

// told is all that a table tells.
func (c *worlds) told(t *Table, issues []Issue) string {
	var b strings.Builder
	fmt.Fprintln(&b, t.Revision(), t.Len(), t.unrecorded, t.Reads().Groups)
	for i := range c.asked {
		r := &c.asked[i]
		d := t.Decide(*r)
		b.Write([]byte{'a' + byte(d.Verdict), 'a' + byte(d.Reason), ' '})
		b.WriteString(d.Source.Namespace + d.Source.Name + d.Source.Field)
		if r.Subject == nil && r.Ingress == "" {
			s, ok := t.SignIn(r.Target, "https://c.x")
			fmt.Fprintln(&b, ok, s.Policy, s.Audience, s.Reads, t.Audience(r.Target), t.noted(r.Target.host), t.NeedsEmail(r.Target), t.Claims(r.Target.host))
		}
	}
	for _, i := range issues {
		fmt.Fprintf(&b, "\n%s %s %s %s", i.Source, i.Reason, i.Code, i.Message)
	}
	return b.String()
}
