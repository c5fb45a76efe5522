// SPDX-License-Identifier: Apache-2.0

package cloudflare_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/imports/cloudflare"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
	"github.com/ostiary/ostiary/controllers/manifests"
)

type object = map[string]any

// A visitor is somebody, and what cannot be expressed here is true of them or not.
type visitor struct {
	email, group, amr, ip, country string // email "": nobody is signed in
	token, certificate             string
	other                          bool // whether what has no equivalent holds, and who explained themselves
	missing                        bool // whether what is not in the input holds
}

// reference is what decides at Cloudflare, as its documentation has it.
type reference struct {
	groups map[string]object
}

func (r *reference) selector(s object, v *visitor, identity bool) bool {
	for key, value := range s {
		fields := value.(object)
		one := func(name string) string { return fields[name].(string) }
		switch key {
		case "everyone":
			return true
		case "email":
			return identity && v.email == one("email")
		case "email_domain":
			return identity && strings.HasSuffix(v.email, "@"+one("domain"))
		case "okta":
			return identity && v.email != "" && v.group == one("name")
		case "auth_method":
			return identity && v.email != "" && v.amr == one("auth_method")
		case "login_method":
			return identity && v.email != ""
		case "ip":
			return netip.MustParsePrefix(one("ip")).Contains(netip.MustParseAddr(v.ip))
		case "geo":
			return v.country == one("country_code")
		case "service_token":
			return v.token == one("token_id")
		case "any_valid_service_token":
			return v.token != ""
		case "certificate":
			return v.certificate != ""
		case "common_name":
			return v.certificate == one("common_name")
		case "ip_list":
			return v.ip == "10.0.0.1"
		case "device_posture":
			return v.other
		case "saml":
			return identity && v.email != "" && v.other
		case "group":
			if g := r.groups[one("id")]; g != nil {
				return r.matches(g, v, identity)
			}
			return v.missing
		}
	}
	panic("no selector")
}

func (r *reference) matches(rule object, v *visitor, identity bool) bool {
	holds := func(s object) bool { return r.selector(s, v, identity) }
	lacks := func(s object) bool { return !holds(s) }
	list := func(key string) []object { return rule[key].([]object) }
	return slices.ContainsFunc(list("include"), holds) && !slices.ContainsFunc(list("require"), lacks) &&
		!slices.ContainsFunc(list("exclude"), holds)
}

// admits: Bypass and Service Auth first, then Block and Allow; the first match counts.
func (r *reference) admits(rules []any, v *visitor) bool {
	for _, p := range rules {
		rule, whole := p.(object)
		if whole && (rule["decision"] == "bypass" || rule["decision"] == "non_identity") && r.matches(rule, v, false) {
			return true
		}
	}
	for _, p := range rules {
		rule, whole := p.(object)
		switch {
		case !whole: // one that is not in the input: a Block, or nothing
			if v.missing {
				return false
			}
		case rule["decision"] == "deny" && r.matches(rule, v, v.email != ""):
			return false
		case rule["decision"] == "allow" && v.email != "" && r.matches(rule, v, true):
			return rule["purpose_justification_required"] != true || v.other
		}
	}
	return false
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// What randomSelector draws from: all selectors, those of people and places, those of places.
var (
	anything = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}
	people   = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 15}
	places   = []int{0, 7, 8, 9, 13}
	machines = []int{10, 11}
)

