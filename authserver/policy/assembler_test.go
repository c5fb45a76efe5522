// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// The oracle: whatever edits an Assembler has seen, its table is the one that Build makes
// of the same input: the revision, every decision about a tiny alphabet of requests, what
// a sign-in takes, and what is wrong with each policy.

// A world is an input that can be edited. Each field but the policies is the number of
// one of the choices below.
type world struct {
	policies                                        map[string]int // by key
	terms, ledger, bindings, providers, revocations int
}

// worlds are what there is to choose from.
type worlds struct {
	policies    []*Compiled
	terms       []Terms
	ledgers     []*Ledger
	bindings    [][]Binding
	providers   []*Providers
	revocations [][]Revocation
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
		},
		ledgers: tinyLedgers(),
		bindings: [][]Binding{nil, {{"a/i", "a/p"}}, {{"a/i", "a/p"}, {"b/i", "b/p"}, {RouteKind + "a/i", "a/q"}},
			{{"a/i", "a/p"}, {"a/i", "a/q"}, {"b/i", "b/p"}, {"b/i", "b/p"}}, {{RouteKind + "a/i", "a/p"}, {"a/i", "a/q"}}},
		providers:   []*Providers{nil, NewProviders(), NewProviders(Provider{Name: "corp"}), NewProviders(Provider{Name: "corp", Listed: true, Users: []User{{"2", ""}}})},
		revocations: [][]Revocation{nil, {{User: "1", Before: now}}, {{User: "ann@x", Before: now.Add(-2 * time.Hour)}, {Provider: "corp", User: "1", Before: now}}},
	}
	for _, host := range []string{"a.x", "b.x", "c.x", "x", "d.a.x"} {
		for _, path := range []string{"/", "/a", "/a/b", "/.access/z"} {
			for _, by := range []string{"", "a/i", "b/i"} {
				r := Request{Target: mustTarget(t, "https://"+host+path), Method: "GET", Now: now, Ingress: by, Pin: EitherPin}
				w.asked = append(w.asked, r)
				r.Subject = &Subject{ID: "1", Email: "ann@x", Provider: "corp", Audience: []string{"a/p", "a/q", "b/p"},
					SignedInAt: now.Add(-time.Hour), IssuedAt: now.Add(-time.Hour), ExpiresAt: now.Add(time.Hour)}
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
		for i, hosts := range [][]string{{"a.x"}, {"*.x"}, {"b.x", "*.x"}, {"a.x", "x"}} {
			p := of(ns, n, (len(out)*7)%5, []Action{Bypass, Allow, Block}[i%3], hosts)
			switch len(out) % 4 {
			case 1:
				p.Paths = []Path{{Value: "/a"}, {Value: "/a/b", Exact: true}}
			case 3:
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

func tinyLedgers() []*Ledger {
	at := func(h int) time.Time { return birth.Add(time.Duration(h) * time.Hour) }
	var none time.Time
	claims := [][]Claim{
		{}, {{"a.x", "a", at(1), none}}, {{"a.x", "b", at(1), none}, {"*.x", "a", at(2), none}}, {{"*.x", "b", at(1), none}, {"a.x", "a", at(2), none}},
		{{"a.x", "b", none, none}, {"*.x", "a", none, none}}, {{"b.x", "b", at(1), at(5)}}, {{"*.x", "b", at(1), at(5)}, {"c.x", "a", at(3), none}},
		{{"*.x", "a", at(1), none}, {"a.x", "a", at(1), none}, {"b.x", "a", at(1), none}, {"c.x", "a", at(1), at(2)}, {"x", "b", at(1), none}},
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
	for i := range c.revocations {
		add(func(w *world, a *Assembler) { w.revocations = i; a.SetRevocations(c.revocations[i]) }, "revocations %d", i)
	}
	return out
}

func (c *worlds) input(w *world) Input {
	in := Input{Terms: c.terms[w.terms], Ledger: c.ledgers[w.ledger], Bindings: c.bindings[w.bindings], Providers: c.providers[w.providers], Revocations: c.revocations[w.revocations]}
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

// follow does some edits, and compares after each of them from one on, or after the last alone. It
// returns what is wrong, and after which edits.
func (c *worlds) follow(edits []edit, each bool, from int, table func(a *Assembler) *Table) string {
	var a Assembler
	w := &world{policies: map[string]int{}}
	var first *Table
	var firstTold string
	for i, e := range edits {
		e.do(w, &a)
		if !each && i+1 < len(edits) {
			continue
		}
		now := table(&a)
		if i < from {
			continue
		}
		got := c.told(now, a.Issues())
		if want := c.want(w); got != want {
			return fmt.Sprintf("%s:\n%s", editNames(edits[:i+1]), firstDifference(got, want))
		}
		if first == nil {
			first, firstTold = now, c.told(now, nil)
		}
	}
	if first != nil && c.told(first, nil) != firstTold {
		return editNames(edits) + ": a table changed that was published"
	}
	return ""
}

func editNames(edits []edit) string {
	out := make([]string, len(edits))
	for i := range edits {
		out[i] = edits[i].name
	}
	return strings.Join(out, "; ")
}

// firstDifference shows the first line that differs.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("the Assembler: %s\nBuild:         %s", g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, and Build has %d", len(g), len(w))
}

// starts are worlds from which short sequences of edits begin.
func (c *worlds) starts(all []edit) [][]edit {
	pick := func(names ...string) (out []edit) {
		for _, n := range names {
			i := slices.IndexFunc(all, func(e edit) bool { return strings.HasPrefix(e.name, n) })
			out = append(out, all[i])
		}
		return out
	}
	return [][]edit{
		nil,
		pick("set k0 a/p [a.x]", "set k1 b/p [*.x]"),
		pick("ledger 2", "set k0 a/p [*.x]", "set k1 b/p [a.x]", "set k2 a/q [b.x *.x]"),
		pick("ledger 5", "set k0 a/p [*.x]", "set k1 b/p [a.x", "terms 3"),
		pick("set k0 a/p [a.x]", "set k1 a/p [a.x]", "bindings 2", "ledger 6"),
	}
}

// TestAssemblerIsBuild: every short sequence of edits, from some worlds.
func TestAssemblerIsBuild(t *testing.T) {
	c := tinyWorlds(t)
	all := c.edits()
	n := 0
	for _, start := range c.starts(all) {
		for i, x := range all {
			for j, y := range all {
				if testing.Short() && (i+j)%11 > 0 {
					continue
				}
				n++
				if wrong := c.follow(append(slices.Clip(start), x, y), (i+j)%2 == 0, len(start)+1, (*Assembler).Table); wrong != "" {
					t.Fatal(wrong)
				}
			}
		}
	}
	t.Logf("%d edits, %d sequences", len(all), n)
}

// TestAssemblerWalks: long sequences, at random.
func TestAssemblerWalks(t *testing.T) {
	c := tinyWorlds(t)
	all, rng := c.edits(), rand.New(rand.NewPCG(4, 3))
	walks := 400
	if testing.Short() {
		walks = 60
	}
	for range walks {
		if wrong := c.follow(c.walk(all, rng, 60), rng.IntN(4) > 0, 0, (*Assembler).Table); wrong != "" {
			t.Fatal(wrong)
		}
	}
}

// walk favours policies: most edits are of them.
func (c *worlds) walk(all []edit, rng *rand.Rand, steps int) []edit {
	policies := len(c.keys) * (1 + len(c.policies))
	out := make([]edit, steps)
	for i := range out {
		if out[i] = all[rng.IntN(policies)]; rng.IntN(3) == 0 {
			out[i] = all[policies+rng.IntN(len(all)-policies)]
		}
	}
	return out
}

// mutants are tables of Assemblers that have a mistake. The oracle has to find each.
var mutants = map[string]func(a *Assembler) *Table{
	"a shard is not redone": func(a *Assembler) *Table {
		before := a.exact.now
		t := a.Table()
		if len(before.dir) == len(t.exact.dir) && len(before.dir) > 0 {
			t.exact.dir = slices.Clone(t.exact.dir)
			t.exact.dir[0] = before.dir[0]
		}
		return t
	},
	"a wildcard's children are forgotten": func(a *Assembler) *Table {
		if a.table != nil {
			return a.table
		}
		a.begin()
		n := len(a.dirty)
		a.redoWilds()
		for _, h := range a.dirty[n:] {
			h.dirty = false
		}
		a.dirty = a.dirty[:n]
		a.redoExact()
		a.warnOwners()
		a.table = a.publish()
		return a.table
	},
	"those that copy a wildcard are forgotten": func(a *Assembler) *Table {
		for _, h := range a.wilds {
			if h.more != nil {
				h.more.followers = nil
			}
		}
		return a.Table()
	},
	"wildcards are not redone": func(a *Assembler) *Table {
		for _, h := range a.dirtyWild {
			h.dirty = false
		}
		a.dirtyWild = nil
		return a.Table()
	},
	"owners are not told": func(a *Assembler) *Table {
		if a.table != nil {
			return a.table
		}
		a.begin()
		a.redoWilds()
		a.redoExact()
		for _, h := range a.warn {
			h.warned = false
		}
		a.warn = nil
		a.table = a.publish()
		return a.table
	},
	"a sum is not taken back": func(a *Assembler) *Table {
		for h := range a.told {
			h.more.outcome = nil
		}
		return a.Table()
	},
	"what is recorded is not compared": func(a *Assembler) *Table {
		for _, h := range a.dirty {
			if !h.recorded {
				continue
			}
			h.dirty, a.dirty = false, slices.DeleteFunc(slices.Clone(a.dirty), func(o *hostState) bool { return o == h })
			break
		}
		return a.Table()
	},
}

// TestAssemblerOracleFinds: mistakes that could be made.
func TestAssemblerOracleFinds(t *testing.T) {
	for name, table := range mutants {
		c := tinyWorlds(t)
		all, rng := c.edits(), rand.New(rand.NewPCG(9, 9))
		wrong := ""
		for n := 0; n < 300 && wrong == ""; n++ {
			wrong = c.follow(c.walk(all, rng, 30), true, 0, table)
		}
		if wrong == "" {
			t.Errorf("%s: nothing is found", name)
		}
		t.Logf("%s: after %d edits", name, strings.Count(wrong, ";")+1)
	}
}

// An Assembler that lost everything remembers nothing.
func TestAssemblerForgets(t *testing.T) {
	c := tinyWorlds(t)
	all, rng := c.edits(), rand.New(rand.NewPCG(7, 1))
	for range 50 {
		var a Assembler
		w := &world{policies: map[string]int{}}
		for _, e := range c.walk(all, rng, 40) {
			e.do(w, &a)
			if rng.IntN(2) == 0 {
				a.Table()
			}
		}
		for _, key := range c.keys {
			a.Delete(key)
		}
		a.SetTerms(Terms{})
		a.SetLedger(nil)
		a.SetBindings(nil)
		a.SetRevocations(nil)
		a.SetProviders(nil)
		table := a.Table()
		if n := len(a.entries) + len(a.names) + len(a.hosts) + len(a.wilds) + len(a.told) + len(a.faulty) + len(a.fresh) + len(a.takers) + len(a.bindings) + a.policies + a.tree.size +
			table.exact.size + table.wild.size + table.bindings.size + table.byRoute.size + len(a.Issues()); n != 0 {
			t.Fatalf("%d things are left: hosts %v wilds %v, tree %d", n, a.hosts, a.wilds, a.tree.size)
		}
		if empty, _ := Build(Input{}); table.Revision() != empty.Revision() {
			t.Fatal("another revision than that of nothing")
		}
	}
}

// What says nothing new makes no new table.
func TestAssemblerSameTable(t *testing.T) {
	c := tinyWorlds(t)
	var a Assembler
	set := func() {
		for i, p := range tinyEdits() {
			a.Set(fmt.Sprint(i), p)
		}
		a.SetTerms(c.terms[4])
		a.SetLedger(c.ledgers[4])
		a.SetBindings(slices.Clone(c.bindings[3]))
		a.SetProviders(NewProviders(Provider{Name: "corp"}))
		a.SetRevocations(slices.Clone(c.revocations[2]))
		a.Delete("nothing")
	}
	set()
	before := a.Table()
	set()
	if a.Table() != before {
		t.Error("the same input, and another table")
	}
}

// FuzzAssembler takes each byte for an edit.
func FuzzAssembler(f *testing.F) {
	c := tinyWorlds(f)
	all := c.edits()
	f.Add([]byte{1, 2, 3, 70, 80, 90, 0}, true)
	f.Add([]byte{10, 30, 50, 99, 8, 20, 100, 101, 102}, false)
	f.Fuzz(func(t *testing.T, data []byte, each bool) {
		var edits []edit
		for _, b := range data[:min(len(data), 64)] {
			edits = append(edits, all[int(b)%len(all)])
		}
		if wrong := c.follow(edits, each, 0, (*Assembler).Table); wrong != "" {
			t.Fatal(wrong)
		}
	})
}
