// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"time"
)

// Decide says what to do with a request. It is pure and allocates nothing.
func (t *Table) Decide(r Request) Decision { return t.decide(&r, nil) }

// decide is the walk, for Decide and Explain alike. The steps stand in doc.go.
func (t *Table) decide(r *Request, tr *Trace) Decision {
	if t == nil {
		tr.notReady()
		return Decision{Reason: NotReady}
	}
	a, dry, why := t.guarding(&r.Target, r.Ingress != "")
	tr.found(t, r, a, why)
	if a == nil {
		return Decision{Reason: why}
	}
	if !t.names(r, a) && (dry == nil || !t.names(r, dry)) {
		tr.otherPolicy(t, r, a)
		return Decision{Reason: NoPolicy}
	}
	d := t.enforced(a, why, r, tr)
	if dry != nil {
		return t.rehearsed(a, dry, d, r, tr)
	}
	return d
}

// enforced is what a policy decides.
func (t *Table) enforced(a *app, why Reason, r *Request, tr *Trace) Decision {
	d := Decision{Source: a.source, Unauthenticated: a.unauthenticated, Upstream: a.upstream}
	if why != NoReason {
		d.Reason = why
		return d
	}
	if r.IsPreflight() {
		a.decidePreflight(r, &d)
		tr.preflight(r, a, &d)
		return d
	}
	tr.notPreflight(r)
	if a.oauth != nil {
		d.Resource = t.resource(&r.Target)
	}
	// Without an Origin, too: a cache may show the answer to any origin.
	d.ManageResponses = a.cors != nil && a.cors.manage
	d.Framers = a.cors.framedBy()
	d.Partitioned = a.signIn != nil && a.signIn.cookie.Partitioned
	if r.Origin != "" && r.Method != "OPTIONS" {
		d.CORS = a.cors.readable(r.Origin)
		d.Activates = a.activates(r.Origin)
		tr.readable(r, a, &d)
	}
	v := visitor{bearer: r.Bearer, unverified: r.BearerRefused != NoReason, table: t, namespace: a.source.Namespace, policy: a.audience}
	tr.linked(t, a, r)
	if t.links(a, r) {
		if r.LinkedRefused != NoReason {
			d.Unauthenticated = Unauthorized
			d.challenge(&rule{}, r.LinkedRefused, r.Method)
			return d
		}
		v.linked = r.Linked
	}
	if machine, bad := t.identifyMachine(a, r); r.Token.present() {
		tr.token(t, a, r, machine, bad)
		v.machine = machine
		t.decideMachine(a, r, v, bad, &d, tr)
		return d
	}
	if v.linked != nil {
		t.decideLinked(a, r, v, &d, tr)
		return d
	}
	subject, refused := t.identify(a, r)
	tr.session(t, a, r, subject, refused)
	v.subject = subject
	tr.evaluations(t, a, subject)
	t.decideBearer(a, r, v, refused, &d, tr)
	t.decideStepUp(a, r, v, &d, tr)
	return d
}

// decideMachine judges a request with a service token. It is refused if the token is not
// good, whatever a rule says: who sends one relies on it, and has to learn that it fails.
// No answer of it leads to a login.
func (t *Table) decideMachine(a *app, r *Request, v visitor, bad Reason, d *Decision, tr *Trace) {
	d.Unauthenticated = Unauthorized
	if bad != NoReason {
		d.challenge(&rule{}, bad, r.Method)
		return
	}
	v.unattended = true
	t.decideRules(a, r, v, NoSession, d, tr)
}

func (a *app) decidePreflight(r *Request, d *Decision) {
	d.Source.Field = "spec.cors"
	switch {
	case a.cors == nil:
		d.Reason = PreflightNotConfigured
	case !a.cors.bypass:
		if d.CORS, d.Reason = a.cors.preflight(r.Origin, &r.Preflight); d.Reason == NoReason {
			d.Verdict, d.Reason = AnswerPreflight, PreflightAnswered
		}
	case r.doubt() != NoReason:
		d.Reason = r.doubt()
	default:
		d.Verdict, d.Reason = Admit, PreflightBypassed
	}
}

func (t *Table) decideRules(a *app, r *Request, who visitor, refused Reason, d *Decision, tr *Trace) {
	v := who.asking(r) // of which nothing is kept: see visitor.facts
	tr.country(t, a, &v)
	tr.certificate(t, a, r)
	d.Reason = NoRuleMatched
	for i := range a.relaxing {
		ru := &a.relaxing[i]
		m, by := t.relaxes(ru, r, &v)
		v.report(a, ru, d, tr)
		if doubt := r.doubt(); m == yes && doubt != NoReason {
			d.Reason = doubt // without it, the request would have passed
			tr.skipped(a, ru, doubt)
			continue
		}
		tr.rule(a, ru, m, r.Method, &v)
		tr.groups(t, a, ru)
		if m == yes {
			a.admit(ru, r, d, tr)
			d.Machine = by.of(&who, r)
			return
		}
	}
	if t.decideExempt(a, r, d, tr) {
		return
	}
	for i := range a.identity {
		ru := &a.identity[i]
		m := ru.match(r.Method, &v)
		v.report(a, ru, d, tr)
		tr.rule(a, ru, m, r.Method, &v)
		tr.groups(t, a, ru)
		if a.apply(ru, m, r, &v, refused, d, tr) {
			tr.outcome(r, ru, d)
			return
		}
	}
}

