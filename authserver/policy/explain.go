// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Trace is what Decide looked at, in its order, worded for people.
type Trace struct {
	Steps []Step `json:"steps"`
}

// A Step is one thing that Decide looked at.
type Step struct {
	What    string `json:"what"`             // "target", "policy", "preflight", "session", "rule", "readable"
	Source  Source `json:"source,omitzero"`  // the field that was looked at
	Outcome string `json:"outcome"`          // "matched", "not matched", "refused", …
	Detail  string `json:"detail,omitempty"` // why
	// Findings are those of a rule's selectors.
	Findings []Finding `json:"findings,omitempty"`
	Fix      *Fix      `json:"fix,omitempty"`
}

// Explain decides, and shows its work. It is the walk of Decide.
func (t *Table) Explain(r Request) (Decision, Trace) {
	var tr Trace
	d := t.decide(&r, &tr)
	return d, tr
}

// The methods below do nothing on a nil Trace: that is what Decide passes.

func (tr *Trace) add(what string, s Source, outcome, format string, args ...any) {
	tr.Steps = append(tr.Steps, Step{What: what, Source: s, Outcome: outcome, Detail: fmt.Sprintf(format, args...)})
}

// last is the step that was added last.
func (tr *Trace) last() *Step { return &tr.Steps[len(tr.Steps)-1] }

func (tr *Trace) notReady() {
	if tr != nil {
		tr.add("policy", Source{}, "not ready", "no policies have been read yet; everything is refused until they are")
	}
}

func (tr *Trace) found(t *Table, r *Request, a *app, why Reason) {
	if tr == nil {
		return
	}
	target := &r.Target
	detail := "host " + target.host + ", path " + target.path
	outcome := "canonical"
	if target.notCanonical {
		outcome = "not canonical"
		detail += "; it came as " + target.raw + otherReadings(target)
	}
	tr.add("target", Source{}, outcome, "%s", detail)
	tr.guarded(t, target, a, why)
}

// otherReadings says what servers may make of a target besides its path.
func otherReadings(target *Target) string {
	others := slices.DeleteFunc(slices.Clone(target.readings), func(p string) bool { return p == target.raw })
	said := ""
	if len(others) > 0 {
		said = ", which servers may also read as " + strings.Join(others, " or ")
	}
	switch {
	case len(others) == len(target.readings):
		return said
	case said == "":
		return ", which servers may also read as it stands"
	default:
		return said + ", or as it stands"
	}
}

// guarded says which policy guards the target, or why none does.
func (tr *Trace) guarded(t *Table, target *Target, a *app, why Reason) {
	switch {
	case why == AmbiguousPath && !target.encodedSlash: // then it has several readings
		tr.add("policy", Source{}, "ambiguous", "the readings of this path lead to different policies")
	case why == AmbiguousPath:
		tr.add("policy", sourceOf(a), "ambiguous", "the path holds an encoded slash; allowEncodedSlashes would let this "+
			"policy judge it if every reading led here")
	case why == InvalidPolicy:
		tr.add("policy", a.source, "invalid", "the policy has mistakes, so everything it claims is denied until they are mended")
	case a == nil && t.noted(target.host) != "":
		tr.add("policy", Source{}, "disputed", "%s", t.noted(target.host))
	case a == nil && t.claims(target.host) == nil:
		tr.add("policy", Source{}, "none", "no policy claims this host")
	case a == nil:
		tr.add("policy", Source{}, "none", "policies claim this host, but none of them this path")
	default:
		tr.add("policy", a.source, "found", "by %s; policies in the table: %d", t.claimOf(target, a), t.Len())
	}
}

// claimOf says which host and path of a policy guard the target. A host that is held for
// whose pattern it is has what the pattern has.
func (t *Table) claimOf(target *Target, a *app) string {
	host := target.host
	own, exact := t.exact.get(host)
	for _, p := range Patterns(host) {
		known := &t.wild
		if isDeep(p) {
			known = &t.deep
		}
		if c, is := known.get(zoneOf(p)); is {
			if !exact || own.shares(c) {
				host = p
			}
			break
		}
	}
	path, kind := "/", "Prefix"
	if c := t.claims(target.host).claimOn(target.path, a); c.app != nil && c.path != "" {
		if path = c.path; c.exact {
			kind = "Exact"
		}
	}
	return "host " + host + ", path " + path + " (" + kind + ")"
}

func (tr *Trace) otherPolicy(t *Table, r *Request, a *app) {
	if tr == nil {
		return
	}
	names, why := t.named(r), ""
	switch {
	case names != "":
		why = "names policy " + names + "; this host and path are those of " + a.source.String()
	case t.Torn(r):
		ingress, _ := t.bindings.get(r.Ingress)
		route, _ := t.byRoute.get(r.Ingress)
		why = "are two objects: the Ingress names " + policyOr(ingress) + ", and the HTTPRoute " + policyOr(route)
	case t.knows(r):
		why = "names more than one policy, and so none"
	default:
		why = "names no policy"
	}
	tr.add("ingress", Source{}, "refused", "the request was routed by %s %s, which %s", r.Pin, r.Ingress, why)
}

