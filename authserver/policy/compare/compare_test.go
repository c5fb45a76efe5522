// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var settings = Settings{Now: now, SessionDuration: policy.DefaultSessionDuration}

func sideOf(policies ...policy.Policy) Side {
	table, _ := policy.Build(policy.Input{Policies: policy.CompileAll(policies)})
	return Side{Table: table, Policies: policies}
}

func selector(p policy.Property, value string) policy.Selector {
	if p == policy.Address {
		return policy.Selector{Property: p, Networks: []netip.Prefix{netip.MustParsePrefix(value)}}
	}
	return policy.Selector{Property: p, Value: value}
}

// tiny makes policies of few words.
type tiny struct{ *rand.Rand }

func (t tiny) pick(of ...string) string { return of[t.IntN(len(of))] }

func (t tiny) selector(person bool) policy.Selector {
	all := []policy.Selector{
		{Property: policy.Everyone}, selector(policy.Address, "10.0.0.0/8"), selector(policy.Address, "10.1.0.0/16"),
		selector(policy.Email, "ann@x.test"), selector(policy.Email, "bob@y.test"), selector(policy.EmailDomain, "x.test"),
		selector(policy.IdPGroup, "dev"), {Property: policy.Country, Countries: []string{"NL", "DE"}},
		selector(policy.IdPGroup, "ops"), selector(policy.LoginMethod, "corp"), selector(policy.AuthMethod, "mfa"),
	}
	if !person {
		all = append(all[:3:3], policy.Selector{Property: policy.Country, Countries: []string{"NL"}})
	}
	return all[t.IntN(len(all))]
}

func (t tiny) list(most int, person bool) (out []policy.Selector) {
	for range t.IntN(most + 1) {
		out = append(out, t.selector(person))
	}
	return out
}

func (t tiny) rule() policy.Rule {
	r := policy.Rule{Action: []policy.Action{policy.Allow, policy.Allow, policy.Block, policy.Bypass}[t.IntN(4)]}
	person := r.Action != policy.Bypass
	r.Include = append(t.list(1, person), t.selector(person))
	if t.IntN(3) == 0 {
		r.Require = t.list(2, person)
	}
	if t.IntN(3) == 0 {
		r.Exclude = t.list(1, person)
	}
	if t.IntN(3) == 0 {
		r.Methods = []string{t.pick("GET", "POST", "DELETE")}
	}
	if t.IntN(6) == 0 && r.Action == policy.Allow {
		r.SessionDuration = time.Hour
	}
	return r
}

func (t tiny) cors() *policy.CORS {
	if t.IntN(2) == 0 {
		return nil
	}
	if t.IntN(8) == 0 {
		return &policy.CORS{BypassPreflight: true}
	}
	c := &policy.CORS{AllowCredentials: t.IntN(2) == 0, ManageResponses: t.IntN(3) == 0, AllowPrivateNetwork: t.IntN(6) == 0}
	c.AllowedOrigins = []string{t.pick("https://a.test", "https://*.a.test", "https://b.test", "https://q*.a.test", "http://localhost:*")}
	if t.IntN(6) == 0 {
		c.AllowAllOrigins, c.AllowedOrigins, c.AllowCredentials = true, nil, false
	}
	if c.AllowedMethods = []string{t.pick("GET", "PUT")}; t.IntN(6) == 0 {
		c.AllowedMethods, c.AllowAllMethods = nil, true
	}
	if t.IntN(2) == 0 {
		c.AllowedHeaders = []string{t.pick("x-one", "x-two")}
	}
	c.Tokens = c.AllowCredentials && t.IntN(3) == 0
	return c
}

