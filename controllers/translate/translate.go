// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/expression"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Policy translates one AccessPolicy. It never fails: mistakes become Defects. One
// that names no host claims what those of the routes serve that name it.
func Policy(o *v1alpha1.AccessPolicy, routes ...Route) policy.Policy {
	t := translator{source: policy.Source{Namespace: o.Namespace, Name: o.Name}}
	p := policy.Policy{
		Source:              t.source,
		Since:               o.CreationTimestamp.Time,
		Hosts:               t.hosts(o.Spec.Hosts),
		Paths:               t.paths(o.Spec.Paths),
		AllowEncodedSlashes: o.Spec.AllowEncodedSlashes,
		CORS:                t.cors(o.Spec.CORS),
		IdentityProviders:   stringsOf(o.Spec.IdentityProviders),
		Unauthenticated:     t.unauthenticated(o.Spec.Unauthenticated),
		AllowCrossSite:      t.crossSite(o.Spec.CrossSite),
		Exempt:              stringsOf(o.Spec.Exempt),
		DryRun:              t.dryRun(o.Spec.DryRun),
		UpstreamHeaders:     t.upstreamHeaders(o.Spec.UpstreamHeaders),
	}
	for i := range o.Spec.Rules {
		p.Rules = append(p.Rules, t.rule(fmt.Sprintf("spec.rules[%d]", i), &o.Spec.Rules[i]))
	}
	if s := o.Spec.Session; s != nil {
		p.Session.Duration = t.duration("spec.session.duration", s.Duration)
		p.Session.RevokedBefore = t.time("spec.session.revokedBefore", s.RevokedBefore)
		p.Session.Cookie = t.cookie("spec.session.cookie", s.Cookie)
		p.Session.Idle = t.duration("spec.session.idle", v1alpha1.Duration(s.Idle))
		p.Session.PolicyNamespaces = stringsOf(s.PolicyNamespaces)
	}
	if d := o.Spec.Denied; d != nil {
		p.Denied = policy.Denied{Message: d.Message, URL: d.URL}
	}
	if l := o.Spec.Launcher; l != nil {
		p.Launcher = policy.Launcher{Hidden: l.Visible != nil && !*l.Visible, Title: l.Title, LogoURL: l.LogoURL, Tags: stringsOf(l.Tags)}
	}
	p.OAuth = t.oauth(o.Spec.OAuth)
	if len(o.Spec.Hosts) == 0 {
		t.routed(&p, o, routes)
	}
	p.Defects = t.defects
	return p
}

type translator struct {
	source  policy.Source
	defects []policy.Issue
	// expressions is how many there were so far.
	expressions int
}

// maxDefects is how many mistakes of one object are reported.
const maxDefects = 100

func (t *translator) wrong(field, format string, args ...any) {
	t.add(field, policy.Issue{Reason: policy.Invalid, Message: fmt.Sprintf(format, args...)})
}

// add adds an issue about a field.
func (t *translator) add(field string, i policy.Issue) {
	if len(t.defects) >= maxDefects {
		return
	}
	i.Source = t.source
	i.Source.Field = field
	t.defects = append(t.defects, i)
}