// relaxes reports how a rule fits that asks nobody to sign in, and by what a machine is
// admitted.
func (t *Table) relaxes(ru *rule, r *Request, v *visitor) (m match, by voucher) {
	if t.blind(ru) {
		return no, nothing
	}
	if ru.action == ServiceAuth {
		if by = ru.voucher(v); by == nothing {
			return no, nothing
		}
	}
	return ru.match(r.Method, v), by
}

// apply reports whether a Block or Allow rule decides, and how.
func (a *app) apply(ru *rule, m match, r *Request, v *visitor, refused Reason, d *Decision, tr *Trace) bool {
	subject := v.subject
	switch {
	case m == no, m == maybe && ru.action == Block, v.unattended && ru.action == Allow:
		return false // a Block that needs a name waits for one
	case ru.action == Block:
		d.deny(ru, Blocked)
	case subject == nil:
		d.challenge(ru, refused, r.Method)
	case ru.outlived(subject, r):
		d.challenge(ru, SessionExpired, r.Method)
	default:
		a.admit(ru, r, d, tr)
	}
	return true
}

// admit lets a request through that a rule admits, unless another site may have made
// a browser send it: then a cookie is not enough.
func (a *app) admit(ru *rule, r *Request, d *Decision, tr *Trace) {
	if ru.action == Allow && !r.InHeader && a.foreign(r) {
		d.deny(&rule{field: "spec.crossSite"}, OriginNotAllowed)
		tr.forged(a, r)
		return
	}
	d.admit(ru)
}

// outlived reports whether a credential is older than the rule allows.
func (r *rule) outlived(s *Subject, q *Request) bool {
	limit := r.limit(q)
	if s.Client != "" {
		limit = r.duration // how long a client may act, the policy says: its tokens end by then
	}
	return limit > 0 && q.Now.Sub(s.IssuedAt) > limit
}

// limit is how old a credential may be for the rule; 0: it says itself.
func (r *rule) limit(q *Request) time.Duration {
	if r.duration > 0 {
		return r.duration
	}
	return q.SessionDuration
}

// maxSkew is how far the clocks of replicas may be apart.
const maxSkew = time.Minute

// identify returns the subject if its credential is good for this policy now,
// and otherwise why there is none. Its age, the rules judge.
func (t *Table) identify(a *app, r *Request) (*Subject, Reason) {
	s := r.Subject
	if s == nil {
		if r.Refused != NoReason {
			return nil, r.Refused
		}
		return nil, NoSession
	}
	if why := t.judge(a, r, s); why != NoReason {
		return nil, why
	}
	return s, NoReason
}

// judge returns why a credential does not count for the request, or NoReason.
func (t *Table) judge(a *app, r *Request, s *Subject) Reason {
	if !a.meant(s, r.Target.host, r.Origin) || s.Client != "" && !a.takesClients(r) {
		return WrongAudience
	}
	return t.standing(a, s, r.Now)
}

// meant reports whether a credential was made for this policy and host, and for
// pages of the origin. One that was made for pages is good for as long as they are listed.
func (a *app) meant(s *Subject, host, origin string) bool {
	if s.Host != "" && s.Host != host || !slices.Contains(s.Audience, a.audience) {
		return false
	}
	return s.AuthorizedParty == "" || s.AuthorizedParty == origin && a.cors.takesTokens(origin)
}

// standing returns why a credential is no longer good here, or NoReason.
func (t *Table) standing(a *app, s *Subject, now time.Time) Reason {
	switch {
	case !now.Before(s.ExpiresAt),
		s.IssuedAt.Sub(now) > maxSkew, // from the future, or Now was forgotten
		now.Sub(s.IssuedAt) > MaxSessionDuration:
		return SessionExpired
	case s.SignedInAt.Before(a.revokedBefore), t.Revoked(s):
		return SessionRevoked
	case !a.signIn.permits(s):
		return WrongProvider
	case !t.answers(a, s): // a rule is about what was not looked for: that is found out by signing in
		return SessionExpired
	default:
		return NoReason
	}
}

func (d *Decision) from(ru *rule) {
	d.Source.Field, d.Rule = ru.field, ru.name
}

func (d *Decision) deny(ru *rule, why Reason) {
	d.from(ru)
	d.Verdict, d.Reason = Deny, why
}

// challenge asks to sign in, but for OPTIONS: no login can follow it, and a
// redirect or a 401 would only hide that it was no preflight.
func (d *Decision) challenge(ru *rule, why Reason, method string) {
	d.from(ru)
	d.Verdict, d.Reason = Challenge, why
	if method == "OPTIONS" {
		d.Verdict = Deny
	}
}

func (d *Decision) admit(ru *rule) {
	d.from(ru)
	d.Verdict = Admit
	switch ru.action {
	case Bypass:
		d.Reason = Bypassed
	case ServiceAuth:
		d.Reason = ServiceAdmitted
	case Allow, Block, NoAction:
		d.Reason, d.Identified = SignedIn, true
	}
}
