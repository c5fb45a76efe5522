// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The reference is doc.go once more, slow and obvious: it knows no maps, no
// order of work and no three-valued logic. It judges policies without mistakes.
type reference struct {
	policies []Policy // the oldest first
	grants   []Grant
	owners   map[string]refFirst // found so far
}

func newReference(policies []Policy, grants ...Grant) *reference {
	sorted := slices.Clone(policies)
	slices.SortStableFunc(sorted, func(x, y Policy) int {
		if !x.Since.Equal(y.Since) {
			return x.Since.Compare(y.Since)
		}
		return strings.Compare(x.Source.Namespace+"\x00"+x.Source.Name, y.Source.Namespace+"\x00"+y.Source.Name)
	})
	return &reference{sorted, grants, map[string]refFirst{}}
}

// wider lists the patterns that a host, or a pattern, is part of, the narrowest first.
func wider(host string) (out []string) {
	labels := strings.Split(host, ".")
	if strings.Trim(labels[0], "*") != "" && len(labels) > 1 {
		out = append(out, "*."+strings.Join(labels[1:], "."))
	}
	for i := 1; i < len(labels); i++ {
		if p := "**." + strings.Join(labels[i:], "."); p != host {
			out = append(out, p)
		}
	}
	return out
}

func (f *reference) granted(host, ns string) bool {
	return slices.ContainsFunc(f.grants, func(g Grant) bool {
		return g.Namespace == ns && (g.Host == host || slices.Contains(wider(host), g.Host))
	})
}

// refFirst is who was first to claim something; nobody: that cannot be told. Since is what
// claims below have to be older than, if it is sure.
type refFirst struct {
	ns       string
	nobody   bool
	since    time.Time
	sure     bool
	dated    bool // it is known of all who claim it
	earliest time.Time
}

// first: "of several namespaces, the one whose oldest policy is older than those of
// all others; where times are missing or equal, the one that alone has no grant".
func (f *reference) first(host string) (out refFirst) {
	oldest := map[string]time.Time{}
	for _, p := range f.policies {
		if !slices.Contains(p.Hosts, host) {
			continue
		}
		if t, ok := oldest[p.Source.Namespace]; !ok || t.IsZero() || !p.Since.IsZero() && p.Since.Before(t) {
			oldest[p.Source.Namespace] = p.Since
		}
	}
	out.dated, out.nobody = true, true
	for ns, t := range oldest {
		out.dated = out.dated && !t.IsZero()
		if out.earliest.IsZero() || t.Before(out.earliest) {
			out.earliest = t
		}
		alone := true
		for other, t2 := range oldest {
			alone = alone && (other == ns || !t.IsZero() && !t2.IsZero() && t.Before(t2))
		}
		if alone {
			out.ns, out.nobody = ns, false
		}
	}
	if len(oldest) > 1 && !out.dated {
		out.nobody = true
	}
	var strangers []string
	for ns := range oldest {
		if !f.granted(host, ns) {
			strangers = append(strangers, ns)
		}
	}
	if out.nobody && len(strangers) == 1 {
		out.ns, out.nobody = strangers[0], false
	}
	if out.since, out.sure = oldest[out.ns], !oldest[out.ns].IsZero(); out.nobody {
		out.ns, out.since, out.sure = "", out.earliest, out.dated
	}
	return out
}

func (f *reference) claimed(host string) bool {
	return slices.ContainsFunc(f.policies, func(p Policy) bool { return slices.Contains(p.Hosts, host) })
}

// owner: "whoever was first to claim it, or before that a pattern it is part of". Nobody,
// if that cannot be told.
func (f *reference) owner(host string) (ns string, nobody bool) {
	known, ok := f.owners[host]
	if !ok {
		known = f.settled(host)
		f.owners[host] = known
	}
	return known.ns, known.nobody
}

func (f *reference) settled(host string) refFirst {
	own := f.first(host)
	i := slices.IndexFunc(wider(host), f.claimed)
	if !f.claimed(host) || i < 0 {
		return own
	}
	wide := f.settled(wider(host)[i])
	sure := own.dated && wide.sure
	switch {
	case !own.nobody && !wide.nobody && own.ns == wide.ns:
		if own.sure = own.sure && wide.sure; wide.since.Before(own.since) {
			own.since = wide.since
		}
		return own
	case sure && wide.since.Before(own.earliest):
		return wide
	case sure && own.earliest.Before(wide.since):
		return own
	case !own.nobody && f.granted(host, own.ns):
		return wide
	}
	return refFirst{nobody: true, since: own.earliest, sure: sure, dated: own.dated, earliest: own.earliest}
}

// contended: "a namespace that neither owns it nor has a grant claims it".
func (f *reference) contended(host string) bool {
	owner, nobody := f.owner(host)
	return slices.ContainsFunc(f.policies, func(p Policy) bool {
		return slices.Contains(p.Hosts, host) && (nobody || p.Source.Namespace != owner) && !f.granted(host, p.Source.Namespace)
	})
}