func stringsOf[S ~string](in []S) []string {
	if in == nil {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}

// hosts: an empty list is no list that was left out, to those who wrote it.
func (t *translator) hosts(in []v1alpha1.Host) []string {
	if in != nil && len(in) == 0 {
		t.wrong("spec.hosts", "an empty list claims nothing: name a host, or remove hosts to protect those of the Ingresses that name this policy")
	}
	return stringsOf(in)
}

func (t *translator) paths(in []v1alpha1.PathMatch) []policy.Path {
	var out []policy.Path
	for i, p := range in {
		switch p.Type {
		case "", v1alpha1.PathPrefix, v1alpha1.PathExact:
		default:
			t.wrong(fmt.Sprintf("spec.paths[%d].type", i), "%q: Exact or Prefix", p.Type)
		}
		out = append(out, policy.Path{Value: string(p.Path), Exact: p.Type == v1alpha1.PathExact})
	}
	return out
}

func (t *translator) cors(c *v1alpha1.CORS) *policy.CORS {
	if c == nil {
		return nil
	}
	switch c.Preflight {
	case "", v1alpha1.PreflightAnswer, v1alpha1.PreflightBypass:
	default:
		t.wrong("spec.cors.preflight", "%q: Answer or Bypass", c.Preflight)
	}
	switch c.Responses {
	case "", v1alpha1.ResponsesApp, v1alpha1.ResponsesManaged:
	default:
		t.wrong("spec.cors.responses", "%q: App or Managed", c.Responses)
	}
	t.origins(stringsOf(c.AllowedOrigins))
	return &policy.CORS{
		BypassPreflight:     c.Preflight == v1alpha1.PreflightBypass,
		AllowAllOrigins:     c.AllowAllOrigins,
		AllowedOrigins:      stringsOf(c.AllowedOrigins),
		AllowAllMethods:     c.AllowAllMethods,
		AllowedMethods:      stringsOf(c.AllowedMethods),
		AllowAllHeaders:     c.AllowAllHeaders,
		AllowedHeaders:      stringsOf(c.AllowedHeaders),
		AllowCredentials:    c.AllowCredentials,
		MaxAge:              int(c.MaxAge),
		ExposedHeaders:      stringsOf(c.ExposedHeaders),
		AllowPrivateNetwork: c.AllowPrivateNetwork,
		Tokens:              c.Tokens,
		ManageResponses:     c.Responses == v1alpha1.ResponsesManaged,
	}
}

func (t *translator) unauthenticated(m v1alpha1.UnauthenticatedMode) policy.Unauthenticated {
	switch m {
	case "", v1alpha1.UnauthenticatedAuto:
		return policy.Auto
	case v1alpha1.UnauthenticatedRedirect:
		return policy.Redirect
	case v1alpha1.UnauthenticatedUnauthorized:
		return policy.Unauthorized
	default:
		t.wrong("spec.unauthenticated", "%q: Auto, Redirect or Unauthorized", m)
		return policy.Unauthorized
	}
}

// dryRun leaves what it does not know enforced.
func (t *translator) dryRun(m v1alpha1.DryRunMode) policy.DryRun {
	switch m {
	case "", v1alpha1.DryRunNone:
	case v1alpha1.DryRunOpen:
		return policy.DryRunOpen
	case v1alpha1.DryRunAuthenticate:
		return policy.DryRunAuthenticate
	default:
		t.wrong("spec.dryRun", "%q: None, Open or Authenticate", m)
	}
	return policy.DryRunNone
}

func (t *translator) crossSite(m v1alpha1.CrossSiteMode) bool {
	switch m {
	case "", v1alpha1.CrossSiteRefuse:
	case v1alpha1.CrossSiteAllow:
		return true
	default:
		t.wrong("spec.crossSite", "%q: Refuse or Allow", m)
	}
	return false
}

func (t *translator) cookie(field string, c *v1alpha1.Cookie) policy.Cookie {
	if c == nil {
		return policy.Cookie{}
	}
	out := policy.Cookie{
		ScriptReadable: c.HTTPOnly != nil && !*c.HTTPOnly,
		Partitioned:    c.Partitioned,
		PathScoped:     c.PathScoped,
	}
	switch c.SameSite {
	case "":
	case v1alpha1.SameSiteNone:
		out.SameSite = policy.SameSiteNone
	case v1alpha1.SameSiteLax:
		out.SameSite = policy.SameSiteLax
	case v1alpha1.SameSiteStrict:
		out.SameSite = policy.SameSiteStrict
	default:
		t.wrong(field+".sameSite", "%q: None, Lax or Strict", c.SameSite)
	}
	return out
}

func (t *translator) rule(field string, r *v1alpha1.Rule) policy.Rule {
	return policy.Rule{
		Name:            r.Name,
		Action:          action(r.Action),
		Methods:         stringsOf(r.Methods),
		Include:         t.selectors(field+".include", r.Include),
		Require:         t.selectors(field+".require", r.Require),
		Exclude:         t.selectors(field+".exclude", r.Exclude),
		SessionDuration: t.duration(field+".sessionDuration", r.SessionDuration),
	}
}

// action leaves what it does not know at NoAction, which policy refuses.
func action(a v1alpha1.RuleAction) policy.Action {
	switch a {
	case v1alpha1.ActionAllow:
		return policy.Allow
	case v1alpha1.ActionBlock:
		return policy.Block
	case v1alpha1.ActionBypass:
		return policy.Bypass
	case v1alpha1.ActionServiceAuth:
		return policy.ServiceAuth
	default:
		return policy.NoAction
	}
}

func (t *translator) selectors(field string, in []v1alpha1.Selector) []policy.Selector {
	var out []policy.Selector
	for i := range in {
		out = append(out, t.selector(fmt.Sprintf("%s[%d]", field, i), &in[i]))
	}
	return out
}

func (t *translator) selector(field string, s *v1alpha1.Selector) policy.Selector {
	var set []policy.Selector
	if s.Everyone != nil {
		if raw := string(s.Everyone.Raw); raw != "{}" && raw != "true" {
			t.wrong(field+".everyone", "%s: write everyone: {}", raw)
		}
		set = append(set, policy.Selector{Property: policy.Everyone})
	}
	for _, text := range []policy.Selector{
		{Property: policy.Email, Value: s.Email},
		{Property: policy.EmailDomain, Value: s.EmailDomain},
		{Property: policy.IdPGroup, Value: s.IdPGroup},
		{Property: policy.LoginMethod, Value: string(s.LoginMethod)},
		{Property: policy.AuthMethod, Value: s.AuthMethod},
		{Property: policy.AccessGroup, Value: string(s.Group)},
		{Property: policy.Token, Value: s.ServiceToken},
	} {
		if text.Value != "" {
			set = append(set, text)
		}
	}
	if s.AnyServiceToken != nil {
		set = append(set, policy.Selector{Property: policy.AnyToken})
	}
	set = append(set, t.structured(field, s)...)
	if len(set) > 1 {
		t.wrong(field, "exactly one key each; write two list entries for OR")
	}
	if len(set) == 0 {
		return policy.Selector{} // matches nobody, and policy.Validate reports it
	}
	return set[0]
}

// structured are selectors of more than one text.
func (t *translator) structured(field string, s *v1alpha1.Selector) (set []policy.Selector) {
	if s.IP != nil {
		set = append(set, policy.Selector{Property: policy.Address, Networks: t.networks(field+".ip", s.IP)})
	}
	if s.Country != nil {
		set = append(set, policy.Selector{Property: policy.Country, Countries: stringsOf(s.Country)})
	}
	if s.CEL != "" {
		set = append(set, policy.Selector{Property: policy.Expression, Condition: t.expression(s.CEL)})
	}
	if c := s.Certificate; c != nil {
		set = append(set, policy.Selector{Property: policy.ClientCertificate,
			Certificate: policy.CertificateNames{CommonName: c.CommonName, DNSName: c.DNSName, URI: c.URI}})
	}
	if c := s.Claim; c != nil {
		set = append(set, policy.Selector{Property: policy.OIDCClaim,
			Claim: &policy.ClaimValue{Name: c.Name, Value: c.Value, Provider: c.IdentityProvider}})
	}
	if e := s.ExternalEvaluation; e != nil {
		set = append(set, policy.Selector{Property: policy.ExternalEvaluation,
			Evaluation: &policy.Evaluation{URL: string(e.URL), KeysURL: string(e.KeysURL)}})
	}
	if l := s.LinkedApp; l != nil {
		set = append(set, policy.Selector{Property: policy.LinkedApp, Value: linkedName(l)})
	}
	if c := s.Client; c != nil {
		set = append(set, policy.Selector{Property: policy.Client, Value: string(c.ID)})
	}
	return append(set, bearers(s.JWT)...)
}

// linkedName is what policy calls the policy of a linked application. A name that is none
// stays none.
func linkedName(l *v1alpha1.LinkedApp) string {
	if l.Namespace == "" {
		return l.Name
	}
	return string(l.Namespace) + "/" + l.Name
}

func (t *translator) expression(text string) policy.Condition {
	if t.expressions++; t.expressions > expression.MaxOfPolicy {
		return expression.Surplus(text)
	}
	return expression.Compile(text)
}

func (t *translator) networks(field string, in []v1alpha1.CIDR) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(in))
	for i, c := range in {
		p, err := netip.ParsePrefix(string(c))
		if err != nil {
			if a, aerr := netip.ParseAddr(string(c)); aerr == nil && a.Zone() == "" {
				p, err = netip.PrefixFrom(a, a.BitLen()), nil
			}
		}
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case err != nil:
			t.wrong(at, "%q: not a network such as 10.0.0.0/8, nor an address", c)
			continue
		case p.Masked() != p:
			t.wrong(at, "%q: has bits set behind its mask; the network is %s", c, p.Masked())
		case p.Addr().Is4In6():
			t.wrong(at, "%q: write an IPv4 network as one", c)
		}
		out = append(out, p)
	}
	return out
}

func (t *translator) duration(field string, d v1alpha1.Duration) time.Duration {
	if d == "" {
		return 0
	}
	v, err := time.ParseDuration(string(d))
	if err != nil || v <= 0 {
		t.wrong(field, "%q: not a length of time such as 24h or 90m", d)
		return 0
	}
	return v
}

func (t *translator) time(field string, s v1alpha1.Timestamp) time.Time {
	if s == "" {
		return time.Time{}
	}
	v, err := time.Parse(time.RFC3339, string(s))
	if err != nil {
		t.wrong(field, "%q: not a time in RFC 3339 notation, such as 2026-01-31T12:00:00Z", s)
	}
	return v
}
