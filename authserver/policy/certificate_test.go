// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func certificate(commonName string) []Selector {
	return []Selector{{Property: ClientCertificate, Certificate: CertificateNames{CommonName: commonName}}}
}

func card(commonName string, from, to time.Time) PresentedCertificate {
	return PresentedCertificate{Known: true, Certificate: &Certificate{CommonName: commonName, DNSNames: []string{"ci.x"},
		URIs:      []string{"spiffe://x/ci"},
		NotBefore: from, NotAfter: to, Machine: Machine{Name: "cert:" + commonName}}}
}

// cards are what proxies can say of certificates.
var cards = []PresentedCertificate{{}, card("ci", birth, now.Add(time.Hour)), {Known: true}, card("cd", birth, now.Add(time.Hour)),
	card("ci", birth, now.Add(-time.Second)), card("ci", now.Add(time.Second), now.Add(time.Hour)), {Certificate: card("ci", birth,
		now.Add(time.Hour)).Certificate}}

func asksCertificate(s Selector) bool { return s.Property == ClientCertificate }

// refCertified: "what cannot be known never helps a visitor".
func refCertified(names CertificateNames, r *Request, ifUnknown bool) bool {
	p := r.Certificate
	if !p.Known {
		return ifUnknown
	}
	if p.Certificate == nil || r.Now.Before(p.NotBefore) || r.Now.After(p.NotAfter) {
		return false
	}
	return (names.CommonName == "" || names.CommonName == p.CommonName) && (names.URI == "" || slices.Contains(p.URIs, names.URI)) &&
		(names.DNSName == "" || slices.Contains(p.DNSNames, names.DNSName))
}

// refAsksCertificate: "a certificate admits by ServiceAuth rules that ask for it".
func refAsksCertificate(ru *Rule, r *Request, groups []Group) bool {
	return refAsks(ru.lists(), r, groups, func(sel Selector) bool { return asksCertificate(sel) && refCertified(sel.Certificate, r, false) })
}

func TestCertificate(t *testing.T) {
	names := func(n CertificateNames) []Selector { return []Selector{{Property: ClientCertificate, Certificate: n}} }
	all := names(CertificateNames{"ci", "ci.x", "spiffe://x/ci"})
	for name, tc := range map[string]struct {
		rules []Rule
		card  int
		want  string
		who   string
	}{
		"any":       {[]Rule{{Action: ServiceAuth, Include: certificate("")}}, 1, "allow service-auth p", "cert:ci"},
		"by name":   {[]Rule{{Action: ServiceAuth, Include: certificate("ci")}}, 1, "allow service-auth p", "cert:ci"},
		"all names": {[]Rule{{Action: ServiceAuth, Include: all}}, 1, "allow service-auth p", "cert:ci"},
		"one of the names not": {[]Rule{{Action: ServiceAuth, Include: names(CertificateNames{"ci", "ci.x", "spiffe://x/cd"})}},
			1, "deny no-rule-matched p", ""},
		"in require": {[]Rule{{Action: ServiceAuth, Include: everyone(), Require: certificate("ci")}}, 1,
			"allow service-auth p", "cert:ci"},
		"another":                  {[]Rule{{Action: ServiceAuth, Include: certificate("ci")}}, 3, "deny no-rule-matched p", ""},
		"letter case":              {[]Rule{{Action: ServiceAuth, Include: certificate("CI")}}, 1, "deny no-rule-matched p", ""},
		"none":                     {[]Rule{{Action: ServiceAuth, Include: certificate("")}}, 2, "deny no-rule-matched p", ""},
		"not told":                 {[]Rule{{Action: ServiceAuth, Include: certificate("")}}, 0, "deny no-rule-matched p", ""},
		"not believed":             {[]Rule{{Action: ServiceAuth, Include: certificate("")}}, 6, "deny no-rule-matched p", ""},
		"over":                     {[]Rule{{Action: ServiceAuth, Include: certificate("")}}, 4, "deny no-rule-matched p", ""},
		"not yet":                  {[]Rule{{Action: ServiceAuth, Include: certificate("")}}, 5, "deny no-rule-matched p", ""},
		"a rule that does not ask": {[]Rule{{Action: ServiceAuth, Include: everyone()}}, 1, "deny no-rule-matched p", ""},
		"excluded alone": {[]Rule{{Action: ServiceAuth, Include: everyone(), Exclude: certificate("cd")}}, 1,
			"deny no-rule-matched p", ""},
		"another, at an address that will do": {[]Rule{{Action: ServiceAuth, Include: append(networks("192.0.2.0/24"), certificate("ci")...)}}, 3,
			"deny no-rule-matched p", ""},
		"the right one, at an address": {[]Rule{{Action: ServiceAuth, Include: append(networks("192.0.2.0/24"), certificate("ci")...)}}, 1,
			"allow service-auth p", "cert:ci"},
		"a rule of tokens":        {[]Rule{{Action: ServiceAuth, Include: []Selector{{Property: AnyToken}}}}, 1, "deny no-rule-matched p", ""},
		"people need one, too":    {[]Rule{{Action: Allow, Include: everyone(), Require: certificate("")}}, 1, "challenge no-session p", ""},
		"people without one":      {[]Rule{{Action: Allow, Include: everyone(), Require: certificate("")}}, 2, "deny no-rule-matched p", ""},
		"people, not told":        {[]Rule{{Action: Allow, Include: everyone(), Require: certificate("")}}, 0, "deny no-rule-matched p", ""},
		"excluded from Allow":     {[]Rule{{Action: Allow, Include: everyone(), Exclude: certificate("cd")}}, 0, "deny no-rule-matched p", ""},
		"blocked":                 {[]Rule{{Action: Block, Include: certificate("ci")}}, 1, "deny blocked p", ""},
		"blocked, not told":       {[]Rule{{Action: Block, Include: certificate("cd")}}, 0, "deny blocked p", ""},
		"not blocked without one": {[]Rule{{Action: Block, Include: certificate("cd")}}, 2, "deny no-rule-matched p", ""},
		"all but those with one":  {[]Rule{{Action: Block, Include: everyone(), Exclude: certificate("ci")}}, 1, "deny no-rule-matched p", ""},
		"all but those, not told": {[]Rule{{Action: Block, Include: everyone(), Exclude: certificate("ci")}}, 0, "deny blocked p", ""},
	} {
		d := mustBuild(t, one(tc.rules...)).Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET",
			Certificate: cards[tc.card], Address: netip.MustParseAddr("192.0.2.1"), Now: now})
		who := ""
		if d.Machine != nil {
			who = d.Machine.Name
		}
		if brief(d) != tc.want || who != tc.who {
			t.Errorf("%s: %s %q, want %s %q", name, brief(d), who, tc.want, tc.who)
		}
	}
}

