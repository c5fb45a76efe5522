// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// An expression stands for a compiled one: what is compiled is never equal.
type expression struct {
	policy.Condition
	text  string
	looks policy.Looks
	holds func(f *policy.Facts) (bool, error)
}

func (e expression) Text() string                        { return e.text }
func (e expression) Problem() string                     { return "" }
func (e expression) Cost() uint64                        { return 1 }
func (e expression) Looks() policy.Looks                 { return e.looks }
func (e expression) Holds(f *policy.Facts) (bool, error) { return e.holds(f) }
func cel(text string, looks policy.Looks, holds func(f *policy.Facts) (bool, error)) policy.Selector {
	return policy.Selector{Property: policy.Expression, Condition: expression{text: text, looks: looks, holds: holds}}
}

// expressions are some, as they could be written.
func expressions() []policy.Selector {
	request, identity := policy.Looks{Request: true}, policy.Looks{Identity: true, Email: true}
	inNetwork := func(f *policy.Facts) (bool, error) {
		if !f.Address.IsValid() {
			return false, policy.ErrUnknown
		}
		return f.Address.As4()[0] == 10, nil
	}
	return []policy.Selector{
		cel("request.method == 'GET'", request, func(f *policy.Facts) (bool, error) { return f.Method == "GET", nil }),
		cel("request.method in ['GET']", request, func(f *policy.Facts) (bool, error) { return f.Method == "GET", nil }),
		cel("request.path.startsWith('/a')", request, func(f *policy.Facts) (bool, error) { return strings.HasPrefix(f.Path, "/a"), nil }),
		cel("cidr('10.0.0.0/8').containsIP(request.address)", request, inNetwork),
		cel("identity.email == 'ann@x.test'", identity, func(f *policy.Facts) (bool, error) { return f.Email == "ann@x.test", nil }),
		cel("identity.email.endsWith('@y.test')", identity, func(f *policy.Facts) (bool, error) {
			return strings.HasSuffix(f.Email, "@y.test"), nil
		}),
		cel("'dev' in identity.groups", policy.Looks{Identity: true, Groups: []string{"dev"}}, func(f *policy.Facts) (bool, error) {
			return slices.Contains(f.Groups, "dev"), nil
		}),
		cel("request.path[1] == '/'", request, func(f *policy.Facts) (bool, error) {
			if len(f.Path) < 2 {
				return false, errors.New("index out of range")
			}
			return f.Path[1] == '/', nil
		}),
	}
}

// The service tokens, with two secrets each.
var tokenNames = []string{"n/ci", "n/cd", "m/build"}

func secret(name, which string) [32]byte { return policy.SecretSum(name + which) }

// machineSelector is one of a machine, or in a group.
func (t tiny) machineSelector(a policy.Action) policy.Selector {
	list := []policy.Selector{
		{Property: policy.Everyone}, selector(policy.Address, "10.0.0.0/8"), {Property: policy.Country, Countries: []string{"NL"}},
		{Property: policy.AccessGroup, Value: t.pick("one", "two", "three")},
	}
	if a == policy.NoAction {
		list[3].Value = t.pick("two", "two", "three") // of which group "two" cannot be used if it names itself
	}
	if a != policy.Bypass {
		list = append(list, policy.Selector{Property: policy.ClientCertificate, Certificate: policy.CertificateNames{
			CommonName: t.pick("", "a", "b"), URI: t.pick("", "", "spiffe://u")}})
	}
	if a == policy.Allow || a == policy.Block || a == policy.NoAction {
		list = append(list, selector(policy.Email, "ann@x.test"), selector(policy.EmailDomain, "y.test"), selector(policy.IdPGroup, "dev"))
		list = append(list, expressions()[t.IntN(7)])
	} else {
		list = append(list, expressions()[[]int{0, 1, 2, 3, 7}[t.IntN(5)]])
	}
	if a == policy.ServiceAuth {
		list = append(list, policy.Selector{Property: policy.Token, Value: "ci"}) // of its own namespace
	}
	if a == policy.ServiceAuth || a == policy.NoAction {
		match := &policy.TokenMatch{Issuer: t.pick("ci", "forge"), Audience: t.pick("x", "y")}
		if t.IntN(3) > 0 {
			match.Claims = []policy.ClaimMatch{{Path: "repository", Values: []string{t.pick("acme/a", "acme/b", "acme/*")}}}
		}
		list = append(list, policy.Selector{Property: policy.Token, Value: tokenNames[t.IntN(3)]}, policy.Selector{Property: policy.AnyToken},
			policy.Selector{Property: policy.JWT, JWT: match}, policy.Selector{Property: policy.JWT, JWT: match},
			selector(policy.LinkedApp, t.pick("n/desk", "m/till")))
	}
	return list[t.IntN(len(list))]
}

