// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
)

// TestLinkPlaces: the session of a linked application is asked for where a rule looks at
// one, or a group that it names, and nowhere else; elsewhere it is nothing.
func TestLinkPlaces(t *testing.T) {
	set := []Group{{Source: Source{Name: "apps"}, Include: linkedTo("n/desk")}, {Source: Source{Name: "all"}, Include: everyone()}}
	link := func(selectors []Selector) Rule { return Rule{Action: ServiceAuth, Include: selectors} }
	for name, tc := range map[string]struct {
		rules []Rule
		looks bool
	}{
		"no rules":                {nil, false},
		"people":                  {does(Allow), false},
		"a link":                  {[]Rule{link(linkedTo("desk"))}, true},
		"a group of links":        {[]Rule{link(named("apps"))}, true},
		"a group without":         {[]Rule{{Action: Allow, Include: named("all")}}, false},
		"a group that is gone":    {[]Rule{{Action: Allow, Include: named("gone")}}, false},
		"a link that is kept out": {[]Rule{{Action: ServiceAuth, Include: everyone(), Exclude: linkedTo("desk")}}, true},
	} {
		table, _ := withGroups(set, append(linkables(), one(tc.rules...))...)
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: session("n/p"), Now: now}
		before := table.Decide(r)
		if table.At(&r).LooksAtLinks() != tc.looks {
			t.Errorf("%s: looks at links: %t", name, !tc.looks)
		}
		r.PresentLinked(nil, TokenInvalid)
		if d := table.Decide(r); (d != before) != tc.looks || tc.looks && brief(d) != "challenge token-invalid p" {
			t.Errorf("%s: %s, and without a link %s", name, brief(d), brief(before))
		}
		r.PresentLinked(linkedAt("desk.y", nil, "n/desk"), NoReason)
		if d := table.Decide(r); !tc.looks && d != before {
			t.Errorf("%s: %s, and without a link %s", name, brief(d), brief(before))
		}
	}
	r := Request{Target: mustTarget(t, "https://nowhere.x/"), Now: now}
	if table, _ := withGroups(set, one(link(linkedTo("desk")))); table.At(&r).LooksAtLinks() || (*Table)(nil).At(&r).LooksAtLinks() {
		t.Error("nobody's host looks at links")
	}
}

// TestAssumedLinks: whoever is assumed to be admitted by an application is admitted where
// that may be linked to, and nowhere else.
func TestAssumedLinks(t *testing.T) {
	far := []string{"m/open", "m/shut", "n/broken", "n/gone", "n/p", "n/void", "n/desk", "n/late"}
	for _, name := range far {
		table, _ := build(append(linkables(), one(Rule{Action: ServiceAuth, Include: linkedTo(name)})))
		want := name != "m/shut" && name != "n/broken" && name != "n/gone"
		if got := table.AcceptsLinks("n", name); got != want {
			t.Errorf("%s: %t", name, got)
		}
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now, Linked: AssumeLinked(name)}
		if d := table.Decide(r); (d.Verdict == Admit) != (want && name != "n/p") {
			t.Errorf("%s: %s", name, brief(d))
		}
	}
	if (*Table)(nil).AcceptsLinks("n", "n/desk") || mustBuild(t, linkables()[0]).AcceptsLinks("n", "n/desk") {
		t.Error("of what nobody links to, nothing is known")
	}
	// By a group, and of more applications than a session has.
	var names []string
	for i := range maxAudience {
		names = append(names, fmt.Sprint("n/other", i))
	}
	set := []Group{{Source: Source{Name: "apps"}, Include: linkedTo("m/open", "n/desk")}}
	table, _ := withGroups(set, append(linkables(), one(Rule{Action: ServiceAuth, Include: named("apps")}))...)
	r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now, Linked: AssumeLinked("m/open")}
	if d := table.Decide(r); d.Verdict != Admit || d.Machine.Name != "linked:m/open:somebody" {
		t.Errorf("by a group: %s", brief(d))
	}
	for at, want := range map[int]bool{maxAudience - 1: true, maxAudience: false} {
		r.Linked = AssumeLinked(append(append([]string{}, names[:at]...), "n/desk")...)
		if d := table.Decide(r); (d.Verdict == Admit) != want {
			t.Errorf("after %d others: %s", at, brief(d))
		}
	}
}

