// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// full is a spec in which every field is set, and none to its default.
func full() v1alpha1.AccessPolicySpec {
	everyone := func() *apiextensionsv1.JSON { return &apiextensionsv1.JSON{Raw: []byte("{}")} }
	selectors := func() []v1alpha1.Selector {
		return []v1alpha1.Selector{{Everyone: everyone()}, {Email: "a@example.com"}, {EmailDomain: "example.com"}, {IP: []v1alpha1.CIDR{"10.0.0.0/8"}},
			{IdPGroup: "staff"}, {LoginMethod: "corp"}, {AuthMethod: "mfa"}, {Country: []v1alpha1.Country{"NL"}}, {CEL: "request.method == 'GET'"},
			{Group: "staff"},
			{Certificate: &v1alpha1.ClientCertificate{CommonName: "ci", DNSName: "ci.example.com", URI: "spiffe://example.com/ci"}},
			{ServiceToken: "ci"}, {AnyServiceToken: &v1alpha1.AnyServiceToken{}}, {JWT: jwt()},
			{Claim: &v1alpha1.OIDCClaim{Name: "department", Value: "eng", IdentityProvider: "corp"}},
			{ExternalEvaluation: &v1alpha1.ExternalEvaluation{URL: "https://eval.example.com/a", KeysURL: "https://eval.example.com/keys"}},
			{LinkedApp: &v1alpha1.LinkedApp{Name: "reports", Namespace: "desk"}}, {Client: &v1alpha1.ClientSelector{ID: "https://agent.example/id"}}}
	}
	return v1alpha1.AccessPolicySpec{
		Hosts:               []v1alpha1.Host{"app.example.com"},
		Paths:               []v1alpha1.PathMatch{{Path: "/a", Type: v1alpha1.PathExact}},
		AllowEncodedSlashes: true,
		CORS: &v1alpha1.CORS{
			Preflight: v1alpha1.PreflightBypass, AllowAllOrigins: true, AllowedOrigins: []v1alpha1.Origin{"https://a.example"},
			AllowAllMethods: true, AllowedMethods: []v1alpha1.Method{"GET"}, AllowAllHeaders: true, AllowedHeaders: []v1alpha1.HeaderName{"x-a"},
			AllowCredentials: true, MaxAge: 5, ExposedHeaders: []v1alpha1.HeaderName{"x-b"}, AllowPrivateNetwork: true, Tokens: true, Responses: v1alpha1.ResponsesManaged,
		},
		Rules: []v1alpha1.Rule{{Name: "r", Action: v1alpha1.ActionAllow, Methods: []v1alpha1.Method{"GET"},
			Include: selectors(), Require: selectors(), Exclude: selectors(), SessionDuration: "1h"}},
		IdentityProviders: []v1alpha1.ProviderName{"corp"},
		Session: &v1alpha1.Session{Duration: "2h", Idle: "30m", RevokedBefore: "2026-01-31T12:00:00Z",
			Cookie:           &v1alpha1.Cookie{SameSite: v1alpha1.SameSiteLax, HTTPOnly: new(bool), Partitioned: true, PathScoped: true},
			PolicyNamespaces: []v1alpha1.NamespaceName{"desk"}},
		Denied:          &v1alpha1.Denied{Message: "ask", URL: "https://help.example.com"},
		Launcher:        &v1alpha1.Launcher{Visible: new(false), Title: "Wiki", LogoURL: "https://c.x/", Tags: []v1alpha1.LauncherTag{"a"}},
		Unauthenticated: v1alpha1.UnauthenticatedRedirect,
		CrossSite:       v1alpha1.CrossSiteAllow,
		Exempt:          []v1alpha1.Path{"/sw.js"},
		DryRun:          v1alpha1.DryRunOpen,
		OAuth: &v1alpha1.OAuth{AuthorizationServer: "corp", ResourceName: "Notes", Scopes: []v1alpha1.OAuthScope{"notes:read"},
			AccessTokenDuration: "5m", RefreshTokenDuration: "24h",
			Clients: []v1alpha1.ListedOAuthClient{{ID: "cli", Name: "CLI", RedirectURIs: []v1alpha1.RedirectURI{"http://localhost/cb"}}}},
		UpstreamHeaders: []v1alpha1.UpstreamHeader{{Name: "x-webauth-groups", From: v1alpha1.UpstreamGroups, Groups: []v1alpha1.UpstreamGroup{"staff"}, Claim: "name", Separator: ";", Encoding: v1alpha1.UpstreamRFC8187}},
	}
}