func (t tiny) machineList(most int, a policy.Action) (out []policy.Selector) {
	for range t.IntN(most + 1) {
		out = append(out, t.machineSelector(a))
	}
	return out
}

func (t tiny) machineRule() policy.Rule {
	r := policy.Rule{Action: []policy.Action{
		policy.ServiceAuth, policy.ServiceAuth, policy.ServiceAuth, policy.Allow, policy.Block, policy.Bypass,
	}[t.IntN(6)]}
	r.Include = append(t.machineList(1, r.Action), t.machineSelector(r.Action))
	if t.IntN(3) == 0 {
		r.Require = t.machineList(2, r.Action)
	}
	if t.IntN(3) == 0 {
		r.Exclude = t.machineList(1, r.Action)
	}
	if t.IntN(5) == 0 {
		r.Methods = []string{"POST"}
	}
	return r
}

// A house is all that a table of machines is built from.
type house struct {
	policies []policy.Policy
	groups   []policy.Group
	tokens   []policy.ServiceToken
	issuers  []policy.TokenIssuer
}

func (t tiny) group(name string) policy.Group {
	g := policy.Group{Source: policy.Source{Name: name}, Include: append(t.machineList(1, policy.NoAction), t.machineSelector(policy.NoAction))}
	if t.IntN(3) == 0 {
		g.Require = t.machineList(1, policy.NoAction)
	}
	if t.IntN(3) == 0 {
		g.Exclude = t.machineList(1, policy.NoAction)
	}
	return g
}

func (t tiny) token(name string) policy.ServiceToken {
	of := heldOf(name, "")
	out := policy.ServiceToken{Source: of.Source, ClientID: name, Disabled: t.IntN(6) == 0, ExpiresAt: now.Add(time.Hour),
		Secrets: []policy.TokenSecret{{Sum: secret(name, "1")}}}
	if t.IntN(3) == 0 {
		out.PolicyNamespaces = []string{"n"}
	}
	if t.IntN(3) == 0 {
		out.Secrets = []policy.TokenSecret{{Sum: secret(name, "2")}, {Sum: secret(name, "1"), Until: now.Add(time.Minute)}}
	}
	return out
}

func (t tiny) issuer(name string) policy.TokenIssuer {
	out := policy.TokenIssuer{Name: name, Issuer: "https://" + t.pick(name, name, "other") + ".test", Audiences: []string{"x"}, Everywhere: t.IntN(5) > 0}
	if t.IntN(3) > 0 {
		out.Audiences = append(out.Audiences, t.pick("y", "z"))
	}
	return out
}

func (t tiny) house() (h house) {
	namespace := t.pick("n", "n", "n", "m")
	for i := range 1 + t.IntN(2) {
		p := policy.Policy{Source: policy.Source{Namespace: namespace, Name: fmt.Sprint("p", i)}, Since: now, Hosts: []string{"h.x"}}
		if i > 0 {
			p.Paths = []policy.Path{{Value: "/a"}}
		}
		for range 1 + t.IntN(2) {
			p.Rules = append(p.Rules, t.machineRule())
		}
		if t.IntN(6) == 0 {
			p.Exempt = []string{"/a"}
		}
		h.policies = append(h.policies, p)
	}
	h.policies = append(h.policies, linked("n", "desk"), t.till())
	for _, name := range []string{"one", "two"} {
		h.groups = append(h.groups, t.group(name))
	}
	for _, name := range tokenNames {
		if t.IntN(4) > 0 {
			h.tokens = append(h.tokens, t.token(name))
		}
	}
	h.issuers = []policy.TokenIssuer{t.issuer("ci"), t.issuer("forge")}
	return h
}