type refClaim struct {
	path   Path
	policy *Policy
}

// claims are the claims on a host that exist, in the order of their age.
func (f *reference) claims(host string) []refClaim {
	var out []refClaim
	for i := range f.policies {
		p := &f.policies[i]
		if owner, nobody := f.owner(host); !slices.Contains(p.Hosts, host) || (nobody || owner != p.Source.Namespace) && !f.granted(host, p.Source.Namespace) {
			continue
		}
		paths := p.Paths
		if len(paths) == 0 {
			paths = prefixes("/")
		}
		for _, path := range paths {
			out = append(out, refClaim{path, p})
		}
	}
	slices.SortStableFunc(out, func(x, y refClaim) int { // of equal claims the one that is enforced is first
		return strings.Compare(min(x.policy.DryRun, 1).String(), min(y.policy.DryRun, 1).String())
	})
	return out
}

// lookup finds whose a path is: nil is nobody's. Of the host and the patterns that it is part
// of, the first that anybody claims decides. A contended one is decided only where the route
// is known. What is claimed in vain is as if it were not: its owner has a wider pattern.
func (f *reference) lookup(host, path string, pinned bool) *Policy {
	for _, h := range append([]string{host}, wider(host)...) {
		switch claims := f.claims(h); {
		case !f.claimed(h):
		case f.contended(h) && !pinned, len(claims) == 0 && f.isNobodys(h):
			return nil
		case len(claims) > 0:
			return refMostSpecific(claims, path)
		}
	}
	return nil
}

func (f *reference) isNobodys(host string) bool {
	_, nobody := f.owner(host)
	return nobody
}

func refMostSpecific(claims []refClaim, path string) *Policy {
	for _, c := range claims {
		if c.path.Exact && c.path.Value == path {
			return c.policy
		}
	}
	var best *refClaim
	for i, c := range claims {
		prefix := strings.TrimSuffix(c.path.Value, "/")
		covers := prefix == "" || path == prefix || strings.HasPrefix(path, prefix+"/")
		if !c.path.Exact && covers && (best == nil || len(prefix) > len(strings.TrimSuffix(best.path.Value, "/"))) {
			best = &claims[i]
		}
	}
	if best == nil {
		return nil
	}
	return best.policy
}

// everybody stands for whoever may sign in. It is enough for rules that ask for
// an identity at most once.
var everybody = []*Subject{{Email: "ann@x", Groups: []string{"dev"}, Provider: "corp", AMR: []string{"mfa"},
	Claims:      []IdentityClaim{{Name: "department", Values: []string{"eng"}}},
	Evaluations: []string{outcome(onDuty, Approved)}}, {Email: "bob@y", Evaluations: []string{outcome(onDuty, Rejected)}}}

// decide judges a request for a canonical path that is no preflight.
func (f *reference) decide(host, path string, r *Request) (Verdict, Reason, *Policy) {
	p := f.lookup(host, path, r.Ingress != "")
	if p == nil {
		return Deny, NoPolicy, nil
	}
	v, why := refRules(p, r)
	if p.DryRun == DryRunNone {
		return v, why, p
	}
	other := f.enforcing(host, path)
	if other == nil {
		v, why = refRehearses(p, v, why, r)
		return v, why, p
	}
	ov, owhy := refRules(other, r)
	if v, why = refRehearses(p, v, why, r); ov == Admit && v != Admit && p.DryRun == DryRunAuthenticate {
		return v, why, p
	}
	return ov, owhy, other
}

