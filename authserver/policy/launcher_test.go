// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func init() {
	maps.Copy(enforced, map[string]func(*Policy){
		"Launcher.Hidden":  func(p *Policy) { p.Launcher.Hidden = true },
		"Launcher.Title":   func(p *Policy) { p.Launcher.Title = "t" },
		"Launcher.LogoURL": func(p *Policy) { p.Launcher.LogoURL = "https://logo.x" },
		"Launcher.Tags":    func(p *Policy) { p.Launcher.Tags = []string{"a"} },
	})
}

// TestApplications: one address a policy, of a claim in force, and none that its owner hides.
func TestApplications(t *testing.T) {
	broken := Policy{Source: Source{Namespace: "n", Name: "a"}, Hosts: []string{"a.x"}, Defects: []Issue{{Reason: Invalid, Message: "m"}}}
	app := func(name string, hosts ...string) Policy { return of("n", name, 1, Allow, hosts) }
	at := func(p Policy, paths ...Path) Policy { p.Paths = paths; return p }
	later := func(p Policy) Policy { p.Since = birth.Add(2 * time.Hour); return p }
	other := func(p Policy) Policy { p.Source.Namespace = "m"; return p }
	for name, tc := range map[string]struct {
		policies []Policy
		want     []string
	}{
		"one host":          {[]Policy{app("a", "a.x")}, []string{"n/a https://a.x/"}},
		"the first named":   {[]Policy{app("a", "z.x", "a.x", "b.x")}, []string{"n/a https://z.x/"}},
		"the first exact":   {[]Policy{app("a", "*.p.x", "z.x", "a.x")}, []string{"n/a https://z.x/"}},
		"patterns alone":    {[]Policy{app("a", "*.p.x", "**.q.x")}, nil},
		"the shortest path": {[]Policy{at(app("a", "a.x"), prefixes("/long/er", "/b", "/a")...)}, []string{"n/a https://a.x/a"}},
		"a prefix rather":   {[]Policy{at(app("a", "a.x"), Path{"/", true}, Path{"/app", false})}, []string{"n/a https://a.x/app"}},
		"an exact path":     {[]Policy{at(app("a", "a.x"), Path{"/start", true})}, []string{"n/a https://a.x/start"}},
		"parts of a host": {
			[]Policy{app("a", "a.x"), at(app("b", "a.x"), prefixes("/b")...)},
			[]string{"n/a https://a.x/", "n/b https://a.x/b"},
		},
		"a claim that lost": {[]Policy{app("a", "a.x"), later(app("b", "a.x"))}, []string{"n/a https://a.x/"}},
		"one of two lost":   {[]Policy{app("a", "a.x"), later(app("b", "a.x", "b.x"))}, []string{"n/a https://a.x/", "n/b https://b.x/"}},
		"another's host":    {[]Policy{app("a", "a.x"), other(later(at(app("b", "a.x"), prefixes("/b")...)))}, []string{"n/a https://a.x/"}},
		"hidden":            {[]Policy{hidden(app("a", "a.x")), app("b", "b.x")}, []string{"n/b https://b.x/"}},
		"a mistake": {
			[]Policy{broken},
			nil,
		},
		"one above it": {
			[]Policy{at(app("a", "a.x"), Path{"/a", true}), at(app("b", "a.x"), prefixes("/a", "/abc")...)},
			[]string{"n/a https://a.x/a", "n/b https://a.x/abc"},
		},
		"sorted by the host": {
			[]Policy{app("a", "c.x"), app("b", "a.x"), app("c", "b.x")},
			[]string{"n/b https://a.x/", "n/c https://b.x/", "n/a https://c.x/"},
		},
	} {
		table, _ := build(tc.policies)
		var got []string
		for _, a := range table.Applications() {
			got = append(got, a.Policy.String()+" https://"+a.Target.Host()+cookiePath(a.Target.Path()))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if (*Table)(nil).Applications() != nil {
		t.Error("no table has applications")
	}
}

func hidden(p Policy) Policy {
	p.Launcher.Hidden = true
	return p
}

// TestApplicationsAreThePolicysOwn: what the list names decides there.
func TestApplicationsAreThePolicysOwn(t *testing.T) {
	hosts := []string{"a.x", "b.x", "*.x", "c.b.x", "**.x"}
	paths := [][]Path{nil, prefixes("/a"), prefixes("/a/b", "/c"), {{"/a", true}}}
	n := 0
	for i := range 4096 { // three policies, each with two hosts and some paths
		var all []Policy
		for j, k := 0, i; j < 3; j, k = j+1, k/16 {
			all = append(all, of("n", string(rune('a'+j)), j, Allow, []string{hosts[k%4], hosts[(k+i)%5]}, paths[k/4%4]...))
		}
		table, _ := build(all)
		for _, a := range table.Applications() {
			n++
			if g, ok := table.Guarding(a.Target); !ok || g.Policy.String() != a.Policy.String() || strings.HasPrefix(a.Target.Host(), "*") {
				t.Fatalf("%d: %s is led to %s%s, where %s decides", i, a.Policy, a.Target.Host(), a.Target.Path(), g.Policy)
			}
		}
	}
	if n < 4096 {
		t.Errorf("%d applications: too few", n)
	}
}

// TestLauncherIsCompiledOnce: what its owner does to a policy afterwards changes no table.
func TestLauncherIsCompiledOnce(t *testing.T) {
	p := of("n", "a", 1, Allow, []string{"a.x"})
	p.Launcher.Tags = []string{"docs"}
	table, _ := build([]Policy{p})
	p.Launcher.Tags[0] = "changed"
	if got := table.Applications()[0].Launcher.Tags; !slices.Equal(got, []string{"docs"}) {
		t.Error(got)
	}
}

// TestCutOfNoText: bytes that are no characters are cut where they have to be, and no earlier.
func TestCutOfNoText(t *testing.T) {
	for in, want := range map[string]string{"a\x80\x80\x80\x80\x80": "a\x80\x80\x80", "aé€x": "aé", "abcd": "abcd", "abcde": "abcd"} {
		if got := Cut(in, 4); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
