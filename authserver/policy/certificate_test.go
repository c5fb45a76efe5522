// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
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

// refAsksCertificate: "a certificate admits by ServiceAuth rules that ask for one".
func refAsksCertificate(ru *Rule, r *Request) bool {
	return refCertified(CertificateNames{}, r, false) && slices.ContainsFunc(append(slices.Clone(ru.Include), ru.Require...), asksCertificate)
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
			Certificate: cards[tc.card], Now: now})
		who := ""
		if d.Machine != nil {
			who = d.Machine.Name
		}
		if brief(d) != tc.want || who != tc.who {
			t.Errorf("%s: %s %q, want %s %q", name, brief(d), who, tc.want, tc.who)
		}
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
