// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

var update = flag.Bool("update", false, "write what is explained into testdata")

// A telling is a request that is explained.
type telling struct {
	table  *Table
	change func(r *Request) // a GET of https://a.x/ by nobody
}

// explained is a decision and its explanation as text: all of it.
func explained(d Decision, tr Trace) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
	}
	line("%s %s by %s", d.Verdict, d.Reason, cmp.Or(d.Source.String(), "nobody"))
	if d.Failed != "" {
		line("failed %s", d.Failed)
	}
	var findings func(indent string, list []Finding)
	findings = func(indent string, list []Finding) {
		for _, f := range list {
			counts := ""
			if f.Counts != "" {
				counts = ", counts as " + f.Counts
			}
			line("%s%s, %s: %s%s. %s", indent, f.Field, f.Selector, f.Matches, counts, f.Detail)
			findings(indent+"  ", f.Within)
		}
	}
	for _, s := range tr.Steps {
		line("- %s [%s] %s: %s", s.What, s.Source, s.Outcome, s.Detail)
		findings("    ", s.Findings)
		if s.Fix != nil {
			line("    to %s add %s", s.Fix.Field, s.Fix.Line)
		}
	}
	return b.String()
}

// TestExplanations: the whole of what Explain says, in all kinds of situations, stands in
// testdata/explain.txt. go test -run TestExplanations -update ./authserver/policy writes it.
func TestExplanations(t *testing.T) {
	all := map[string]telling{}
	for kind, list := range map[string]map[string]telling{
		"target": tellTargets(t), "preflight": tellPreflights(t), "session": tellSessions(t), "token": tellTokens(t), "rule": tellRules(t),
		"person": tellPeople(t), "place": tellPlaces(t), "machine": tellMachines(t), "group": tellGroups(),
	} {
		for name, c := range list {
			all[kind+": "+name] = c
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now}
		if all[name].change != nil {
			all[name].change(&r)
		}
		d, tr := all[name].table.Explain(r)
		if plain := all[name].table.Decide(r); plain != d {
			t.Errorf("%s: %s, and explained is %s", name, brief(plain), brief(d))
		}
		if !strings.HasPrefix(name, "target: ") {
			tr.Steps = slices.DeleteFunc(tr.Steps, func(s Step) bool { return s.What == "target" || s.What == "policy" })
		}
		fmt.Fprintf(&b, "# %s\n%s\n", name, explained(d, tr))
	}
	const file = "testdata/explain.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, want := strings.Split(b.String(), "\n\n"), strings.Split(string(text), "\n\n")
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("nothing is\n%s", want[i])
		case i >= len(want) || got[i] != want[i]:
			t.Fatalf("%s is explained in other words:\n%s", file, got[i])
		}
	}
}

// TestWordsOfSelectors: a selector that lacks what it asks for is told by its name alone.
func TestWordsOfSelectors(t *testing.T) {
	for p := range Property(len(properties)) {
		s := Selector{Property: p}
		want := p.String() + map[Property]string{Address: " none", Country: " none", ClientCertificate: " of anybody"}[p]
		if s.words() != want {
			t.Errorf("%s: %q", p, s.words())
		}
	}
}

// TestExplanationsKeepNothing: what is shown stays as it was, whatever becomes of the request
// that it is a part of.
func TestExplanationsKeepNothing(t *testing.T) {
	table := mustBuild(t, one(Rule{Action: Block, Methods: []string{"GET"}, Include: everyone()},
		Rule{Action: Allow, Include: emails("bob@y")}))
	buf := []byte("ann@x https://o.x CONNECT")
	view := func(from, to int) string { return unsafe.String(&buf[from], to-from) }
	s := session("n/p")
	s.Email = view(0, 5)
	d, tr := table.Explain(Request{Target: mustTarget(t, "https://a.x/"), Method: view(18, 25), Origin: view(6, 17), Subject: s, Now: now})
	before := explained(d, tr)
	for _, part := range strings.Fields(string(buf)) {
		if !strings.Contains(before, part) {
			t.Errorf("%s is not in\n%s", part, before)
		}
	}
	for i := range buf {
		buf[i] = 'x'
	}
	if after := explained(d, tr); after != before {
		t.Errorf("%s\nwas\n%s", after, before)
	}
}