func refRules(p *Policy, r *Request, groups ...Group) (Verdict, Reason) {
	var subject *Subject
	if r.Subject != nil && slices.Contains(r.Subject.Audience, Audience(p.Source)) {
		subject = r.Subject // the tests of sessions are elsewhere: this one is good
	}
	why := NoSession
	switch {
	case r.Subject != nil && subject == nil:
		why = WrongAudience
	case subject != nil && !refEvaluated(p, subject, groups):
		subject, why = nil, SessionExpired
	}
	machine, sent, bad := refMachine(p, r)
	linked := refSent(p, r, groups)
	switch {
	case linked && r.LinkedRefused != NoReason && r.Method == "OPTIONS":
		return Deny, r.LinkedRefused
	case linked && r.LinkedRefused != NoReason:
		return Challenge, r.LinkedRefused
	case bad && r.Method == "OPTIONS":
		return Deny, ServiceTokenInvalid
	case bad:
		return Challenge, ServiceTokenInvalid
	case sent, linked:
		subject = nil
	}
	holder, by := refBearer(p, r) && !linked, linked && !sent
	sent = sent || linked
	refused := subject == nil && !sent && r.BearerRefused != NoReason
	sent = sent || refused || subject == nil && holder
	for _, ru := range p.Rules {
		switch {
		case ru.Action == Bypass && !refSeesNobody(&ru, groups) && refMatches(&ru, r, subject, groups):
			return Admit, Bypassed
		case ru.Action == ServiceAuth && (machine != nil || holder && refVouches(&ru, r, groups) ||
			by && refAsks(ru.lists(), r, groups, func(sel Selector) bool { return refLinked(sel, r, false) }) ||
			!sent && refAsksCertificate(&ru, r, groups)) &&
			!refSeesNobody(&ru, groups) &&
			refMatches(&ru, r, nil, groups):
			return Admit, ServiceAdmitted
		}
	}
	if slices.Contains(p.Exempt, r.Target.Path()) && slices.Contains([]string{"GET", "HEAD"}, r.Method) && !r.WebSocket {
		return refExempt(p, r)
	}
	for _, ru := range p.Rules {
		if ru.Action != Allow && ru.Action != Block || sent && ru.Action == Allow {
			continue // whoever sends a token signs in nowhere
		}
		if subject != nil {
			if !refMatches(&ru, r, subject, groups) {
				continue
			}
			if ru.Action == Block {
				return Deny, Blocked
			}
			return Admit, SignedIn
		}
		some, all := false, true
		for _, s := range everybody {
			m := refMatches(&ru, r, s, groups)
			some, all = some || m, all && m
		}
		switch {
		case ru.Action == Block && all:
			return Deny, Blocked
		case ru.Action == Allow && some && r.Method == "OPTIONS":
			return Deny, why
		case ru.Action == Allow && some:
			return Challenge, why
		}
	}
	switch {
	case by && refLinkOver(p, r, groups) && r.Method == "OPTIONS":
		return Deny, TokenExpired
	case by && refLinkOver(p, r, groups):
		return Challenge, TokenExpired
	case refused && r.Method == "OPTIONS":
		return Deny, r.BearerRefused
	case refused:
		return Challenge, r.BearerRefused
	}
	return Deny, NoRuleMatched
}

func refMatches(ru *Rule, r *Request, s *Subject, groups []Group) bool {
	worst := ru.Action == Block // what an unknown address or country does to Include and Require
	method := len(ru.Methods) == 0 || slices.Contains(ru.Methods, r.Method)
	return method && refAmong(ru.lists(), s, r, worst, groups)
}

func refAmong(lists [3][]Selector, s *Subject, r *Request, worst bool, groups []Group) bool {
	in := func(sel Selector) bool { return refSelects(sel, s, r, worst, groups) }
	all := true
	for _, sel := range lists[1] {
		all = all && in(sel)
	}
	none := true
	for _, sel := range lists[2] {
		none = none && !refSelects(sel, s, r, !worst, groups)
	}
	return slices.ContainsFunc(lists[0], in) && all && none
}

func refSelects(sel Selector, s *Subject, r *Request, ifUnknown bool, groups []Group) bool {
	switch {
	case sel.Property.ofMachine():
		return refMachineSelects(sel, r) || refJWT(sel, r, ifUnknown) || refLinked(sel, r, ifUnknown)
	case sel.Property == AccessGroup && refBroken(sel.Value, groups):
		return ifUnknown
	case sel.Property == AccessGroup:
		g := refGroup(sel.Value, groups)[0]
		return refAmong(g.lists(), s, r, ifUnknown, groups)
	case sel.Property == Everyone:
		return true
	case sel.Property == Email:
		return s != nil && strings.ToLower(s.Email) == strings.ToLower(sel.Value) //nolint:staticcheck // EqualFold folds more than ASCII
	case sel.Property == EmailDomain:
		return s != nil && strings.HasSuffix(strings.ToLower(s.Email), "@"+strings.ToLower(sel.Value))
	case sel.Property == IdPGroup:
		return s != nil && strings.Contains("\n"+strings.Join(s.Groups, "\n")+"\n", "\n"+sel.Value+"\n")
	case sel.Property == LoginMethod:
		return s != nil && s.Provider == sel.Value
	case sel.Property == AuthMethod:
		return s != nil && strings.Contains("\n"+strings.Join(s.AMR, "\n")+"\n", "\n"+sel.Value+"\n")
	case sel.Property == OIDCClaim:
		return s != nil && refClaims(sel.Claim, s, ifUnknown)
	case sel.Property == ExternalEvaluation:
		return refApproves(sel, s, ifUnknown)
	case sel.Property == Expression:
		return refExpression(sel.Condition, s, r, ifUnknown)
	case sel.Property == Address && !r.Address.IsValid():
		return ifUnknown
	case sel.Property == Address:
		return slices.ContainsFunc(sel.Networks, func(n netip.Prefix) bool { return n.Contains(r.Address) })
	case sel.Property == ClientCertificate:
		return refCertified(sel.Certificate, r, ifUnknown)
	case sel.Property == Country:
		if code := refCountry(r); code != "" {
			return strings.Contains(strings.Join(sel.Countries, " "), code)
		}
		return ifUnknown
	default:
		return false
	}
}
