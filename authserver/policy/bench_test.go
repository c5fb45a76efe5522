// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
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
		table := mustBuild(b, policies...).Bound(bindings)
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

// BenchmarkBound10000 is what is added to every new table.
func BenchmarkBound10000(b *testing.B) {
	table, bindings := mustBuild(b, realisticPolicies(1)...), make([]Binding, 10_000)
	for i := range bindings {
		bindings[i] = Binding{Ingress: fmt.Sprintf("team%d/web%06d", i/50, i), Policy: fmt.Sprintf("team%d/app%06d", i/50, i)}
	}
	b.ReportAllocs()
	for b.Loop() {
		table.Bound(bindings)
	}
}

func BenchmarkBuild10000(b *testing.B) {
	policies := realisticPolicies(10_000)
	mustBuild(b, policies...)
	b.ReportAllocs()
	for b.Loop() {
		Build(policies)
	}
}

// BenchmarkAssemble10000 is a change of one policy: the others are compiled. All
// claims are written down, as in a cluster, or none, as in files.
func BenchmarkAssemble10000(b *testing.B) {
	compiled := CompileAll(realisticPolicies(10_000))
	empty := NewLedger(nil, time.Hour)
	table, _ := Assemble(Input{Policies: compiled, Ledger: empty})
	for name, ledger := range map[string]*Ledger{"files": nil, "recorded": NewLedger(empty.Fresh(table, now), time.Hour)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Assemble(Input{Policies: compiled, Ledger: ledger})
			}
		})
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