func (t tiny) policy(i int) policy.Policy {
	p := policy.Policy{
		Source: policy.Source{Namespace: "n", Name: fmt.Sprint("p", i)}, Since: now.Add(-100 * time.Hour).Add(time.Duration(i) * time.Hour),
		Hosts: []string{t.pick("a.x", "*.x", "b.a.x")}, CORS: t.cors(), AllowCrossSite: t.IntN(6) == 0, AllowEncodedSlashes: t.IntN(4) == 0,
	}
	for range t.IntN(3) {
		p.Paths = append(p.Paths, policy.Path{Value: t.pick("/", "/a", "/a/b"), Exact: t.IntN(3) == 0})
	}
	if len(p.Paths) == 2 && p.Paths[0] == p.Paths[1] {
		p.Paths = p.Paths[:1]
	}
	for range 1 + t.IntN(2) {
		p.Rules = append(p.Rules, t.rule())
	}
	if t.IntN(5) == 0 {
		p.IdentityProviders = []string{t.pick("corp", "github")}
	}
	if t.IntN(8) == 0 {
		p.Session.Duration = 2 * time.Hour
	}
	if t.IntN(6) == 0 {
		p.DryRun = []policy.DryRun{policy.DryRunOpen, policy.DryRunAuthenticate}[t.IntN(2)]
	}
	if t.IntN(4) == 0 {
		p.Exempt = []string{t.pick("/", "/a", "/a/b/c", "/ab")}
	}
	return p
}

// edit returns a policy with one part replaced.
func (t tiny) edit(p policy.Policy) policy.Policy {
	o := t.policy(0)
	switch t.IntN(9) {
	case 0:
		p.Hosts = o.Hosts
	case 1:
		p.Paths = o.Paths
	case 2, 3:
		p.Rules = slices.Clone(p.Rules)
		p.Rules[t.IntN(len(p.Rules))] = t.rule()
	case 4:
		p.CORS = o.CORS
	case 5:
		p.AllowCrossSite, p.AllowEncodedSlashes = o.AllowCrossSite, o.AllowEncodedSlashes
		p.Exempt, p.DryRun = o.Exempt, o.DryRun
	case 6:
		p.IdentityProviders, p.Session = o.IdentityProviders, o.Session
	case 7:
		p.Rules = append(slices.Clone(p.Rules), t.rule())
	case 8:
		p.Rules = slices.Clone(p.Rules)
		slices.Reverse(p.Rules)
	}
	return p
}

// everything are all requests of a tiny alphabet.
func everything(t *testing.T) (out []Request) {
	t.Helper()
	var callers []Request
	for _, from := range []string{
		" ", "10.1.1.1 ", "10.2.1.1 NL", "192.0.2.1 ", "192.0.2.1 DE", "192.0.2.1 NL", "10.1.1.1 NL", "10.1.1.1 FR", "10.2.1.1 FR",
	} {
		address, country, _ := strings.Cut(from, " ")
		callers = append(callers, Request{Address: address, Country: country})
		for _, email := range []string{"ann@x.test", "bob@y.test", "eve@x.test", "eve@z.test"} {
			for bits := range 8 {
				for _, provider := range []string{"corp", "github", "z"} {
					for _, age := range []time.Duration{0, 90 * time.Minute, 3 * time.Hour, 25 * time.Hour} {
						c := Request{Address: address, Country: country, Email: email, Provider: provider, Age: age}
						for i, g := range []string{"dev", "ops"} {
							if bits>>i&1 == 1 {
								c.Groups = append(c.Groups, g)
							}
						}
						if bits>>2 == 1 {
							c.AMR = []string{"mfa"}
						}
						callers = append(callers, c)
					}
				}
			}
		}
	}
	origins := []string{
		"https://a.test", "https://q.a.test", "https://qq.a.test", "https://b.test", "https://z.test", "http://localhost:9", "null",
	}
	for _, host := range []string{"a.x", "q.x", "b.a.x", "c.a.x"} {
		for _, path := range []string{"/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/a/q", "/q", "/q%2Fb", "/a/q%2Fb", "/a/b/q%2Fb"} {
			target, err := policy.NewTarget(host, path)
			if err != nil {
				t.Fatal(err)
			}
			at := Request{URL: "https://" + host + path, target: target}
			for _, method := range []string{"GET", "POST", "DELETE", "PUT"} {
				for i, c := range callers {
					c.Method, c.URL, c.target = method, at.URL, target
					out = append(out, c)
					if i%37 != 5 && c.Email != "" { // of pages, some callers are enough
						continue
					}
					for _, o := range origins {
						c.Origin = o
						c.WebSocket, c.Token = false, false
						out = append(out, c)
						c.WebSocket = true
						out = append(out, c)
						c.WebSocket, c.Token = false, c.Email != ""
						out = append(out, c)
					}
				}
			}
			for _, o := range origins {
				for _, m := range []string{"GET", "PUT", "DELETE"} {
					for _, h := range []string{"", "x-one", "x-two", "x-three", "authorization"} {
						for _, private := range []bool{false, true} {
							at.Method, at.Origin, at.Preflight, at.PreflightHeaders, at.PrivateNetwork = "OPTIONS", o, m, h, private
							out = append(out, at)
						}
					}
				}
			}
		}
	}
	return out
}