// TestCertificateInGroup: in a group, the selector means what it means in the rule.
func TestCertificateInGroup(t *testing.T) {
	at := func(network string) []Selector { return networks(network) }
	set := []Group{
		groupOf("machines", certificate("ci"), nil, nil),
		groupOf("here", certificate("ci"), at("192.0.2.0/24"), nil),
		groupOf("elsewhere", certificate("ci"), at("10.0.0.0/8"), nil),
		groupOf("either", append(at("192.0.2.0/24"), certificate("ci")...), nil, nil),
		groupOf("any", everyone(), certificate(""), nil),
		groupOf("but", everyone(), nil, certificate("cd")),
		groupOf("nested", append(at("10.0.0.0/8"), named("machines")...), nil, nil),
		groupOf("people", append(emails("ann@x"), certificate("ci")...), nil, nil),
	}
	auth := func(include []Selector, require ...Selector) []Rule {
		return []Rule{{Action: ServiceAuth, Include: include, Require: require}}
	}
	for name, tc := range map[string]struct {
		rules []Rule
		card  int
		want  string
		who   string
	}{
		"named":                       {auth(named("machines")), 1, "allow service-auth p", "cert:ci"},
		"another":                     {auth(named("machines")), 3, "deny no-rule-matched p", ""},
		"none":                        {auth(named("machines")), 2, "deny no-rule-matched p", ""},
		"not told":                    {auth(named("machines")), 0, "deny no-rule-matched p", ""},
		"over":                        {auth(named("machines")), 4, "deny no-rule-matched p", ""},
		"required":                    {auth(everyone(), named("machines")...), 1, "allow service-auth p", "cert:ci"},
		"required by the group":       {auth(named("any")), 3, "allow service-auth p", "cert:cd"},
		"nested":                      {auth(named("nested")), 1, "allow service-auth p", "cert:ci"},
		"nested, another":             {auth(named("nested")), 3, "deny no-rule-matched p", ""},
		"with an address":             {auth(named("here")), 1, "allow service-auth p", "cert:ci"},
		"another, by address alone":   {auth(named("either")), 3, "deny no-rule-matched p", ""},
		"excluded by the group":       {auth(named("but")), 1, "deny no-rule-matched p", ""},
		"of a group that is not met":  {auth(append(named("elsewhere"), everyone()...)), 1, "deny no-rule-matched p", ""},
		"a missing group":             {auth(named("nobody")), 1, "deny no-rule-matched p", ""},
		"a group of people":           {auth(named("people")), 1, "deny no-rule-matched p", ""},
		"on Bypass":                   {[]Rule{{Action: Bypass, Include: named("machines")}}, 1, "deny no-rule-matched p", ""},
		"on Bypass, nested":           {[]Rule{{Action: Bypass, Include: append(everyone(), named("nested")...)}}, 1, "deny no-rule-matched p", ""},
		"blocked":                     {[]Rule{{Action: Block, Include: named("machines")}}, 1, "deny blocked p", ""},
		"blocked, not told":           {[]Rule{{Action: Block, Include: named("machines")}}, 0, "deny blocked p", ""},
		"not blocked without one":     {[]Rule{{Action: Block, Include: named("machines")}}, 2, "deny no-rule-matched p", ""},
		"people need one, too":        {[]Rule{{Action: Allow, Include: everyone(), Require: named("machines")}}, 1, "challenge no-session p", ""},
		"a group of people, for them": {[]Rule{{Action: Allow, Include: named("people")}}, 1, "challenge no-session p", ""},
	} {
		table, issues := withGroups(set, one(tc.rules...))
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Certificate: cards[tc.card], Address: netip.MustParseAddr("192.0.2.1"), Now: now}
		d, trace := table.Explain(r)
		who := ""
		if d.Machine != nil {
			who = d.Machine.Name
		}
		if d != table.Decide(r) || brief(d) != tc.want || who != tc.who {
			t.Errorf("%s: %s %q, want %s %q", name, brief(d), who, tc.want, tc.who)
		}
		if told := slices.ContainsFunc(trace.Steps, func(s Step) bool { return s.What == "certificate" }); told == (name == "a missing group") {
			t.Errorf("%s: explain says of certificates: %t", name, told)
		}
		bypass := slices.ContainsFunc(issues, func(i Issue) bool { return i.Code == codeGroupNotAsked && i.Warning() })
		if bypass != (tc.rules[0].Action == Bypass) {
			t.Errorf("%s: %v", name, issues)
		}
	}
}