func policyOf(s v1alpha1.AccessPolicySpec) policy.Policy {
	return translate.Policy(&v1alpha1.AccessPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "n", CreationTimestamp: metav1.Unix(1e9, 0)}, Spec: s})
}

// fields calls visit for every field of a struct, and of what hangs below it.
func fields(path string, v reflect.Value, visit func(path string, v reflect.Value)) {
	switch v.Kind() { //nolint:exhaustive // a spec is made of these
	case reflect.Pointer:
		if v.Type() == reflect.TypeFor[*apiextensionsv1.JSON]() {
			return
		}
		fields(path, v.Elem(), visit)
	case reflect.Slice:
		for i := range v.Len() {
			fields(fmt.Sprintf("%s[%d]", path, i), v.Index(i), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			at := path + "." + v.Type().Field(i).Name
			visit(at, v.Field(i))
			fields(at, v.Field(i), visit)
		}
	}
}

// TestEveryField: a field that is left out makes another policy, so none is
// ignored. A field that full does not know of fails the test.
func TestEveryField(t *testing.T) {
	whole := full()
	want := policyOf(full())
	if len(want.Defects) > 0 {
		t.Fatalf("%v", want.Defects)
	}
	seen := map[string]bool{}
	n := 0
	fields("spec", reflect.ValueOf(&whole), func(path string, v reflect.Value) {
		kind := path[strings.LastIndexByte(path, '.')+1:]
		seen[kind] = seen[kind] || !v.IsZero()
		if v.IsZero() {
			return
		}
		n++
		before := reflect.New(v.Type()).Elem()
		before.Set(v)
		v.SetZero()
		if got := policyOf(whole); reflect.DeepEqual(got, want) {
			t.Errorf("%s is ignored", path)
		}
		v.Set(before)
	})
	if got := policyOf(whole); !reflect.DeepEqual(got, want) || n < 30 {
		t.Fatalf("the test is broken: %d fields", n)
	}
	for name, set := range seen {
		if !set {
			t.Errorf("no value for %s: add one to full", name)
		}
	}
}

// TestAlone: each field of the spec set alone changes the policy (G11).
func TestAlone(t *testing.T) {
	empty := policyOf(v1alpha1.AccessPolicySpec{})
	whole := reflect.ValueOf(full())
	for i := range whole.NumField() {
		var s v1alpha1.AccessPolicySpec
		reflect.ValueOf(&s).Elem().Field(i).Set(whole.Field(i))
		if reflect.DeepEqual(policyOf(s), empty) {
			t.Errorf("%s alone is ignored", whole.Type().Field(i).Name)
		}
	}
}

// TestEveryTarget: the other way round, translate fills in every field of the
// policy.
func TestEveryTarget(t *testing.T) {
	p := policyOf(full())
	p.Defects = []policy.Issue{{}} // Build's
	p.Salvaged = true              // package source's
	fields("policy", reflect.ValueOf(&p), func(path string, v reflect.Value) {
		switch {
		case strings.Contains(path, "Defects["), strings.Contains(path, "Since."), strings.Contains(path, "RevokedBefore."), strings.HasSuffix(path, "Source.Field"):
		case strings.Contains(path, "Include["), strings.Contains(path, "Require["), strings.Contains(path, "Exclude["): // one property each
		case v.IsZero():
			t.Errorf("%s is never set", path)
		}
	})
}

func TestEnums(t *testing.T) {
	for _, c := range []struct {
		set    func(*v1alpha1.AccessPolicySpec)
		defect string // its field; empty: none
		check  func(p policy.Policy) bool
	}{
		{func(s *v1alpha1.AccessPolicySpec) { s.Paths[0].Type = "" }, "", func(p policy.Policy) bool { return !p.Paths[0].Exact }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Paths[0].Type = "Prefix" }, "", func(p policy.Policy) bool { return !p.Paths[0].Exact }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Paths[0].Type = "exact" }, "spec.paths[0].type", nil},
		{func(s *v1alpha1.AccessPolicySpec) { s.CORS.Preflight = "" }, "", func(p policy.Policy) bool { return !p.CORS.BypassPreflight }},
		{func(s *v1alpha1.AccessPolicySpec) { s.CORS.Preflight = "Answer" }, "", func(p policy.Policy) bool { return !p.CORS.BypassPreflight }},
		{func(s *v1alpha1.AccessPolicySpec) { s.CORS.Preflight = "bypass" }, "spec.cors.preflight", func(p policy.Policy) bool { return !p.CORS.BypassPreflight }},
		{func(s *v1alpha1.AccessPolicySpec) { s.CORS.Responses = "App" }, "", func(p policy.Policy) bool { return !p.CORS.ManageResponses }},
		{func(s *v1alpha1.AccessPolicySpec) { s.CORS.Responses = "managed" }, "spec.cors.responses", nil},
		{func(s *v1alpha1.AccessPolicySpec) { s.Unauthenticated = "" }, "", func(p policy.Policy) bool { return p.Unauthenticated == policy.Auto }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Unauthenticated = "Auto" }, "", func(p policy.Policy) bool { return p.Unauthenticated == policy.Auto }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Unauthenticated = "Unauthorized" }, "", func(p policy.Policy) bool { return p.Unauthenticated == policy.Unauthorized }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Unauthenticated = "None" }, "spec.unauthenticated", nil},
		{func(s *v1alpha1.AccessPolicySpec) { s.UpstreamHeaders[0].Encoding = "percent" }, "spec.upstreamHeaders[0].encoding", func(p policy.Policy) bool { return p.UpstreamHeaders[0].Encoding == policy.PercentEncoding }},
		{func(s *v1alpha1.AccessPolicySpec) { s.UpstreamHeaders[0].Encoding = "Percent" }, "", func(p policy.Policy) bool { return p.UpstreamHeaders[0].Encoding == policy.PercentEncoding }},
		{func(s *v1alpha1.AccessPolicySpec) { s.UpstreamHeaders[0].Encoding = "QuotedPrintable" }, "", func(p policy.Policy) bool { return p.UpstreamHeaders[0].Encoding == policy.QuotedPrintable }},
		{func(s *v1alpha1.AccessPolicySpec) { s.UpstreamHeaders[0].Encoding = "None" }, "", func(p policy.Policy) bool { return p.UpstreamHeaders[0].Encoding == policy.NoEncoding }},
		{func(s *v1alpha1.AccessPolicySpec) { s.UpstreamHeaders[0].From = "User" }, "", func(p policy.Policy) bool { return p.UpstreamHeaders[0].From == policy.UserFact }},
		{func(s *v1alpha1.AccessPolicySpec) { s.UpstreamHeaders[0].From = "Email" }, "", func(p policy.Policy) bool { return p.UpstreamHeaders[0].From == policy.EmailFact }},
		{func(s *v1alpha1.AccessPolicySpec) { s.UpstreamHeaders[0].From = "user" }, "", func(p policy.Policy) bool { return p.UpstreamHeaders[0].From == policy.NoFact }},
		{func(s *v1alpha1.AccessPolicySpec) { s.UpstreamHeaders[0].Name = "X-WEBAUTH-USER" }, "", func(p policy.Policy) bool { return p.UpstreamHeaders[0].Name == "X-Webauth-User" }},
		{func(s *v1alpha1.AccessPolicySpec) { s.DryRun = "" }, "", func(p policy.Policy) bool { return p.DryRun == policy.DryRunNone }},
		{func(s *v1alpha1.AccessPolicySpec) { s.DryRun = "None" }, "", func(p policy.Policy) bool { return p.DryRun == policy.DryRunNone }},
		{func(s *v1alpha1.AccessPolicySpec) { s.DryRun = "Authenticate" }, "", func(p policy.Policy) bool { return p.DryRun == policy.DryRunAuthenticate }},
		{func(s *v1alpha1.AccessPolicySpec) { s.DryRun = "open" }, "spec.dryRun", func(p policy.Policy) bool { return p.DryRun == policy.DryRunNone }},
		{func(s *v1alpha1.AccessPolicySpec) { s.CrossSite = "" }, "", func(p policy.Policy) bool { return !p.AllowCrossSite }},
		{func(s *v1alpha1.AccessPolicySpec) { s.CrossSite = "Refuse" }, "", func(p policy.Policy) bool { return !p.AllowCrossSite }},
		{func(s *v1alpha1.AccessPolicySpec) { s.CrossSite = "allow" }, "spec.crossSite", func(p policy.Policy) bool { return !p.AllowCrossSite }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session.Cookie.SameSite = "" }, "", func(p policy.Policy) bool { return p.Session.Cookie.SameSite == policy.SameSiteUnsaid }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session.Cookie.SameSite = "None" }, "", func(p policy.Policy) bool { return p.Session.Cookie.SameSite == policy.SameSiteNone }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session.Cookie.SameSite = "Strict" }, "", func(p policy.Policy) bool { return p.Session.Cookie.SameSite == policy.SameSiteStrict }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session.Cookie.SameSite = "strict" }, "spec.session.cookie.sameSite", nil},
		{func(s *v1alpha1.AccessPolicySpec) { *s.Session.Cookie.HTTPOnly = true }, "", func(p policy.Policy) bool { return !p.Session.Cookie.ScriptReadable }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Rules[0].Action = "Block" }, "", func(p policy.Policy) bool { return p.Rules[0].Action == policy.Block }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Rules[0].Action = "Bypass" }, "", func(p policy.Policy) bool { return p.Rules[0].Action == policy.Bypass }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Rules[0].Action = "ServiceAuth" }, "", func(p policy.Policy) bool { return p.Rules[0].Action == policy.ServiceAuth }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Rules[0].Action = "" }, "", func(p policy.Policy) bool {
			return p.Rules[0].Action == policy.NoAction && len(policy.Validate(&p)) > 0
		}},
		{func(s *v1alpha1.AccessPolicySpec) { s.Rules[0].Action = "allow" }, "", func(p policy.Policy) bool {
			return p.Rules[0].Action == policy.NoAction && len(policy.Validate(&p)) > 0
		}},
		{func(s *v1alpha1.AccessPolicySpec) { s.Rules[0].Action = "Non_Identity" }, "", func(p policy.Policy) bool { return p.Rules[0].Action == policy.NoAction }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session = nil }, "", func(p policy.Policy) bool { return reflect.DeepEqual(p.Session, policy.Session{}) }},
		{func(s *v1alpha1.AccessPolicySpec) { s.CORS = nil }, "", func(p policy.Policy) bool { return p.CORS == nil }},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session.Duration = "1d" }, "spec.session.duration", nil},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session.Duration = "-1h" }, "spec.session.duration", nil},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session.Duration = "0s" }, "spec.session.duration", nil},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session.Duration = "9999999h" }, "spec.session.duration", nil},
		{func(s *v1alpha1.AccessPolicySpec) { s.Rules[0].SessionDuration = "soon" }, "spec.rules[0].sessionDuration", nil},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session.RevokedBefore = "yesterday" }, "spec.session.revokedBefore", nil},
		{func(s *v1alpha1.AccessPolicySpec) { s.Session.RevokedBefore = "2026-02-30T00:00:00Z" }, "spec.session.revokedBefore", nil},
	} {
		s := full()
		c.set(&s)
		p := policyOf(s)
		switch {
		case c.defect == "" && len(p.Defects) > 0:
			t.Errorf("%v", p.Defects)
		case c.defect != "" && (len(p.Defects) != 1 || p.Defects[0].Source.Field != c.defect || p.Defects[0].Warning() || p.Defects[0].Message == ""):
			t.Errorf("want a defect of %s: %v", c.defect, p.Defects)
		}
		if c.check != nil && !c.check(p) {
			t.Errorf("%+v", p)
		}
	}
}

