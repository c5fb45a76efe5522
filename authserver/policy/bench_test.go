// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// realistic is a policy as people write them: two hosts, two paths, three
// rules, five origins.
func realistic(i int) Policy {
	app := fmt.Sprintf("app%06d", i)
	return Policy{
		Source:          Source{Namespace: fmt.Sprintf("team%d", i/50), Name: app},
		Since:           birth.Add(time.Duration(i) * time.Second),
		Hosts:           []string{app + ".example.com", "*." + app + ".preview.example.com"},
		Paths:           prefixes("/", "/api"),
		Unauthenticated: Auto,
		CORS: &CORS{
			AllowedOrigins: []string{"https://www.example.com", "https://admin.example.com", "https://" + app + "-spa.example.com", "https://*." + app + ".preview.example.com", "http://localhost:3000"},
			AllowedMethods: []string{"GET", "POST", "PATCH"}, AllowedHeaders: []string{"content-type", "x-csrf"}, AllowCredentials: true, MaxAge: 600,
		},
		Rules: []Rule{
			{Name: "monitoring", Action: Bypass, Methods: []string{"HEAD"}, Include: networks("10.20.0.0/16")},
			{Name: "leavers", Action: Block, Include: emails("mallory@example.com")},
			{Name: "staff", Action: Allow, Include: []Selector{{Property: EmailDomain, Value: "example.com"}}, SessionDuration: 8 * time.Hour},
		},
	}
}

func realisticPolicies(n int) []Policy {
	out := make([]Policy, n)
	for i := range out {
		out[i] = realistic(i)
	}
	return out
}

// questions are n requests of a kind, for hosts that are spread over the table.
// They are always n requests, however small the table, so that what
// is measured is the table and not the requests.
func questions(b *testing.B, table *Table, kind string, n int, pick func(i int) int) []Request {
	out := make([]Request, n)
	for i := range out {
		at := pick(i)
		app := fmt.Sprintf("app%06d", at)
		r := Request{Target: mustTarget(b, "https://"+app+".example.com/api/v1/things"), Method: "GET", Now: now}
		switch kind {
		case "preflight":
			r.Method, r.Origin = "OPTIONS", "https://"+app+"-spa.example.com"
			r.Preflight = Preflight{Method: "PATCH", Headers: "content-type,x-csrf"}
		case "session", "pinned":
			if kind == "pinned" {
				r.Ingress = table.Audience(r.Target)
			}
			r.Subject = session(table.Audience(r.Target))
			r.Subject.Email = "ann@example.com"
		}
		want := map[string]Verdict{"preflight": AnswerPreflight, "session": Admit, "pinned": Admit, "anonymous": Challenge}[kind]
		if d := table.Decide(r); d.Verdict != want {
			b.Fatalf("%s: %s", kind, brief(d))
		}
		out[i] = r
	}
	return out
}

func BenchmarkDecide(b *testing.B) {
	for _, size := range []int{1, 1000, 100_000} {
		policies := realisticPolicies(size)
		bindings := make([]Binding, size) // each Ingress has the name of its policy
		for i := range policies {
			bindings[i] = Binding{Ingress: Audience(policies[i].Source), Policy: Audience(policies[i].Source)}
		}
		table := mustBuild(b, policies...).bound(bindings)
		rng := rand.New(rand.NewPCG(7, 8))
		for _, kind := range []string{"preflight", "session", "pinned", "anonymous"} {
			for _, set := range []struct {
				name string
				n    int
				pick func(int) int
			}{
				{"hot", 64, func(i int) int { return i * size / 64 }},
				{"random", 4096, func(int) int { return rng.IntN(size) }},
			} {
				b.Run(fmt.Sprintf("%s/%d/%s", kind, size, set.name), func(b *testing.B) {
					requests := questions(b, table, kind, set.n, set.pick)
					b.ReportAllocs()
					i := 0
					for b.Loop() {
						table.Decide(requests[i])
						if i++; i == len(requests) {
							i = 0
						}
					}
				})
			}
		}
	}
}