// policyOr says which policy a route names that is known to name one or more.
func policyOr(named string) string {
	if named == "" {
		return "more than one"
	}
	return "policy " + named
}

func sourceOf(a *app) Source {
	if a == nil {
		return Source{}
	}
	return a.source
}

func (tr *Trace) preflight(r *Request, a *app, d *Decision) {
	if tr == nil {
		return
	}
	switch d.Reason {
	case PreflightNotConfigured:
		tr.add("preflight", d.Source, "refused", "the policy has no spec.cors, so every preflight is refused; add it to let "+
			"other origins call this application")
	case OriginNotAllowed:
		tr.add("preflight", d.Source.at("spec.cors.allowedOrigins"), "refused", "%s", a.cors.originRefused(r.Origin))
	case MethodNotAllowed:
		tr.add("preflight", d.Source.at("spec.cors.allowedMethods"), "refused", "%s", a.cors.methodRefused(r.Preflight.Method))
	case HeaderNotAllowed:
		why, _ := a.cors.headerRefused(r.Preflight.Headers)
		tr.add("preflight", d.Source.at("spec.cors.allowedHeaders"), "refused", "%s", why)
	case AmbiguousPath:
		tr.add("preflight", d.Source, "refused", "preflight: Bypass applies only to canonical paths")
	case BadRequest:
		tr.add("preflight", d.Source, "refused", "preflight: Bypass applies only where the proxy, and not the client, names the host")
	case PreflightBypassed:
		tr.add("preflight", d.Source, "let through", "preflight: Bypass: the application answers it")
	default:
		tr.add("preflight", d.Source, "answered", "origin, method and headers are allowed; credentials play no part")
	}
	tr.last().Fix = r.remedy(a.cors, d.Reason)
}

func (tr *Trace) readable(r *Request, a *app, d *Decision) {
	if tr == nil {
		return
	}
	at := a.source.at("spec.cors")
	if d.CORS.AllowOrigin == "" {
		why := "the policy has no spec.cors"
		if a.cors != nil {
			why = a.cors.originRefused(r.Origin)
		}
		tr.add("readable", at, "no", "%s, so pages of %s cannot read the answer", why, shown(r.Origin))
		return
	}
	tr.add("readable", at, "yes", "origin %s is allowed, so its pages can read a refusal", shown(r.Origin))
}

func (tr *Trace) session(t *Table, a *app, r *Request, s *Subject, why Reason) {
	switch {
	case tr == nil:
	case s != nil:
		tr.add("session", Source{}, "valid", "%s, signed in %s ago", s.Email, r.Now.Sub(s.SignedInAt).Round(1e9))
	case r.Subject == nil:
		tr.add("session", Source{}, why.String(), "the request has no valid session")
	default:
		tr.refused(t, a, r, why)
	}
}

func (tr *Trace) token(t *Table, a *app, r *Request, m *Machine, bad Reason) {
	switch {
	case tr == nil:
	case bad != NoReason:
		tr.add("token", Source{}, bad.String(), "%s; a request with a token that is not good is refused, whatever rules say",
			t.tokens.fault(&r.Token, r.Now))
	case m == nil:
		tr.add("token", Source{}, "not for this policy", "the token is one of %s, and a policy of namespace %s can use it only if "+
			"its spec.policyNamespaces lists that", t.tokens.verify(&r.Token, r.Now).machine.Source, a.source.Namespace)
	default:
		tr.add("token", m.Source, "valid", "%s, until %s", m.Name, m.ExpiresAt.UTC().Format("2006-01-02 15:04 MST"))
	}
}

func (tr *Trace) bearer(a *app, r *Request) {
	switch b := r.Bearer; {
	case tr == nil:
	case r.BearerRefused != NoReason:
		tr.add("token", Source{}, r.BearerRefused.String(), "the bearer token in Authorization does not count")
	case b != nil:
		tr.add("token", b.machine.Source, "valid", "%s, for %s, of the TokenIssuer %s", b.machine.Name, strings.Join(b.Audience, ", "), b.Name)
	case len(a.tokenIssuers) > 0:
		tr.add("token", Source{}, "none", "the request has no bearer token of %s, which rules look at", strings.Join(a.tokenIssuers, ", "))
	}
}

// stranger says what a session was made for, that was not made for this.
func (a *app) stranger(r *Request) (at Source, detail string) {
	s := r.Subject
	switch {
	case s.Host != "" && s.Host != r.Target.host:
		return at, "the session is for " + s.Host + ", and not for this host"
	case s.AuthorizedParty != "" && slices.Contains(s.Audience, a.audience):
		return a.source.at("spec.cors"), fmt.Sprintf("the token is for pages of %s; the request has to come from there, and "+
			"the policy to take tokens from there", s.AuthorizedParty)
	default:
		return at, "the session is for " + strings.Join(s.Audience, ", ") + ", and not for this policy"
	}
}

