// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// wordsOf words guards: "Prefix /a n/p".
func wordsOf(guards []Guard) (out []string) {
	for _, g := range guards {
		words := g.Path.kind() + " " + g.Path.Value + " " + g.Policy.String()
		if g.Defective {
			words += " defective"
		}
		out = append(out, words)
	}
	return out
}

// surveyed has hosts of all kinds, one that is disputed, and one of a policy with mistakes.
func surveyed() *Table {
	broken := of("n", "broken", 0, Allow, []string{"**.y.x"}, prefixes("/b")...)
	broken.Rules = []Rule{{}}
	dry := of("n", "dry", 0, Allow, []string{"d.w.x"})
	dry.DryRun = DryRunOpen
	table, _ := build([]Policy{
		of("n", "p", 0, Allow, []string{"z.x", "b.x", "*.w.x"}), of("n", "q", 1, Allow, []string{"z.x"}, Path{Value: "/q", Exact: true}),
		of("n", "deep", 2, Allow, []string{"**.x", "*.y.x"}, prefixes("/deep")...), broken, dry, of("o", "other", 3, Allow, []string{"b.x"}),
	})
	return table
}

// TestHostsOfATable: all hosts of which a table has something to say, each once, sorted as text.
func TestHostsOfATable(t *testing.T) {
	want := []string{"**.x", "**.y.x", "*.w.x", "*.y.x", "b.x", "d.w.x", "z.x"}
	if got := surveyed().Hosts(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var none *Table
	if got := none.Hosts(); got != nil {
		t.Errorf("of no table: %q", got)
	}
}

// TestGuards: what decides on a host, and on the patterns above it, and who claims it in vain.
func TestGuards(t *testing.T) {
	table := surveyed()
	for host, want := range map[string]struct {
		guards, above string
		contended     bool
		disputed      string
	}{
		"z.x":     {"Exact /q n/q, Prefix / n/p", "Prefix /deep n/deep", false, ""},
		"b.x":     {"Prefix / n/p", "Prefix /deep n/deep", true, "b.x belongs to namespace n, and another namespace claims it, too (o/other)"},
		"d.w.x":   {"Prefix / n/dry", "Prefix / n/p, Prefix /deep n/deep", false, ""},
		"e.w.x":   {"Prefix / n/p", "Prefix / n/p, Prefix /deep n/deep", false, ""},
		"a.y.x":   {"Prefix /deep n/deep", "Prefix /deep n/deep, Prefix /b n/broken defective, Prefix /deep n/deep", false, ""},
		"a.b.y.x": {"Prefix /b n/broken defective", "Prefix /b n/broken defective, Prefix /deep n/deep", false, ""},
		"a.z":     {"", "", false, ""},
	} {
		guards, contended := table.Guards(host)
		if got := strings.Join(wordsOf(guards), ", "); got != want.guards || contended != want.contended {
			t.Errorf("%s: %s, contended %v, want %+v", host, got, contended, want)
		}
		if got := strings.Join(wordsOf(table.GuardsAbove(host)), ", "); got != want.above {
			t.Errorf("above %s: %s, want %s", host, got, want.above)
		}
		if got := table.Disputed(host); (got == "") != (want.disputed == "") || !strings.HasPrefix(got, want.disputed) {
			t.Errorf("%s is disputed: %q, want %q", host, got, want.disputed)
		}
	}
	var none *Table
	if guards, contended := none.Guards("z.x"); guards != nil || contended || none.GuardsAbove("z.x") != nil || none.Disputed("z.x") != "" {
		t.Error("no table, and yet something decides")
	}
}

// TestGuardsAreSorted: Exact comes first, then what is longer, then goes the text, be there
// few or many, and in whichever order they are claimed.
func TestGuardsAreSorted(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 2, few, few + 1, 60} {
		paths := []Path{{Value: "/"}}
		for i := 1; i < n; i++ {
			paths = append(paths, Path{Value: "/" + strings.Repeat("p", i%5) + fmt.Sprint(i), Exact: i%3 == 0})
		}
		want := slices.Clone(paths)
		slices.SortFunc(want, func(x, y Path) int {
			key := func(p Path) string { return fmt.Sprint(!p.Exact, 100-len(p.Value), p.Value) } // false comes before true
			return cmp.Compare(key(x), key(y))
		})
		for range 5 {
			rng.Shuffle(n, func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
			var got []Path
			guards, _ := mustBuild(t, of("n", "p", 0, Allow, []string{"a.x"}, paths...)).Guards("a.x")
			for _, g := range guards {
				got = append(got, g.Path)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%d: %v, want %v", n, got, want)
			}
		}
	}
}

// TestGuarding: which policy guards a target, and in whose dry run it falls.
func TestGuarding(t *testing.T) {
	table := surveyed()
	policy := func(name string) Source { return Source{Namespace: "n", Name: name} }
	for url, want := range map[string]Guarding{
		"https://z.x/": {Policy: policy("p")}, "https://z.x/q": {Policy: policy("q")}, "https://z.x/q/r": {Policy: policy("p")},
		"https://d.w.x/": {Policy: policy("p"), DryRun: policy("dry")}, "https://a.a.y.x/b": {Policy: policy("broken"), Defective: true},
		"https://a.a.y.x/": {}, "https://z.y/": {},
	} {
		if got, ok := table.Guarding(mustTarget(t, url)); got != want || ok != (want != Guarding{}) {
			t.Errorf("%s: %+v %v, want %+v", url, got, ok, want)
		}
	}
	var none *Table
	if got, ok := none.Guarding(mustTarget(t, "https://z.x/")); ok || got != (Guarding{}) {
		t.Errorf("of no table: %+v", got)
	}
}

// TestProvidersAndOthers: others are added to a copy, which has a revision of its own; anybody
// may come from them, and who came before still may.
func TestProvidersAndOthers(t *testing.T) {
	p := NewProviders(Provider{Name: "people", Listed: true, Users: []User{{"ann", "a@x"}}})
	more := p.And("cards", "apes")
	if got, want := more.Names(), []string{"apes", "cards", "people"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for who, want := range map[string][2]bool{"ann@people": {true, true}, "eve@people": {}, "eve@cards": {false, true},
		"eve@apes": {false, true}, "eve@gone": {}} {
		if s := provided(who); p.vouch(s) != want[0] || more.vouch(s) != want[1] {
			t.Errorf("%s: %v, and with others %v", who, p.vouch(s), more.vouch(s))
		}
	}
	all := []*Providers{p, more, p.And("cards"), p.And("apes"), NewProviders().And("cards"), NewProviders()}
	for i, x := range all {
		for j, y := range all {
			if (x.sum() == y.sum()) != (i == j) {
				t.Errorf("the sums of %q and %q", x.Names(), y.Names())
			}
		}
	}
	if again := p.And("cards", "apes"); p.And() != p || !reflect.DeepEqual(again, more) || !slices.Equal(p.Names(), []string{"people"}) {
		t.Error("what others are added to is not what it was")
	}
	var unknown *Providers
	if unknown.And("cards") != nil || unknown.And() != nil || unknown.Names() != nil {
		t.Error("of providers that are not known, some are")
	}
}

// TestLive: what was published last is in force, and before that nothing.
func TestLive(t *testing.T) {
	var live Live
	if live.Table() != nil {
		t.Error("there is a table before one was published")
	}
	for _, table := range []*Table{mustBuild(t, one(does(Allow)...)), mustBuild(t), nil} {
		if live.Publish(table); live.Table() != table {
			t.Errorf("another table is in force than the one with %d policies", table.Len())
		}
	}
}

// TestNearestGroup: of names that are equally like, the first; and none that is too unlike.
func TestNearestGroup(t *testing.T) {
	var none *groupSet
	if got := none.nearest("staff"); got != "" {
		t.Errorf("of no groups, %q", got)
	}
	list := []Group{groupOf("staffb", everyone(), nil, nil), groupOf("staffa", everyone(), nil, nil), groupOf("ops", everyone(), nil, nil)}
	set := newGroups(CompileGroups(list))
	for name, want := range map[string]string{
		"staff": "staffa", "staffc": "staffa", "staffb": "staffb", "stuffx": "staffa", "stu": "", "op": "", "opt": "ops", "xyz": "",
	} {
		if got := set.nearest(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