func BenchmarkBuild10000(b *testing.B) {
	policies := realisticPolicies(10_000)
	mustBuild(b, policies...)
	b.ReportAllocs()
	for b.Loop() {
		build(policies)
	}
}

// large is an input of so many policies, as in a cluster: each has an Ingress that names
// it, and all claims are written down.
func large(n int) Input {
	in := Input{Policies: CompileAll(realisticPolicies(n)), Ledger: NewLedger(nil, time.Hour)}
	table, _ := Build(in)
	in.Ledger = NewLedger(in.Ledger.Fresh(table, now), time.Hour)
	for _, p := range in.Policies {
		in.Bindings = append(in.Bindings, Binding{Ingress: p.app.audience + "-web", Policy: p.app.audience})
	}
	return in
}

// BenchmarkAssemble10000 is a table from scratch, of policies that are compiled. All
// claims are written down, as in a cluster, or none, as in files.
func BenchmarkAssemble10000(b *testing.B) {
	in := large(10_000)
	in.Bindings = nil
	for name, ledger := range map[string]*Ledger{"files": nil, "recorded": in.Ledger} {
		in.Ledger = ledger
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Build(in)
			}
		})
	}
}

// BenchmarkAssembleEdit is one edit and the table after it, beside a table from scratch.
func BenchmarkAssembleEdit(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		in := large(n)
		b.Run(fmt.Sprintf("%d/build", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Build(in)
			}
		})
		a := assemblerOf(in)
		middle := realistic(n / 2)
		key := fmt.Sprint(n / 2)
		other, moved := middle, middle
		other.Rules = does(Block)
		moved.Hosts = []string{"moved.example.com"}
		versions := map[string][2]*Compiled{"rules": {Compile(&other), in.Policies[n/2]}, "hosts": {Compile(&moved), in.Policies[n/2]}, "deleted": {nil, in.Policies[n/2]}}
		for name, v := range versions {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if c := v[i%2]; c != nil {
						a.Set(key, c)
					} else {
						a.Delete(key)
					}
					a.Table()
					a.Issues()
				}
			})
			a.Set(key, in.Policies[n/2])
		}
		b.Run(fmt.Sprintf("%d/revocation", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a.SetRevocations([]Revocation{{User: "ann", Before: now.Add(time.Duration(i))}})
				a.Table()
			}
		})
	}
}

func assemblerOf(in Input) *Assembler {
	a := &Assembler{}
	a.SetTerms(in.Terms)
	a.SetLedger(in.Ledger)
	a.SetGroups(in.Groups)
	for i, p := range in.Policies {
		a.Set(fmt.Sprint(i), p)
	}
	a.SetBindings(in.Bindings)
	a.SetServiceTokens(in.Tokens)
	a.SetTokenIssuers(in.TokenIssuers)
	a.SetOAuthClients(in.OAuthClients)
	a.Table()
	return a
}

// BenchmarkMemory is what stays of 100 000 policies: compiled, as a table, and as an
// Assembler with its table.
func BenchmarkMemory(b *testing.B) {
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	for b.Loop() {
		in := large(100_000)
		compiled := heap()
		table, _ := Build(in)
		built := heap()
		runtime.KeepAlive(table)
		before := heap()
		a := assemblerOf(in)
		assembled := heap()
		runtime.KeepAlive(a)
		runtime.KeepAlive(in)
		b.ReportMetric(compiled, "MB-compiled")
		b.ReportMetric(built-compiled, "MB-table")
		b.ReportMetric(assembled-before, "MB-assembler")
	}
}

func BenchmarkParseTarget(b *testing.B) {
	for name, url := range map[string]string{
		"plain":   "https://app.example.com/api/v1/things?page=2&sort=name",
		"escaped": "https://app.example.com/files/caf%C3%A9%20menu.pdf",
		"odd":     "https://app.example.com/a//b/%2e%2e/c;v=1",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseTarget(url); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
