// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	tinyHosts = []string{"a.x", "*.x", "b.a.x", "**.x", "*.a.x", "**.a.x"}
	askHosts  = []string{"a.x", "b.x", "b.a.x", "c.a.x", "x", "c.b.a.x", "a.b.x"}
	tinyPaths = []Path{
		{Value: "/"}, {Value: "/a"}, {Value: "/a/b"},
		{Value: "/", Exact: true}, {Value: "/a", Exact: true}, {Value: "/a/b", Exact: true},
	}
	askPaths = []string{"/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/ab", "/a/bc", "/b", "/A"}
)

// tinyClaims are all policies with one host and at most one path.
func tinyClaims() []Policy {
	var out []Policy
	for _, h := range tinyHosts {
		out = append(out, Policy{Hosts: []string{h}, Rules: does(Bypass)})
		for _, p := range tinyPaths {
			out = append(out, Policy{Hosts: []string{h}, Paths: []Path{p}, Rules: does(Bypass)})
		}
	}
	return out
}

// enact names policies, gives them ages and namespaces out of bits.
func enact(bits int, claims ...Policy) []Policy {
	out := slices.Clone(claims)
	for i := range out {
		out[i].Source = Source{Namespace: string(rune('m' + bits>>i&1)), Name: fmt.Sprint("p", i)}
		out[i].Since = birth.Add(time.Duration(i) * time.Hour)
	}
	return out
}

// agree compares a table with the reference on every canonical path.
func agree(t *testing.T, policies []Policy, grants ...Grant) {
	t.Helper()
	table, _ := build(policies, grants...)
	ref := newReference(policies, grants...)
	for _, h := range askHosts {
		for _, p := range askPaths {
			r := Request{Target: mustTarget(t, "https://"+h+p), Method: "GET", Now: now}
			d := table.Decide(r)
			v, why, whose := ref.decide(h, p, &r)
			name := ""
			if whose != nil {
				name = whose.Source.Name
			}
			if d.Verdict != v || d.Reason != why || d.Source.Name != name {
				t.Fatalf("%s%s: %s; the reference says %s %s %s\npolicies: %+v\ngrants: %v", h, p, brief(d), v, why, name, policies, grants)
			}
		}
	}
}

func TestOracleLookupPairs(t *testing.T) {
	claims := tinyClaims()
	for _, x := range claims {
		for _, y := range claims {
			for bits := range 2 {
				agree(t, enact(bits<<1, x, y))
			}
		}
	}
}

func TestOracleLookupMany(t *testing.T) {
	claims := tinyClaims()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 / every(4) {
		var some []Policy
		for range 3 + rng.IntN(4) {
			p := claims[rng.IntN(len(claims))]
			if q := claims[rng.IntN(len(claims))]; rng.IntN(3) == 0 && p.Hosts[0] != q.Hosts[0] {
				p.Hosts = []string{p.Hosts[0], q.Hosts[0]}
			}
			some = append(some, p)
		}
		policies := enact(rng.IntN(64), some...)
		if rng.IntN(3) == 0 { // equal and missing times tell nothing
			for i := range policies {
				policies[i].Since = []time.Time{{}, birth, birth, birth.Add(time.Hour)}[rng.IntN(4)]
			}
		}
		var grants []Grant
		if rng.IntN(2) == 0 {
			grants = append(grants, Grant{tinyHosts[rng.IntN(len(tinyHosts))], string(rune('m' + rng.IntN(2)))})
		}
		agree(t, policies, grants...)
		// Order of the input is no part of it.
		table, issues := build(policies, grants...)
		rng.Shuffle(len(policies), func(i, j int) { policies[i], policies[j] = policies[j], policies[i] })
		again, againIssues := build(policies, grants...)
		if table.Revision() != again.Revision() || !reflect.DeepEqual(issues, againIssues) {
			t.Fatalf("order matters: %s %v, %s %v", table.Revision(), issues, again.Revision(), againIssues)
		}
		agree(t, policies, grants...)
	}
}

// tinyRules are all rules that name an identity at most once, and are valid.
func tinyRules() []Rule {
	selectors := [][]Selector{nil, everyone(), emails("ann@x"), {{Property: EmailDomain, Value: "y"}}, groups("dev"), provider("corp"), proof("mfa"),
		networks("10.0.0.0/8"), countries("NL", "FR"), cel(isAnn), cel(isTen), certificate("ci"), hasClaim("department", "eng"),
		evaluates(onDuty), evaluates(elsewhere)}
	identity := func(s []Selector) int {
		if len(s) > 0 && s[0].identifies() {
			return 1
		}
		return 0
	}
	var out []Rule
	for action := Block; action <= ServiceAuth; action++ {
		for _, include := range selectors[1:] {
			for _, require := range selectors {
				for _, exclude := range selectors {
					n := identity(include) + identity(require) + identity(exclude)
					if n > 1 || n > 0 && action.relaxes() || action == Bypass && slices.ContainsFunc(slices.Concat(include, require, exclude),
						asksCertificate) {
						continue
					}
					out = append(out,
						Rule{Action: action, Include: include, Require: require, Exclude: exclude},
						Rule{Action: action, Include: include, Require: require, Exclude: exclude, Methods: []string{"POST"}})
				}
			}
		}
	}
	return out
}