func randomSelector(r *rand.Rand, groups int, pool []int) object {
	text := func(key, field string, values ...string) object {
		return object{key: object{field: pick(r, values...)}}
	}
	switch pick(r, pool...) {
	case 0:
		return object{"everyone": object{}}
	case 1, 2:
		return text("email", "email", "ann@example.com", "bob@example.org")
	case 3, 4:
		return text("email_domain", "domain", "example.com", "example.org")
	case 5:
		return object{"okta": object{"name": pick(r, "staff", "ops"), "identity_provider_id": "corp"}}
	case 6:
		return text("auth_method", "auth_method", "mfa", "pwd")
	case 7, 8:
		return text("ip", "ip", "10.0.0.0/8", "10.0.0.1/32", "192.0.2.0/24")
	case 9:
		return text("geo", "country_code", "NL", "DE")
	case 10:
		return text("service_token", "token_id", "t1", "t2")
	case 11:
		return object{"any_valid_service_token": object{}}
	case 12:
		return pick(r, object{"certificate": object{}}, text("common_name", "common_name", "ci", "cd"))
	case 13:
		return object{"ip_list": object{"id": "office"}}
	case 14:
		return pick(r, object{"device_posture": object{"integration_uid": "x"}},
			object{"saml": object{"attribute_name": "a", "attribute_value": "b", "identity_provider_id": "corp"}})
	case 15:
		return object{"login_method": object{"id": "corp"}}
	default:
		if n := r.IntN(groups + 1); n < groups {
			return object{"group": object{"id": fmt.Sprint("g", n)}}
		}
		return object{"group": object{"id": "gone"}}
	}
}

func randomLists(r *rand.Rand, groups int, include, others []int) object {
	list := func(least, most int, pool []int) []object {
		out := []object{}
		for range least + r.IntN(most-least+1) {
			out = append(out, randomSelector(r, groups, pool))
		}
		return out
	}
	return object{"include": list(1, 3, include), "require": list(0, 1, others), "exclude": list(0, r.IntN(2), others)}
}

// randomRules are of anything, or of what can be expressed.
func randomRules(r *rand.Rand) (groups map[string]object, rules []any) {
	groups = map[string]object{}
	wild := r.IntN(2) == 0
	pool := people
	if wild {
		pool = anything
	}
	for i := range r.IntN(3) {
		g := randomLists(r, i, pool, pool)
		g["id"], g["name"] = fmt.Sprint("g", i), fmt.Sprint("group ", i)
		groups[fmt.Sprint("g", i)] = g
	}
	for i := range 1 + r.IntN(4) {
		if wild && r.IntN(30) == 0 {
			rules = append(rules, "not-here")
			continue
		}
		decision := pick(r, "allow", "allow", "allow", "deny", "deny", "bypass", "non_identity")
		include, others := pool, pool
		if !wild && decision == "bypass" {
			include, others = places, places
		} else if !wild && decision == "non_identity" {
			include, others = machines, places
		}
		p := randomLists(r, len(groups), include, others)
		p["name"], p["decision"] = fmt.Sprint("rule ", i), decision
		if wild && r.IntN(15) == 0 {
			p["purpose_justification_required"] = true
		}
		rules = append(rules, p)
	}
	return groups, rules
}

// here is our side: the table that is made of the import.
func here(t *testing.T, groups map[string]object, rules []any) (*policy.Table, *draft.Draft, string) {
	t.Helper()
	all := []any{
		object{"id": "app", "type": "self_hosted", "name": "App", "domain": "app.example.com", "policies": rules},
		object{"id": "t1", "name": "t1", "client_id": "c1", "duration": "8760h"},
		object{"id": "t2", "name": "t2", "client_id": "c2", "duration": "8760h"},
		object{"id": "office", "name": "office", "type": "IP", "items": []object{{"value": "10.0.0.1"}}},
		object{"id": "corp", "name": "corp", "type": "okta", "config": object{"client_id": "x", "okta_account": "https://corp.okta.com"}},
	}
	for _, g := range groups {
		all = append(all, g)
	}
	js, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	d := draft.New("shop")
	if err := cloudflare.Read(d, []tree.File{{Name: "x.json", Text: js}}); err != nil {
		t.Fatalf("%v\n%s", err, js)
	}
	d.Finish()
	text, err := d.YAML()
	if err != nil {
		t.Fatal(err)
	}
	set, err := manifests.ReadForCluster(nil, []string{manifests.Stdin}, policy.Terms{}, strings.NewReader(string(text)), "ostiary-system")
	if err != nil {
		t.Fatal(err)
	}
	set.Tokens = policy.AssumeTokens(set.Tokens, "shop/t1", "shop/t2")
	if _, problems := set.Build(); slices.ContainsFunc(problems, func(p manifests.Problem) bool { return !p.Warning }) {
		t.Fatalf("%v\n%s", problems, text)
	}
	in := set.Input()
	in.Providers = policy.NewProviders(policy.Provider{Name: "corp"}) // as with its Secret
	table, _ := policy.Build(in)
	return table, d, string(text)
}

