// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func tokenNamed(names ...string) (out []Selector) {
	for _, n := range names {
		out = append(out, Selector{Property: Token, Value: n})
	}
	return out
}

func anyToken() []Selector { return []Selector{{Property: AnyToken}} }

// TestOracleServiceTokens: every token that a request can bring, with every rule that can
// look at it, beside rules that would admit anybody, or block everybody: as the reference
// says. Where one came along, no answer leads to a login, and nobody is named but a
// machine. (THREATS F4, F15, G4)
func TestOracleServiceTokens(t *testing.T) {
	var rules []Rule
	lists := [][]Selector{anyToken(), everyone(), networks("10.0.0.0/8"), tokenNamed("ci"), tokenNamed("n/ci", "bot"), tokenNamed("m/ci"),
		tokenNamed("m/shared"), tokenNamed("m/ci", "off", "twin")}
	for _, include := range lists {
		for _, require := range append([][]Selector{nil}, lists...) {
			for _, exclude := range append([][]Selector{nil}, lists...) {
				rules = append(rules, Rule{Action: ServiceAuth, Include: include, Require: require, Exclude: exclude})
			}
		}
	}
	besides := [][]Rule{nil, does(Bypass), does(Allow), does(Block), {
		{Action: Bypass, Include: networks("11.0.0.0/8")}, {Action: Block, Include: emails("ann@x")}, {Action: Allow, Include: emails("ann@x")}}}
	var visits []Request
	target := mustTarget(t, "https://a.x/")
	for token := range presented {
		for _, method := range []string{"GET", "OPTIONS"} {
			for _, address := range []string{"10.1.1.1", "11.1.1.1"} {
				for _, s := range []*Subject{nil, session("n/p")} {
					visits = append(visits, Request{Target: target, Method: method, Token: token, Subject: s,
						Address: netip.MustParseAddr(address), Now: now})
				}
			}
		}
	}
	counts := map[Reason]int{}
	for i, ru := range rules {
		for j, other := range besides {
			if (i+j)%every(3) > 0 {
				continue
			}
			for _, list := range [][]Rule{append([]Rule{ru}, other...), append(slices.Clone(other), ru)} {
				p := one(list...)
				table := mustBuild(t, p).knowing(tokens())
				for _, r := range visits {
					v, why := refRules(&p, &r)
					d := table.Decide(r)
					if d.Verdict != v || d.Reason != why || d.Identified {
						t.Fatalf("%s %+v: %+v; the reference says %s %s\nrules: %+v", r.Method, r.Token, d, v, why, list)
					}
					counts[why]++
					if v == Challenge && why != ServiceTokenInvalid || (d.Machine != nil) != (why == ServiceAdmitted) ||
						d.Unauthenticated != Unauthorized {
						t.Fatalf("%+v: %+v", r.Token, d)
					}
					if d.Machine != nil && d.Machine.Name != "service:"+presented[r.Token] {
						t.Fatalf("%+v is told as %s", r.Token, d.Machine.Name)
					}
				}
				if e, _ := table.Explain(visits[i%len(visits)]); e != table.Decide(visits[i%len(visits)]) {
					t.Fatal("Explain differs")
				}
			}
		}
	}
	for _, why := range []Reason{ServiceTokenInvalid, ServiceAdmitted, NoRuleMatched, Blocked, Bypassed} {
		if counts[why] == 0 {
			t.Errorf("the test never saw %s", why)
		}
	}
}

