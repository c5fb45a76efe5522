// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A Compiled is what depends on one policy alone. It does not change, and can be
// part of many tables.
type Compiled struct {
	app    *app
	since  time.Time
	digest sum
	hosts  []string
	paths  []Path
	issues []Issue
	// tokenUses are where rules name token issuers.
	tokenUses []tokenUse
	linkUses  []linkUse // where rules name linked applications
}

// Hosts are what the policy claims, or may have meant to.
func (c *Compiled) Hosts() []string { return c.hosts }

// An app is a Policy compiled.
type app struct {
	source          Source
	audience        string
	defective       bool
	salvaged        bool // and so defective
	encodedSlashes  bool
	crossSite       bool // a cookie is enough for what other sites make browsers ask
	cors            *cors
	relaxing        []rule // Bypass, ServiceAuth
	identity        []rule // Block, Allow
	exempt          []exemption
	dryRun          DryRun
	upstream        *Upstream // nil: no header
	revokedBefore   time.Time
	unauthenticated Unauthenticated
	signIn          *signIn  // nil: nothing out of the ordinary
	launcher        *launch  // the same
	groups          []string // that the rules name, sorted
	groupKey        string   // stands for them
	tokenIssuers    []string // whose bearer tokens its rules look at
	links           []string // the policies that its rules link to
	linkedFrom      []string // the namespaces whose policies may link to it, beside its own
	oauth           *OAuth   // nil: no client may act for anybody
}

// Compile checks and compiles one policy.
func Compile(p *Policy) *Compiled {
	issues := append(slices.Clone(p.Defects), Validate(p)...)
	defective := p.Salvaged || slices.ContainsFunc(issues, func(i Issue) bool { return !i.Warning() })
	c := &Compiled{
		app:   compile(p, defective),
		since: p.Since, digest: digestOf(p),
		hosts: slices.Clone(p.Hosts), paths: slices.Clone(p.Paths), issues: issues,
	}
	if defective {
		return c.denied()
	}
	c.tokenUses, c.linkUses = tokenUsesOf(p), linkUsesOf(p)
	return c
}

// denied returns a copy that claims all that the policy may have meant to, and
// denies it.
func (c *Compiled) denied() *Compiled {
	d := *c
	d.app = &app{source: c.app.source, audience: c.app.audience, defective: true, salvaged: c.app.salvaged}
	d.tokenUses, d.linkUses = nil, nil // nothing of it is consulted
	d.hosts, d.paths = salvageHosts(c.hosts), salvagePaths(c.paths)
	return &d
}

func compile(p *Policy, defective bool) *app {
	a := &app{
		source:    p.Source.at(""),
		audience:  Audience(p.Source),
		defective: defective,
		salvaged:  p.Salvaged,
	}
	if defective { // so that nothing of it can ever be consulted
		return a
	}
	a.encodedSlashes, a.crossSite = p.AllowEncodedSlashes, p.AllowCrossSite
	a.cors = compileCORS(p.CORS)
	a.revokedBefore = p.Session.RevokedBefore
	a.unauthenticated = p.Unauthenticated
	a.signIn, a.launcher = compileSignIn(p), compileLauncher(p)
	a.oauth = p.OAuth.compiled()
	a.exempt = compileExempt(p.Exempt)
	a.dryRun = p.DryRun
	a.upstream = newUpstream(p.UpstreamHeaders)
	a.groups = groupsOf(p)
	a.groupKey = groupKey(a.groups)
	a.tokenIssuers = tokenIssuersOf(p)
	a.links, a.linkedFrom = linksOf(p), slices.Clone(p.Session.PolicyNamespaces)
	rules := make([]rule, 0, len(p.Rules)) // in one piece, as they are read one after the other
	parts := newParts(p.Rules)
	parts.duration, parts.namespace = p.Session.Duration, p.Source.Namespace
	for i := range p.Rules {
		if p.Rules[i].Action.relaxes() {
			rules = append(rules, parts.rule(&p.Rules[i], i))
		}
	}
	n := len(rules)
	for i := range p.Rules {
		if act := p.Rules[i].Action; act == Block || act == Allow {
			rules = append(rules, parts.rule(&p.Rules[i], i))
		}
	}
	a.relaxing, a.identity = rules[:n:n], rules[n:]
	return a
}

// Audience is what a credential for a policy is made for.
func Audience(s Source) string { return s.Namespace + "/" + s.Name }

// unmap makes an IPv4 network of ::ffff:10.0.0.0/104: addresses come unmapped.
func unmap(n netip.Prefix) netip.Prefix {
	if n.Addr().Is4In6() && n.Bits() >= 96 {
		return netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n
}

func (a *app) name() [2]string { return [...]string{a.source.Namespace, a.source.Name} }

func (a *app) claim(p Path) claim {
	if p.Exact {
		return claim{p.Value, true, a}
	}
	return claim{strings.TrimSuffix(p.Value, "/"), false, a}
}