type countries map[string]string

func (c countries) Country(a netip.Addr) string { return c[a.String()] }

func (v *visitor) request(t *testing.T) policy.Request {
	t.Helper()
	target, err := policy.ParseTarget("https://app.example.com/x")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := policy.Request{Target: target, Method: "GET", Address: netip.MustParseAddr(v.ip), Countries: countries{v.ip: v.country}, Now: now}
	r.Certificate.Known = true
	if v.certificate != "" {
		r.Certificate.Certificate = &policy.Certificate{CommonName: v.certificate, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	}
	if v.token != "" {
		r.Token.Held = &policy.HeldToken{Source: policy.Source{Namespace: "shop", Name: v.token}}
	}
	if v.email != "" {
		r.Subject = &policy.Subject{ID: v.email, Email: v.email, Groups: []string{v.group}, AMR: []string{v.amr}, Provider: "corp",
			Audience: []string{"shop/app"}, SignedInAt: now.Add(-time.Minute), IssuedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour)}
	}
	return r
}

func visitors() (out []visitor) {
	for _, email := range []string{"", "ann@example.com", "bob@example.org"} {
		for _, credential := range [][2]string{{"", ""}, {"t1", ""}, {"", "ci"}, {"t2", "cd"}} {
			if email != "" && credential[0] != "" {
				continue // who sends a token is a machine here, whatever cookies come with it
			}
			for _, place := range [][2]string{{"10.0.0.1", "NL"}, {"10.9.9.9", "DE"}, {"192.0.2.7", "NL"}, {"203.0.113.9", "US"}} {
				for bits := range 16 {
					v := visitor{email: email, ip: place[0], country: place[1], token: credential[0], certificate: credential[1],
						group: []string{"staff", "ops"}[bits&1], amr: []string{"mfa", "pwd"}[bits>>1&1], other: bits&4 > 0, missing: bits&8 > 0}
					out = append(out, v)
				}
			}
		}
	}
	return out
}

// TestNeverOpens: of random rules, what is imported admits nobody whom Cloudflare does not, and
// where nothing was noted as closed or left out, it admits whom Cloudflare does.
func TestNeverOpens(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	sets, whole, admitted := 120, 0, 0
	if testing.Short() {
		sets = 40
	}
	for range sets {
		groups, rules := randomRules(r)
		table, d, text := here(t, groups, rules)
		exact := d.Count(draft.Closed)+d.Count(draft.Left) == 0
		if exact {
			whole++
		}
		ref := &reference{groups}
		for _, v := range visitors() {
			ours, theirs := table.Decide(v.request(t)).Verdict == policy.Admit, ref.admits(rules, &v)
			if ours {
				admitted++
			}
			if ours && !theirs || exact && ours != theirs {
				js, _ := json.MarshalIndent(object{"groups": groups, "rules": rules}, "", " ")
				t.Fatalf("seed %d: %+v\nadmitted here: %t (%s), there: %t, nothing noted: %t\n%s\n%s\n%v",
					seed, v, ours, table.Decide(v.request(t)).Reason, theirs, exact, js, text, d.Notes)
			}
		}
	}
	t.Logf("%d of %d sets had everything translated, %d requests were admitted", whole, sets, admitted)
	if admitted == 0 || whole == 0 {
		t.Error("nobody was admitted, or nothing was whole")
	}
}