func tinyVisits(t *testing.T) []Request {
	stranger := session("n/other")
	bob, dev, unsure := session("n/p"), session("n/p"), session("n/p")
	bob.Email, bob.Claims = "BOB@Y", []IdentityClaim{saying("department", "ops", "eng")}
	unsure.Provider, unsure.Claims = "corp", []IdentityClaim{untold("department")}
	asked := session("n/p")
	asked.Evaluations = []string{outcome(elsewhere, Approved), outcome(onDuty, Untold)}
	bob.Evaluations, dev.Evaluations = []string{outcome(onDuty, Rejected)}, []string{outcome(elsewhere, Approved), outcome(onDuty, Approved)}
	unsure.Evaluations = asked.Evaluations
	dev.Groups, dev.Provider, dev.AMR = []string{"ops", "dev"}, "corp", []string{"pwd", "mfa"}
	var out []Request
	for _, method := range []string{"GET", "POST", "OPTIONS"} {
		for _, s := range []*Subject{nil, session("n/p"), asked, bob, dev, unsure, stranger} {
			for _, a := range []string{"", "10.1.2.3", "11.1.2.3", "12.1.2.3"} {
				r := Request{Target: mustTarget(t, "https://a.x/"), Method: method, Subject: s, Now: now}
				if a != "11.1.2.3" || method != "POST" { // else there is no database
					r.Countries = earth
				}
				r.Certificate = cards[len(out)%len(cards)]
				if a != "" {
					r.Address = netip.MustParseAddr(a)
				}
				out = append(out, r)
			}
		}
	}
	return out
}

func TestOracleRules(t *testing.T) {
	rules, visits := tinyRules(), tinyVisits(t)
	exempt, cases := 0, 0
	checkAt := func(paths []string, list ...Rule) {
		p := one(list...)
		p.Exempt = paths
		table, _ := Build(Input{Policies: CompileAll([]Policy{p}), Terms: Terms{EvaluationOrigins: evaluators}})
		cases += len(visits)
		for _, r := range visits {
			v, why := refRules(&p, &r)
			if d := table.Decide(r); d.Verdict != v || d.Reason != why || d.Machine != nil && why != ServiceAdmitted {
				t.Fatalf("%s %+v %v: %s; the reference says %s %s\nrules: %+v", r.Method, r.Subject, r.Address, brief(d), v, why, list)
			}
			if e, _ := table.Explain(r); e != table.Decide(r) {
				t.Fatalf("Explain says %+v, Decide %+v", e, table.Decide(r))
			}
			if table.Decide(r).Source.Field == "spec.exempt[1]" {
				exempt++
			}
		}
	}
	check := func(list ...Rule) { checkAt(nil, list...); checkAt([]string{"/x", "/"}, list...) }
	defer func() {
		if exempt == 0 {
			t.Error("nothing was exempt: the test is blind")
		}
	}()
	check()
	for i := 0; i < len(rules); i += every(1) {
		check(rules[i])
	}
	rng := rand.New(rand.NewPCG(3, 4))
	wanted := oracleCases(t)
	for i := 0; i < 2000/every(2) || cases < wanted; i++ {
		list := []Rule{rules[rng.IntN(len(rules))], rules[rng.IntN(len(rules))]}
		if rng.IntN(2) == 0 {
			list = append(list, rules[rng.IntN(len(rules))])
		}
		check(list...)
	}
	t.Logf("%d decisions are those of the reference", cases)
}

// every says that an oracle takes one of so many of its cases: all of them, in a short run
// one of the given number. OSTIARY_ORACLE_EVERY=20 thins out either: for a run of mutants,
// in which other tests have their say first.
func every(short int) int {
	n := 1
	if testing.Short() {
		n = short
	}
	if further, err := strconv.Atoi(os.Getenv("OSTIARY_ORACLE_EVERY")); err == nil && further > 1 {
		n *= further
	}
	return n
}

// oracleCases is how many decisions are wanted of a long run: OSTIARY_ORACLE_CASES says.
func oracleCases(t *testing.T) int {
	text := os.Getenv("OSTIARY_ORACLE_CASES")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("OSTIARY_ORACLE_CASES: %v", err)
	}
	return n
}

var plain = regexp.MustCompile(`^(/[ab]+)*/?$`)

// lastReadings spares the many visitors of one path the work.
var lastReadings struct {
	raw string
	all []string
}

// sound fails the test if a decision admits what the reference does not admit
// for every reading of the path.
func sound(t *testing.T, ref *reference, host, raw string, r *Request, d Decision) {
	t.Helper()
	if d.Verdict == Deny || d.Verdict == Challenge {
		return
	}
	if lastReadings.raw != raw {
		lastReadings.raw, lastReadings.all = raw, refReadings(raw)
	}
	readings := lastReadings.all
	for _, p := range readings {
		whose := ref.lookup(host, p, false)
		if whose == nil || whose.Source.Name != d.Source.Name {
			t.Fatalf("%s%s: %s, but %q is someone else's: %+v", host, raw, brief(d), p, whose)
		}
	}
	if len(readings) > 1 && (d.Reason == Bypassed || d.Reason == ServiceAdmitted || d.Reason == PreflightBypassed) {
		t.Fatalf("%s%s: %s, with readings %q", host, raw, brief(d), readings)
	}
}