// TestCertificateUntold: who looks at certificates is told where nobody tells of them.
func TestCertificateUntold(t *testing.T) {
	direct, group, plain := one(Rule{Action: Block, Include: emails("x@y")}, Rule{Action: ServiceAuth, Include: certificate("ci")}), one(does(Allow)...), one(does(Allow)...)
	group.Source.Name, group.Hosts, group.Rules[0].Require = "g", []string{"g.x"}, named("nested")
	plain.Source.Name, plain.Hosts, plain.Rules[0].Require = "q", []string{"q.x"}, named("other")
	in := Input{Policies: CompileAll([]Policy{direct, group, plain}), Groups: CompileGroups([]Group{
		groupOf("nested", everyone(), nil, named("machines")), groupOf("machines", certificate("ci"), nil, nil), groupOf("other", everyone(), nil, nil)})}
	said := func() (out []string) {
		_, issues := Build(in)
		for _, i := range issues {
			if i.Code == codeCertificateUntold && i.Warning() {
				out = append(out, i.Source.String()+" "+i.Message[strings.Index(i.Message, "certificate, and ")+len("certificate, and "):strings.Index(i.Message, " names")])
			}
		}
		return out
	}
	if got := said(); got != nil {
		t.Errorf("no route names them: %q", got)
	}
	in.Bindings = []Binding{{"n/z", "n/p"}, {"n/a", "n/p"}, {"n/q", "n/q"}, {RouteKind + "n/r", "n/g"}}
	want := []string{"n/g spec.rules[0] HTTPRoute n/r", "n/p spec.rules[1] Ingress n/a"}
	if got := said(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestCertificateAtSignIn: where people sign in nobody knows of their certificates. That
// they will not have one is said on their way back.
func TestCertificateAtSignIn(t *testing.T) {
	table := mustBuild(t, one(Rule{Action: Allow, Include: everyone(), Require: certificate("ci")}))
	r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: session("n/p"),
		Certificate: PresentedCertificate{Hoped: true}, Now: now}
	if d := table.Decide(r); d.Verdict != Admit {
		t.Error(brief(d))
	}
	r.Certificate = PresentedCertificate{}
	if d := table.Decide(r); d.Verdict == Admit {
		t.Error(brief(d))
	}
}

// enforcedCertificates are those of enforced.
var enforcedCertificates = map[string]func(*Policy){
	"Rules.Include.Certificate.CommonName": func(p *Policy) { p.Rules[0].Include = certificate("other") },
	"Rules.Include.Certificate.DNSName": func(p *Policy) {
		p.Rules[0].Include = []Selector{{Property: ClientCertificate, Certificate: CertificateNames{DNSName: "other"}}}
	},
	"Rules.Include.Certificate.URI": func(p *Policy) {
		p.Rules[0].Include = []Selector{{Property: ClientCertificate, Certificate: CertificateNames{URI: "other"}}}
	},
	"Selector of a machine's certificate": func(p *Policy) { p.Rules[1].Include = certificate("ci") },
}
