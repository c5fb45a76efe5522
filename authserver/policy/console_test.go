// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// operators is a policy that says who the operators are.
func operators(namespace string, edit func(*Policy)) Policy {
	p := of(namespace, "operators", 0, Allow, []string{"auth.x"}, Path{Value: "/.access/console"})
	p.Rules = []Rule{{Action: Allow, Include: []Selector{{Property: Email, Value: "ops@x.org"}}}}
	if edit != nil {
		edit(&p)
	}
	return p
}

// asOperator decides about somebody who is signed in at the team host.
func asOperator(t *testing.T, table *Table, path, email string) Decision {
	t.Helper()
	target := mustTarget(t, "https://auth.x"+path)
	s := session(table.Audience(target))
	s.ID, s.Email = email, email
	return table.Decide(Request{Target: target, Method: "GET", Subject: s, Now: now})
}

// TestConsole: the one part of the team host that a policy can claim is the console, with
// rules for people and nothing else, and only where the platform says who may.
func TestConsole(t *testing.T) {
	ours := Terms{TeamHost: "auth.x", PathPrefix: "/.access", Console: []string{"own"}}
	with := func(edit func(*Terms)) Terms {
		t := ours
		edit(&t)
		return t
	}
	granted := func(hosts ...string) Terms {
		return with(func(t *Terms) {
			for _, h := range hosts {
				t.Grants = append(t.Grants, Grant{h, "shop"})
			}
		})
	}
	reserved := func(host string) Terms { return with(func(t *Terms) { t.Reservations = []Grant{{host, "shop"}} }) }
	for name, tc := range map[string]struct {
		policy Policy
		terms  Terms
		says   string // in the issue; empty: it is in force
	}{
		"the installation's own": {operators("own", nil), ours, ""},
		"another namespace's":    {operators("shop", nil), ours, "namespace shop may not"},
		"any, of files":          {operators("shop", nil), with(func(t *Terms) { t.AnyConsole = true }), ""},
		"granted by name":        {operators("shop", nil), granted("auth.x"), ""},
		"reserved by name":       {operators("shop", nil), reserved("auth.x"), ""},
		"a grant of a pattern":   {operators("shop", nil), granted("*.x", "**.x"), "namespace shop may not"},
		"a reserved zone":        {operators("shop", nil), reserved("*.x"), "namespace shop may not"},
		"a part of it":           {operators("own", func(p *Policy) { p.Paths = []Path{{Value: "/.access/console/test"}} }), ours, ""},
		"exactly it":             {operators("own", func(p *Policy) { p.Paths = []Path{{Value: "/.access/console", Exact: true}} }), ours, ""},
		"the whole host":         {operators("own", func(p *Policy) { p.Paths = nil }), ours, "spec.paths"},
		"the sign-in":            {operators("own", func(p *Policy) { p.Paths = []Path{{Value: "/.access/login"}} }), ours, "spec.paths"},
		"what begins like it":    {operators("own", func(p *Policy) { p.Paths = []Path{{Value: "/.access/consoles"}} }), ours, "spec.paths"},
		"more than it":           {operators("own", func(p *Policy) { p.Paths = append(p.Paths, Path{Value: "/"}) }), ours, "spec.paths"},
		"another host beside":    {operators("own", func(p *Policy) { p.Hosts = append(p.Hosts, "a.x") }), ours, "other hosts"},
		"everybody, unseen":      {operators("own", func(p *Policy) { p.Rules = does(Bypass) }), ours, "Allow and Block rules only"},
		"machines":               {operators("own", func(p *Policy) { p.Rules = does(ServiceAuth) }), ours, "Allow and Block rules only"},
		"cors": {operators("own", func(p *Policy) {
			p.CORS = &CORS{AllowedOrigins: []string{"https://o.x"}, AllowedMethods: []string{"GET"}}
		}), ours, "rules only"},
		"a dry run":               {operators("own", func(p *Policy) { p.DryRun = DryRunOpen }), ours, "rules only"},
		"other sites":             {operators("own", func(p *Policy) { p.AllowCrossSite = true }), ours, "rules only"},
		"encoded slashes":         {operators("own", func(p *Policy) { p.AllowEncodedSlashes = true }), ours, "rules only"},
		"no prefix of our own":    {operators("own", nil), with(func(t *Terms) { t.PathPrefix = "" }), "spec.paths"},
		"a mistake, so it denies": {operators("own", func(p *Policy) { p.Rules[0].Include = nil }), ours, "at least one selector"},
		"elsewhere, our own path": {operators("own", func(p *Policy) { p.Hosts = []string{"a.x"} }), ours, "Ostiary's own path"},
		"the team host unknown":   {operators("own", nil), with(func(t *Terms) { t.TeamHost = "" }), "belongs to namespace shop"},
	} {
		t.Run(name, func(t *testing.T) {
			table, issues := Build(Input{Policies: CompileAll([]Policy{tc.policy, of("own", "wild", 0, Bypass, []string{"*.x"})}), Terms: tc.terms,
				Ledger: NewLedger([]Claim{recorded("auth.x", "shop", 1), recorded("*.x", "own", 1)}, time.Hour)})
			said := slices.ContainsFunc(issues, func(i Issue) bool { return tc.says != "" && strings.Contains(i.Message, tc.says) })
			if (len(issues) > 0 || tc.says != "") && !said {
				t.Errorf("issues %v, want %q", issues, tc.says)
			}
			at := "/.access/console"
			if p := tc.policy.Paths; len(p) == 1 {
				at = p[0].Value
			}
			if tc.terms.TeamHost != "" {
				wantOperator(t, table, at, tc.says == "")
			}
			recorded := slices.ContainsFunc(table.Unrecorded(), func(c Claim) bool { return c.Host == "auth.x" })
			if recorded && tc.terms.TeamHost != "" {
				t.Error("the team host is to be written down as somebody's")
			}
		})
	}
}