// TestServiceTokenIsNoDoor: what a token cannot do.
func TestServiceTokenIsNoDoor(t *testing.T) {
	good := PresentedToken{ID: "id-ci", Secret: "new"}
	p := one(Rule{Action: ServiceAuth, Include: anyToken()})
	p.CORS = spa()
	table := mustBuild(t, p).knowing(tokens())
	ask := func(change func(*Request)) string {
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "POST", Token: good, Now: now}
		change(&r)
		return brief(table.Decide(r))
	}
	for name, tc := range map[string]struct {
		change func(*Request)
		want   string
	}{
		"good":              {func(*Request) {}, "allow service-auth p"},
		"another site":      {func(r *Request) { r.Site, r.Origin = SiteOther, "https://evil.example" }, "allow service-auth p"}, // after a preflight
		"ambiguous path":    {func(r *Request) { r.Target = mustTarget(t, "https://a.x/x/../y") }, "deny ambiguous-path p"},
		"host unproven":     {func(r *Request) { r.HostUnproven = true }, "deny bad-request p"},
		"no such host":      {func(r *Request) { r.Target = mustTarget(t, "https://b.x/") }, "deny no-policy"},
		"pinned to nothing": {func(r *Request) { r.Ingress = "n/i" }, "deny no-policy"},
		"it is over":        {func(r *Request) { r.Token = PresentedToken{ID: "id-over", Secret: "over"} }, "challenge service-token-invalid p"},
		"a preflight": {func(r *Request) {
			r.Method, r.Origin, r.Preflight.Method = "OPTIONS", "https://evil.example", "GET"
		}, "deny origin-not-allowed p"},
		"a session counts not": {func(r *Request) { r.Token.Secret, r.Subject = "wrong", session("n/p") }, "challenge service-token-invalid p"},
	} {
		if got := ask(tc.change); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	var none *Table
	if d := none.Decide(Request{Token: good, Now: now}); d.Verdict != Deny {
		t.Error("without a table:", brief(d))
	}
}

// TestServiceTokenRevision: every field of a token is a part of the revision, and their
// order is not.
func TestServiceTokenRevision(t *testing.T) {
	token := ServiceToken{Source: Source{"n", "ci", "f"}, ClientID: "c", Secrets: []TokenSecret{{SecretSum("s"), birth}},
		PolicyNamespaces: []string{"k"}, ExpiresAt: now, Disabled: true}
	plain := mustBuild(t, one(does(Allow)...))
	seen := map[string]string{plain.Revision(): "none"}
	note := func(path string) {
		if strings.Contains(path, "Sum") {
			return
		}
		revision := plain.knowing([]ServiceToken{token}).Revision()
		if other, ok := seen[revision]; ok {
			t.Errorf("%s: the same revision as %s", path, other)
		}
		seen[revision] = path
	}
	note("nothing changed")
	v := reflect.ValueOf(&token).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "Secrets" {
			eachChange(t, name, v.Field(i), note)
		}
	}
	token.Secrets[0].Until = now
	note("until")
	token.Secrets[0].Sum[31]++
	note("sum (a byte)")
	token.Secrets = nil
	note("no secrets")
	all := tokens()
	want := plain.knowing(all).Revision()
	slices.Reverse(all)
	if got := plain.knowing(all).Revision(); got != want {
		t.Error("order matters")
	}
}

func TestServiceTokenRules(t *testing.T) {
	for name, tc := range map[string]struct {
		rule Rule
		want string
	}{
		"in Allow":      {Rule{Action: Allow, Include: tokenNamed("ci")}, "spec.rules[0].include[0] service-auth-only"},
		"any in Bypass": {Rule{Action: Bypass, Include: everyone(), Exclude: anyToken()}, "spec.rules[0].exclude[0] service-auth-only"},
		"in Block":      {Rule{Action: Block, Include: everyone(), Require: tokenNamed("ci")}, "spec.rules[0].require[0] service-auth-only"},
		"no name":       {Rule{Action: ServiceAuth, Include: tokenNamed("")}, "spec.rules[0].include[0] service-token-name"},
		"two slashes":   {Rule{Action: ServiceAuth, Include: tokenNamed("a/b/c")}, "spec.rules[0].include[0] service-token-name"},
		"upper case":    {Rule{Action: ServiceAuth, Include: tokenNamed("a/B")}, "spec.rules[0].include[0] service-token-name"},
		"no namespace":  {Rule{Action: ServiceAuth, Include: tokenNamed("/b")}, "spec.rules[0].include[0] service-token-name"},
		"a duration": {Rule{Action: ServiceAuth, Include: anyToken(), SessionDuration: time.Hour},
			"spec.rules[0].sessionDuration session-duration-on-bypass"},
		"in ServiceAuth": {Rule{Action: ServiceAuth, Include: tokenNamed("ci", "k/ci"), Require: anyToken()}, ""},
	} {
		p := one(tc.rule)
		var got []string
		for _, i := range Validate(&p) {
			got = append(got, fmt.Sprint(i.Source.Field, " ", i.Code))
		}
		if strings.Join(got, "; ") != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