func witnesses(r *Result, e Effect) (out string) {
	for _, d := range r.Differences {
		if d.Effect == e {
			out += fmt.Sprintf("%q %+v %+v\n", d.Witness.Arguments(), d.Before, d.After)
		}
	}
	return out
}

// TestOracle: whatever opens or closes among all requests of a tiny alphabet, Compare
// finds; where nothing does, it finds nothing; and each witness shows what it is for.
func TestOracle(t *testing.T) {
	all := everything(t)
	n := 15
	if testing.Short() {
		n = 1
	}
	found := map[Effect]int{}
	for seed := range n {
		r := tiny{rand.New(rand.NewPCG(uint64(seed), 7))}
		var was []policy.Policy
		for i := range 1 + r.IntN(3) {
			was = append(was, r.policy(i))
		}
		is := slices.Clone(was)
		switch i := r.IntN(len(is)); r.IntN(6) {
		case 0:
			is = slices.Delete(is, i, i+1)
		case 1:
			is = append(is, r.policy(len(is)))
		case 2:
			is[i].Source.Name += "-renamed"
		default:
			is[i] = r.edit(is[i])
		}
		before, after := sideOf(was...), sideOf(is...)
		got := Compare(before, after, settings)
		if len(got.Incomplete) > 0 {
			t.Fatal(got.Incomplete)
		}
		want, plainChange := map[Effect]*Request{}, false
		for i := range all {
			x, y := all[i].ask(before.Table, settings), all[i].ask(after.Table, settings)
			if e := effectOf(&x, &y); want[e] == nil {
				want[e] = &all[i]
			} else if e == Changes && all[i].Age == 0 {
				plainChange = true
			}
		}
		for _, e := range []Effect{Opens, Closes, Changes} {
			if e == Changes && want[e] != nil && want[e].Age > 0 && !plainChange && !got.Has(e) {
				continue // how a session is refused that is over anyway
			}
			if got.Has(e) != (want[e] != nil) {
				t.Fatalf("seed %d: %s: Compare says %v, brute force %+v\nbefore %+v\nafter  %+v\ngot %s",
					seed, e, got.Has(e), want[e], was, is, witnesses(got, e))
			}
			if want[e] != nil {
				found[e]++
			}
		}
		for _, d := range got.Differences {
			x, y := d.Witness.ask(before.Table, settings), d.Witness.ask(after.Table, settings)
			if e := effectOf(&x, &y); e != d.Effect {
				t.Fatalf("seed %d: the witness %v shows that it %s, and is for one that %s", seed, d.Witness.Arguments(), e, d.Effect)
			}
		}
	}
	if !testing.Short() && (found[Opens] < n/6 || found[Closes] < n/6 || found[Opens] == n) {
		t.Errorf("of %d pairs: %v", n, found)
	}
}