func wantOperator(t *testing.T, table *Table, at string, is bool) {
	t.Helper()
	if d := asOperator(t, table, at, "ops@x.org"); (d.Verdict == Admit) != is {
		t.Errorf("the operator: %s", brief(d))
	}
	if d := asOperator(t, table, at, "ann@x.org"); d.Verdict == Admit {
		t.Errorf("somebody else: %s", brief(d))
	}
	for _, path := range []string{"/", "/.access/login", "/.access/consoles", "/.access"} {
		if d := asOperator(t, table, path, "ops@x.org"); d.Verdict != Deny || d.Reason != NoPolicy {
			t.Errorf("%s, which no policy can claim: %s", path, brief(d))
		}
	}
}

// Both namespaces that may are in force, whoever was first.
func TestConsoleIsNobodysOwn(t *testing.T) {
	part := operators("shop", func(p *Policy) { p.Paths = []Path{{Value: "/.access/console/denials"}} })
	record := []Claim{recorded("auth.x", "evil", 1)}
	for name, ledger := range map[string]*Ledger{"files": nil, "cluster": NewLedger(nil, time.Hour), "a record": NewLedger(record, time.Hour)} {
		table, issues := Build(Input{Policies: CompileAll([]Policy{operators("own", nil), part, operators("evil", nil)}), Ledger: ledger,
			Terms: Terms{TeamHost: "auth.x", PathPrefix: "/.access", Console: []string{"own", "shop"}}})
		if got := told(issues); !slices.Equal(got, []string{"evil/operators spec.hosts[0] HostReserved"}) {
			t.Errorf("%s: %q", name, got)
		}
		for path, want := range map[string]string{"/.access/console": "own/operators", "/.access/console/denials": "shop/operators"} {
			if d := asOperator(t, table, path, "ops@x.org"); d.Verdict != Admit || d.Source.Namespace+"/"+d.Source.Name != want {
				t.Errorf("%s, %s: %s", name, path, brief(d))
			}
		}
	}
}

// TestTeamHostIsToldOfOnce: whoever claims the team host in vain is told once why, and never that
// the console can be claimed there and is to be removed. What is wrong elsewhere is told, too.
func TestTeamHostIsToldOfOnce(t *testing.T) {
	paths := []string{"", "/", "/app", "/.access", "/.access/login", "/.access/console", "/.access/console/test", "/.access/consoles"}
	for _, namespace := range []string{"own", "shop"} {
		for _, hosts := range [][]string{{"auth.x"}, {"auth.x", "a.x"}, {"a.x", "auth.x"}, {"a.x"}} {
			for _, one := range paths {
				for _, two := range paths {
					p := operators(namespace, func(p *Policy) { p.Hosts, p.Paths = hosts, nil })
					for _, path := range []string{one, two} {
						if path != "" && !slices.Contains(p.Paths, Path{Value: path}) {
							p.Paths = append(p.Paths, Path{Value: path})
						}
					}
					_, issues := Build(Input{Policies: CompileAll([]Policy{p}),
						Terms: Terms{TeamHost: "auth.x", PathPrefix: "/.access", Console: []string{"own"}}})
					wantToldOnce(t, &p, issues)
				}
			}
		}
	}
}

func wantToldOnce(t *testing.T, p *Policy, issues []Issue) {
	t.Helper()
	console := func(path Path) bool {
		return path.Value == "/.access/console" || strings.HasPrefix(path.Value, "/.access/console/")
	}
	ours := func(path Path) bool { return path.Value == "/.access" || strings.HasPrefix(path.Value, "/.access/") }
	team, elsewhere := slices.Contains(p.Hosts, "auth.x"), slices.Contains(p.Hosts, "a.x")
	good := !elsewhere && p.Source.Namespace == "own" && len(p.Paths) > 0 && !slices.ContainsFunc(p.Paths, func(x Path) bool { return !console(x) })
	want := 0
	if team && !good {
		want++
	}
	for _, path := range p.Paths {
		if ours(path) && elsewhere && !(team && console(path)) {
			want++
		}
	}
	var said []string
	for _, i := range issues {
		if !i.Warning() {
			said = append(said, i.Message)
		}
	}
	claims, remove := 0, 0
	for _, m := range said {
		if strings.Contains(m, "can claim /.access/console alone") {
			claims++
		}
		if strings.HasPrefix(m, "/.access/console") && !strings.HasPrefix(m, "/.access/consoles") && strings.Contains(m, "Remove it") {
			remove++
		}
	}
	if len(said) != want || claims > 1 || claims > 0 && remove > 0 {
		t.Errorf("%s, %v, %v is told %d times, want %d: %q", p.Source.Namespace, p.Hosts, p.Paths, len(said), want, said)
	}
}