// edited is a house with one thing replaced.
func (t tiny) edited(h house) house {
	h.policies, h.groups, h.tokens, h.issuers = slices.Clone(h.policies), slices.Clone(h.groups), slices.Clone(h.tokens), slices.Clone(h.issuers)
	own := len(h.policies) - 2
	switch t.IntN(9) {
	case 8:
		h.policies[own+1] = t.till()
	case 0:
		i := t.IntN(len(h.groups))
		h.groups[i] = t.group(h.groups[i].Source.Name)
	case 1:
		if i := t.IntN(len(h.tokens) + 1); i < len(h.tokens) {
			h.tokens[i] = t.token(h.tokens[i].Source.Namespace + "/" + h.tokens[i].Source.Name)
		}
	case 2:
		if len(h.tokens) > 0 {
			h.tokens = h.tokens[1:]
		}
	case 3:
		i := t.IntN(2)
		h.issuers[i] = t.issuer(h.issuers[i].Name)
	case 4:
		h.policies[0].Rules = slices.Clone(h.policies[0].Rules)
		slices.Reverse(h.policies[0].Rules)
	default:
		p := &h.policies[t.IntN(own)]
		p.Rules = slices.Clone(p.Rules)
		p.Rules[t.IntN(len(p.Rules))] = t.machineRule()
	}
	return h
}

// String is what a person who looks for a mistake wants to see of a house.
func (h house) String() string {
	var b strings.Builder
	list := func(name string, selectors []policy.Selector) {
		for _, s := range selectors {
			fmt.Fprintf(&b, " %s:%s %s%v%v%v", name, s.Property, s.Value, s.Networks, s.Countries, s.Certificate)
			if s.JWT != nil {
				fmt.Fprintf(&b, "%+v", *s.JWT)
			}
			if s.Condition != nil {
				fmt.Fprintf(&b, "%q", s.Condition.Text())
			}
		}
	}
	for _, p := range h.policies {
		fmt.Fprintf(&b, "\n  %s %v exempt %v", p.Source, p.Paths, p.Exempt)
		for _, r := range p.Rules {
			fmt.Fprintf(&b, "\n    %s %v", r.Action, r.Methods)
			list("include", r.Include)
			list("require", r.Require)
			list("exclude", r.Exclude)
		}
	}
	for _, g := range h.groups {
		fmt.Fprintf(&b, "\n  group %s", g.Source.Name)
		list("include", g.Include)
		list("require", g.Require)
		list("exclude", g.Exclude)
	}
	for _, t := range h.tokens {
		fmt.Fprintf(&b, "\n  token %s %v disabled %v", t.Source, t.PolicyNamespaces, t.Disabled)
		for _, s := range t.Secrets {
			fmt.Fprintf(&b, " %x", s.Sum[:4])
		}
	}
	fmt.Fprintf(&b, "\n  issuers %+v", h.issuers)
	return b.String()
}

func (h *house) side() Side {
	issuers := policy.NewTokenIssuers(h.issuers...)
	table, _ := policy.Build(policy.Input{
		Policies: policy.CompileAll(h.policies), Groups: policy.CompileGroups(h.groups), Tokens: h.tokens, TokenIssuers: issuers,
	})
	return Side{Table: table, Policies: h.policies, Tokens: h.tokens, TokenIssuers: issuers}
}