// TestOracleReadings walks through all short paths over an alphabet of what is
// odd, and asks for each as nobody, as a person and as a machine.
func TestOracleReadings(t *testing.T) {
	p := func(name string, rule Action, paths ...Path) Policy {
		return Policy{Source: Source{Namespace: "n", Name: name}, Since: birth, Hosts: []string{"a.x"}, Paths: paths,
			AllowEncodedSlashes: true, CORS: &CORS{BypassPreflight: true}, Rules: does(rule), Exempt: []string{"/a", "/b", "/a/b"}}
	}
	var tables []*Table
	var refs []*reference
	for _, set := range [][]Policy{
		{p("root", Allow), p("a", Bypass, Path{Value: "/a"})},
		{p("root", Bypass), p("a", Allow, Path{Value: "/a"})},
		{p("root", Allow, Path{Value: "/"}, Path{Value: "/a"}), p("ab", Allow, Path{Value: "/a/b"}), p("e", ServiceAuth, Path{"/b", true})},
		{p("a", Allow, Path{Value: "/a"}), p("ab", Bypass, Path{"/a/b", true})},
	} {
		tables, refs = append(tables, mustBuild(t, set...)), append(refs, newReference(set))
	}
	depth := 4
	if testing.Short() {
		depth = 3
	}
	alphabet := []string{"/", "a", "b", "..", ".", "%2f", ";", "%61", "%25", "2f", "%3b", "?", "%20", "%ef%bc%8f"}
	subjects := []*Subject{nil, session("")}
	admitted := 0
	var walk func(raw string, depth int)
	walk = func(raw string, depth int) {
		target, err := NewTarget("a.x", raw)
		if err != nil && plain.MatchString(raw) {
			t.Fatalf("%q: %v", raw, err)
		}
		for i, table := range tables {
			for _, s := range subjects {
				if err != nil {
					break
				}
				r := Request{Target: target, Method: "GET", Now: now}
				if s != nil {
					c := *s
					c.Audience, r.Subject = []string{table.Audience(target)}, &c
				}
				d := table.Decide(r)
				sound(t, refs[i], "a.x", raw, &r, d)
				if d.Verdict == Admit {
					admitted++
				}
				if !plain.MatchString(raw) {
					continue
				}
				if v, why, _ := refs[i].decide("a.x", raw, &r); v != d.Verdict || why != d.Reason {
					t.Fatalf("%q: %s; the reference says %s %s", raw, brief(d), v, why)
				}
			}
			if err == nil {
				r := Request{Target: target, Method: "OPTIONS", Origin: "https://o", Preflight: Preflight{Method: "PUT"}, Now: now}
				sound(t, refs[i], "a.x", raw, &r, table.Decide(r))
			}
		}
		if depth == 0 {
			return
		}
		for _, c := range alphabet {
			walk(raw+c, depth-1)
		}
	}
	walk("/", depth)
	if admitted == 0 {
		t.Error("nothing was admitted: the test is blind")
	}
}

// Explain is the walk of Decide, and its last step agrees with the verdict.
func TestExplainIsDecide(t *testing.T) {
	policies := fixture()
	policies = append(policies, Policy{Source: Source{Namespace: "shop", Name: "broken"}, Hosts: []string{"broken.example.com"}})
	policies[len(policies)-1].Rules = []Rule{{}}
	table, _ := build(policies)
	for _, table := range []*Table{table, nil, {}} {
		for _, url := range []string{"app.example.com/", "app.example.com/public", "app.example.com/api/x", "app.example.com//api",
			"app.example.com/api%2f",
			"public.example.com/", "public.example.com/;", "x.apps.example.com/", "nowhere.example.com/", "broken.example.com/"} {
			target := mustTarget(t, "https://"+url)
			for _, method := range []string{"GET", "OPTIONS", "POST"} {
				for _, origin := range []string{"", "https://spa.example.com", "https://evil.example"} {
					for _, pre := range []Preflight{{}, {Method: "GET"}, {Method: "PUT"}, {Method: "GET", Headers: "x-evil"}, {Method: "GET",
						Headers: strings.Repeat("a", 3<<10)}} {
						for _, s := range []*Subject{nil, session(table.Audience(target)), session("x/y")} {
							r := Request{Target: target, Method: method, Origin: origin, Preflight: pre, Subject: s, Now: now}
							d := table.Decide(r)
							e, trace := table.Explain(r)
							if d != e || len(trace.Steps) == 0 {
								t.Errorf("%s %s: Decide %+v, Explain %+v %v", method, url, d, e, trace)
							}
						}
					}
				}
			}
		}
	}
}