func TestSelectors(t *testing.T) {
	raw := func(s string) *apiextensionsv1.JSON { return &apiextensionsv1.JSON{Raw: []byte(s)} }
	for _, c := range []struct {
		s      v1alpha1.Selector
		want   policy.Property
		defect bool
	}{
		{v1alpha1.Selector{}, policy.NoProperty, false},
		{v1alpha1.Selector{Everyone: raw("{}")}, policy.Everyone, false},
		{v1alpha1.Selector{Everyone: raw("true")}, policy.Everyone, false},
		{v1alpha1.Selector{Everyone: raw("false")}, policy.Everyone, true},
		{v1alpha1.Selector{Everyone: raw("null")}, policy.Everyone, true},
		{v1alpha1.Selector{Everyone: raw(`{"not":true}`)}, policy.Everyone, true},
		{v1alpha1.Selector{Everyone: raw("")}, policy.Everyone, true},
		{v1alpha1.Selector{Email: "a@b.c"}, policy.Email, false},
		{v1alpha1.Selector{EmailDomain: "b.c"}, policy.EmailDomain, false},
		{v1alpha1.Selector{IP: []v1alpha1.CIDR{}}, policy.Address, false},
		{v1alpha1.Selector{IdPGroup: "g"}, policy.IdPGroup, false},
		{v1alpha1.Selector{LoginMethod: "corp"}, policy.LoginMethod, false},
		{v1alpha1.Selector{AuthMethod: "mfa"}, policy.AuthMethod, false},
		{v1alpha1.Selector{Country: []v1alpha1.Country{"NL"}}, policy.Country, false},
		{v1alpha1.Selector{Country: []v1alpha1.Country{}}, policy.Country, false},
		{v1alpha1.Selector{Certificate: &v1alpha1.ClientCertificate{}}, policy.ClientCertificate, false},
		{v1alpha1.Selector{Country: []v1alpha1.Country{"NL"}, IP: []v1alpha1.CIDR{"::/0"}}, policy.Address, true},
		{v1alpha1.Selector{CEL: "request.method == 'POST'"}, policy.Expression, false},
		{v1alpha1.Selector{CEL: "request.method =="}, policy.Expression, false}, // policy.Validate reports it
		{v1alpha1.Selector{CEL: "true", AuthMethod: "mfa"}, policy.AuthMethod, true},
		{v1alpha1.Selector{Group: "g"}, policy.AccessGroup, false},
		{v1alpha1.Selector{Group: "g", Email: "a@b.c"}, policy.Email, true},
		{v1alpha1.Selector{ServiceToken: "ci"}, policy.Token, false},
		{v1alpha1.Selector{AnyServiceToken: &v1alpha1.AnyServiceToken{}}, policy.AnyToken, false},
		{v1alpha1.Selector{ServiceToken: "ci", AnyServiceToken: &v1alpha1.AnyServiceToken{}}, policy.Token, true},
		{v1alpha1.Selector{IdPGroup: "g", AuthMethod: "mfa"}, policy.IdPGroup, true},
		{v1alpha1.Selector{Email: "a@b.c", EmailDomain: "b.c"}, policy.Email, true},
		{v1alpha1.Selector{Everyone: raw("{}"), IP: []v1alpha1.CIDR{"::/0"}}, policy.Everyone, true},
	} {
		s := full()
		s.Rules[0].Include = []v1alpha1.Selector{c.s}
		p := policyOf(s)
		if got := p.Rules[0].Include[0].Property; got != c.want || (len(p.Defects) > 0) != c.defect {
			t.Errorf("%+v: %s, %v", c.s, got, p.Defects)
		}
		// Whatever is wrong, nobody gets in by it.
		p.Rules[0].Action = policy.Bypass
		p.Rules[0].Require, p.Rules[0].Exclude, p.CORS, p.DryRun = nil, nil, nil, policy.DryRunNone
		table, _ := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{p})})
		target, _ := policy.ParseTarget("https://app.example.com/a")
		if d := table.Decide(policy.Request{Target: target, Method: "GET", Now: time.Unix(1e9, 0)}); d.Verdict == policy.Admit && (c.defect || c.want != policy.Everyone) {
			t.Errorf("%+v: %+v", c.s, d)
		}
	}
}