// everybody are all callers of a small world.
func everybody() (out []Request) {
	var proofs []Request
	add := func(edit func(r *Request)) {
		var r Request
		edit(&r)
		proofs = append(proofs, r)
	}
	tokens := []string{""}
	for _, name := range tokenNames {
		for _, which := range []string{"1", "2"} {
			sum := secret(name, which)
			tokens = append(tokens, name+"@"+hex.EncodeToString(sum[:]))
		}
	}
	claims := []map[string]any{nil}
	for _, iss := range []string{"ci", "forge", "other"} {
		for _, aud := range [][]any{{"x"}, {"y"}, {"x", "y"}, {"z"}, {"w"}} {
			for _, repository := range []any{nil, "acme/a", "acme/b", "acme/q", []any{"acme/a", "acme/b"}} {
				c := map[string]any{"iss": "https://" + iss + ".test", "aud": aud}
				if repository != nil {
					c["repository"] = repository
				}
				claims = append(claims, c)
			}
		}
	}
	for _, certificate := range [][]string{nil, {"none"}, {"a"}, {"b"}, {"c"}, {"a", "uri=spiffe://u"}, {"b", "uri=spiffe://u"},
		{"c", "uri=spiffe://u"}} {
		for i, token := range tokens {
			for j, c := range claims {
				if i > 0 && j%7 != i%7 && j > 0 { // of both together, some are enough
					continue
				}
				add(func(r *Request) {
					r.ServiceToken, r.SecretSHA256, _ = strings.Cut(token, "@")
					r.Bearer, r.Certificate = c, certificate
				})
			}
		}
	}
	for _, p := range alsoLinked(proofs) {
		for _, who := range []string{"", "ann@x.test", "bob@y.test", "eve@z.test", "eve@z.test dev"} {
			if who != "" && p.ServiceToken != "" {
				continue
			}
			for _, from := range []string{"", "10.1.1.1", "192.0.2.1", "10.1.1.1 NL", "192.0.2.1 NL", "192.0.2.1 DE"} {
				r := p
				email, group, _ := strings.Cut(who, " ")
				if r.Email = email; group != "" {
					r.Groups = []string{group}
				}
				r.Address, r.Country, _ = strings.Cut(from, " ")
				out = append(out, r)
			}
		}
	}
	return out
}

// sampled: for each pair, one in so many callers is asked for.
const sampled = 7

// TestMachines: whatever opens or closes among all requests of a small world of machines,
// groups and expressions, Compare finds, or says that it cannot tell; where nothing does, it
// finds nothing; and each witness shows what it is for.
func TestMachines(t *testing.T) {
	callers := everybody()
	n := 100
	if testing.Short() {
		n = 15
	}
	found, untold, needless := map[Effect]int{}, 0, 0
	for seed := range n {
		r := tiny{rand.New(rand.NewPCG(uint64(seed), 11))}
		h := r.house()
		e := r.edited(h)
		before, after := h.side(), e.side()
		got := Compare(before, after, settings)
		want := map[Effect]*Request{}
		for _, path := range []string{"/", "/a", "/ab"} {
			target, err := policy.NewTarget("h.x", path)
			if err != nil {
				t.Fatal(err)
			}
			for _, method := range []string{"GET", "POST"} {
				for i := seed % sampled; i < len(callers); i += sampled {
					q := callers[i]
					q.Method, q.URL, q.target = method, "https://h.x"+path, target
					if _, _, is := q.compare(before.Table, after.Table, settings); is != Nothing && want[is] == nil {
						want[is] = &q
					}
				}
			}
		}
		for _, effect := range []Effect{Opens, Closes} {
			switch is := want[effect] != nil; {
			case got.Has(effect):
				found[effect]++ // which its witness shows
			case is && len(got.Incomplete) > 0:
				untold++
			case is:
				t.Fatalf("seed %d: %s is not found: %q\nbefore %s\nafter  %s\ngot %+v", seed, effect, want[effect].Arguments(), h, e, got)
			}
		}
		if len(got.Incomplete) > 0 && !got.Has(Opens) && !got.Has(Closes) && want[Opens] == nil && want[Closes] == nil {
			needless++
		}
		for _, d := range got.Differences {
			if d.Witness.assumed != nil {
				t.Fatalf("seed %d: the witness %q has assumptions", seed, d.Witness.Arguments())
			}
			if _, _, e := d.Witness.compare(before.Table, after.Table, settings); e != d.Effect {
				t.Fatalf("seed %d: the witness %q shows that it %s, and is for one that %s", seed, d.Witness.Arguments(), e, d.Effect)
			}
		}
	}
	t.Logf("of %d pairs %v; not told apart: %d, and %d that are equal", n, found, untold, needless)
	if found[Opens] < n/8 || found[Closes] < n/8 || found[Opens] == n || untold > n/20 || needless > n/5 {
		t.Errorf("of %d pairs %v; not told apart: %d, and %d that are equal", n, found, untold, needless)
	}
}