// TestLinkTraces: explain says of each application what comes of it.
func TestLinkTraces(t *testing.T) {
	rule := Rule{Action: ServiceAuth, Include: linkedTo("desk", "m/shut", "p", "gone", "mine")}
	table, _ := build(append(linkables(), one(rule)))
	for name, tc := range map[string]struct {
		r    Request
		want []string
		not  string
	}{
		"none":     {Request{}, []string{"none", "no session of a linked application"}, ""},
		"refused":  {Request{LinkedRefused: TokenInvalid}, []string{"token-invalid", "none that is good"}, ""},
		"good":     {Request{Linked: linkedAt("desk.y", nil, "n/desk", "n/unasked")}, []string{"matched", "admits ann@x"}, "unasked"},
		"itself":   {Request{Linked: linkedAt("a.x", nil, "n/p")}, []string{"not matched", "links to itself"}, ""},
		"no claim": {Request{Linked: linkedAt("other.y", nil, "n/desk")}, []string{"no-policy", "no claim on other.y"}, ""},
		"no part":  {Request{Linked: linkedAt("shut.y", nil, "m/shut")}, []string{"wrong-audience", "policyNamespaces"}, ""},
		"elsewhere": {Request{Linked: linkedAt("near.y", nil, "n/near")},
			[]string{"wrong-audience", "the session is for n/near, and no rule links to that"}, ""},
		"another person": {Request{Linked: linkedAt("mine.y", func(s *Subject) { s.Email = "bob@y" }, "n/mine")},
			[]string{"no-rule-matched", "admits bob@y by no Allow rule"}, ""},
	} {
		tc.r.Target, tc.r.Method, tc.r.Now = mustTarget(t, "https://a.x/"), "GET", now
		_, trace := table.Explain(tc.r)
		said := ""
		for _, s := range trace.Steps {
			if s.What == "linkedApp" {
				said += s.Outcome + ": " + s.Detail + "\n"
			}
		}
		for _, want := range tc.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q lacks %q", name, said, want)
			}
		}
		if strings.Count(said, "\n") != 1 || tc.not != "" && strings.Contains(said, tc.not) {
			t.Errorf("%s: %q", name, said)
		}
	}
}

// TestTargetOf: a place that a policy guards, whatever else has claims there.
func TestTargetOf(t *testing.T) {
	at := func(name, host string, paths ...string) Policy {
		return of("n", name, 1, Allow, []string{host}, prefixes(paths...)...)
	}
	broken := at("broken", "e.x")
	broken.Rules = []Rule{{}}
	exact := at("exact", "b.x")
	exact.Paths = []Path{{Value: "/où", Exact: true}}
	dry := at("dry", "f.x")
	dry.DryRun = DryRunOpen
	table, _ := build([]Policy{dry, at("above", "*.x"), at("root", "a.x"), at("part", "a.x", "/part"), at("wild", "*.c.x"), at("deep", "**.d.x"), exact, broken,
		of("n", "late", 2, Allow, []string{"a.x"})})
	for name, want := range map[string]string{"n/root": "a.x/", "n/part": "a.x/part", "n/wild": "any.c.x/", "n/deep": "any.d.x/", "n/exact": "b.x/où",
		"n/broken": "", "n/late": "", "n/dry": "", "n/above": "any.x/",
		"n/gone": "", "root": ""} {
		target, ok := table.TargetOf(name)
		if got := target.Host() + target.Path(); got != want || ok != (want != "") {
			t.Errorf("%s: %q %t, want %q", name, got, ok, want)
		}
	}
	if _, ok := (*Table)(nil).TargetOf("n/root"); ok {
		t.Error("no table guards nothing")
	}
}

// TestLinksOfGroups: a group is of no namespace, so it has to name that of an application;
// and rules for people say that a group of applications is not for them.
func TestLinksOfGroups(t *testing.T) {
	for name, want := range map[string]Code{"desk": codeLinkedApp, "n/desk": "", "n/a/b": codeLinkedApp} {
		got := Code("")
		for _, i := range ValidateGroup(&Group{Source: Source{Name: "apps"}, Include: linkedTo(name)}) {
			got = i.Code
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	set := []Group{{Source: Source{Name: "apps"}, Include: linkedTo("n/desk")}}
	for action, want := range map[Action]Code{Allow: codeGroupMachine, Block: codeGroupMachine, Bypass: codeGroupMachine, ServiceAuth: ""} {
		_, issues := withGroups(set, linkables()[0], one(Rule{Action: action, Include: named("apps")}))
		got := Code("")
		for _, i := range issues {
			got = i.Code
		}
		if got != want {
			t.Errorf("%s: %q, want %q", action, got, want)
		}
	}
}