// gone says why no provider answers for a session.
func (p *Providers) gone(s *Subject) string {
	if p.byName[s.Provider] == nil {
		return fmt.Sprintf("%s came from %s, and no identity provider of that name is in use: it was removed, has a "+
			"mistake, or is in no file that was read", s.Email, s.Provider)
	}
	return fmt.Sprintf("%s is not on the list of users of %s", s.Email, s.Provider)
}

// refused says why a session that there is does not count.
func (tr *Trace) refused(t *Table, a *app, r *Request, why Reason) {
	s := r.Subject
	at, detail := Source{}, "the request has no valid session"
	switch {
	case why == WrongAudience:
		at, detail = a.stranger(r)
	case why == WrongProvider:
		at = a.source.at("spec.identityProviders")
		detail = fmt.Sprintf("%s signed in by %s, and the policy requires %s",
			s.Email, cmp.Or(s.Provider, "nowhere"), strings.Join(a.signIn.providers, " or "))
	case why == SessionRevoked && s.SignedInAt.Before(a.revokedBefore):
		at = a.source.at("spec.session.revokedBefore")
		detail = s.Email + " signed in before sessions of this policy were revoked"
	case why == SessionRevoked && !t.providers.vouch(s):
		detail = t.providers.gone(s)
	case why == SessionRevoked:
		by := t.revoked.find(s)
		at, detail = by.Source, s.Email+" signed in before their sessions were revoked"
		if by.Client != "" {
			detail = "what " + s.Email + " let the client " + s.Client + " do was ended"
		}
	case why == SessionExpired:
		detail = "the session of " + s.Email + " is over"
	}
	tr.add("session", at, why.String(), "%s", detail)
}

// forged says why a cookie is not enough.
func (tr *Trace) forged(a *app, r *Request) {
	if tr == nil {
		return
	}
	from := "another site"
	if r.Origin != "" {
		from = "origin " + r.Origin
	}
	what := "a " + r.Method
	if r.WebSocket {
		what = "a WebSocket"
	}
	tr.add("crossSite", a.source.at("spec.crossSite"), "refused",
		"%s from %s, authenticated by a cookie only: another site could have made the browser send it; list the origin in "+
			"spec.cors.allowedOrigins, send a token in Authorization, or set crossSite: Allow", what, from)
}

func (tr *Trace) skipped(a *app, ru *rule, doubt Reason) {
	if tr == nil {
		return
	}
	only := "to canonical paths"
	if doubt == BadRequest {
		only = "where the proxy, and not the client, names the host"
	}
	tr.add("rule", a.source.at(ru.field), "skipped", "%s%s matches, but applies only %s", ru.action, ru.quoted(), only)
}

func (tr *Trace) failed(a *app, ru *rule, why string) {
	if tr != nil {
		tr.add("cel", a.source.at(ru.field), "no answer", "an expression of %s%s has none, which counts against the visitor: %s", ru.action, ru.quoted(), why)
	}
}

func (tr *Trace) rule(a *app, ru *rule, m match, method string, v *visitor) {
	if tr == nil {
		return
	}
	outcome, detail := [...]string{"not matched", "depends on the user", "matched"}[m], ""
	if why := v.whyNot(v.table, ru, method); why != "" {
		outcome, detail = "not matched", ": "+why
	}
	tr.add("rule", a.source.at(ru.field), outcome, "%s%s%s", ru.action, ru.quoted(), detail)
	tr.last().Findings = v.findings(ru)
}

// groups says which of the groups that a rule names cannot be used.
func (tr *Trace) groups(t *Table, a *app, ru *rule) {
	if tr == nil || !ru.named {
		return
	}
	for l, list := range ru.lists() {
		for i := range list {
			if list[i].Property != AccessGroup {
				continue
			}
			at, name := a.source.at(item(ru.field+listNames[l], i)), list[i].Value
			if _, text := t.groups.unusable(name); text != "" {
				tr.add("group", at, "cannot be used", "%s", text)
			} else if ru.action.relaxes() && t.groups.find(name).identifies {
				tr.add("group", at, "cannot be used", "AccessGroup %q looks at who somebody is, and a %s rule never sees that", name, ru.action)
			}
		}
	}
}

func (tr *Trace) outcome(r *Request, ru *rule, d *Decision) {
	if tr != nil && d.Verdict != Admit && r.Subject != nil && ru.outlived(r.Subject, r) && d.Reason == SessionExpired {
		tr.add("session", d.Source, "expired", "the session is %s old, and may be %s for this rule",
			r.Now.Sub(r.Subject.IssuedAt).Round(1e9), ru.limit(r))
	}
}

func (r *rule) quoted() string {
	if r.name == "" {
		return ""
	}
	return " " + fmt.Sprintf("%q", r.name)
}