// TestExpressions: what is wrong with one is said where it stands; of too many, none is
// compiled that is beyond the bound.
func TestExpressions(t *testing.T) {
	said := func(texts ...string) (out []string) {
		s := full()
		s.CORS, s.Exempt, s.Rules[0].Include, s.Rules[0].Require, s.Rules[0].Exclude = nil, nil, nil, nil, nil
		s.DryRun, s.UpstreamHeaders, s.Session = "", nil, nil
		for _, text := range texts {
			s.Rules[0].Include = append(s.Rules[0].Include, v1alpha1.Selector{CEL: text})
		}
		p := policyOf(s)
		for _, i := range append(p.Defects, policy.Validate(&p)...) {
			out = append(out, i.Source.Field+" "+i.Message)
		}
		return out
	}
	if got := said("request.method == 'GET'", "identity.email == ''", "now"); len(got) != 1 ||
		!strings.HasPrefix(got[0], "spec.rules[0].include[2] cel: the result is a timestamp") {
		t.Errorf("%q", got)
	}
	many := make([]string, 52)
	for i := range many {
		many[i] = fmt.Sprintf("request.method == 'M%d'", i)
	}
	if got := said(many...); len(got) != 2 || got[0] != "spec.rules[0].include[50] cel: a policy can have at most 50 expressions" {
		t.Errorf("%q", got)
	}
}

func TestNetworks(t *testing.T) {
	for cidr, want := range map[v1alpha1.CIDR]string{
		"10.0.0.0/8": "10.0.0.0/8", "192.0.2.1": "192.0.2.1/32", "2001:db8::1": "2001:db8::1/128", "2001:db8::/32": "2001:db8::/32", "0.0.0.0/0": "0.0.0.0/0",
		"10.0.0.1/8": "", "010.0.0.1": "", "10.0.0.1/33": "", "10.0.0": "", "fe80::1%eth0": "", "::ffff:10.0.0.0/104": "", "::ffff:10.0.0.1": "", "10.0.0.1.": "", "": "", "a": "",
	} {
		s := full()
		s.Rules[0].Include = []v1alpha1.Selector{{IP: []v1alpha1.CIDR{cidr}}}
		p := policyOf(s)
		got := p.Rules[0].Include[0].Networks
		switch {
		case want == "" && !slices.ContainsFunc(p.Defects, func(i policy.Issue) bool { return i.Source.Field == "spec.rules[0].include[0].ip[0]" }):
			t.Errorf("%q: %v %v", cidr, got, p.Defects)
		case want != "" && (len(p.Defects) > 0 || !slices.Equal(got, []netip.Prefix{netip.MustParsePrefix(want)})):
			t.Errorf("%q: %v %v", cidr, got, p.Defects)
		}
	}
}
