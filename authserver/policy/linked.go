// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Linked is the session of somebody at one application, the linked one, which sends it
// along when it calls another for them. Its signature has been verified; whether it counts
// is judged here, by the policy of the linked application as it is now. It is shared, and
// not modified once made.
type Linked struct {
	subject *Subject
	// machines are who a ServiceAuth rule admits by it, for each policy of its audience.
	machines []Machine
	// assumed: whoever it is, the applications admit them.
	assumed bool
}

// NewLinked makes a Linked of a session that was verified.
func NewLinked(s *Subject) *Linked {
	l := &Linked{subject: s, machines: make([]Machine, len(s.Audience))}
	for i, audience := range s.Audience {
		namespace, name, _ := strings.Cut(audience, "/")
		l.machines[i] = Machine{Name: "linked:" + audience + ":" + s.Name(), ID: s.Name(),
			Source: Source{Namespace: namespace, Name: name}, ExpiresAt: s.ExpiresAt}
	}
	return l
}

// AssumeLinked makes a Linked of somebody whom the applications of these policies admit: to
// explain and to compare. Nothing that comes over a network makes one.
func AssumeLinked(names ...string) *Linked {
	l := NewLinked(&Subject{ID: "somebody", Audience: names})
	l.assumed = true
	return l
}

// PresentLinked enters the session that a linked application sent along, or why it does not
// count.
func (r *Request) PresentLinked(l *Linked, refused Reason) { r.Linked, r.LinkedRefused = l, refused }

// links reports whether the request has a token of a linked application, and the policy has
// rules about them: elsewhere it is nothing to anybody.
func (t *Table) links(a *app, r *Request) bool {
	return (r.Linked != nil || r.LinkedRefused != NoReason) && t.looksAtLinks(a)
}

func (t *Table) looksAtLinks(a *app) bool {
	if len(a.links) > 0 {
		return true
	}
	g := t.readByGroups(a)
	return g != nil && len(g.links) > 0
}

// LooksAtLinks reports whether a rule of the policy there looks at linked applications.
func (p Place) LooksAtLinks() bool {
	a := p.app()
	return a != nil && p.table.looksAtLinks(a)
}

// decideLinked judges a request with the session of a linked application, and no service
// token. As with one, nobody is asked to sign in: a rule lets it in, or it is refused. A
// session that is over for the application it was made at is over here.
func (t *Table) decideLinked(a *app, r *Request, v visitor, d *Decision, tr *Trace) {
	d.Unauthenticated, v.unattended = Unauthorized, true
	t.decideRules(a, r, v, NoSession, d, tr)
	if d.Verdict == Deny && d.Reason == NoRuleMatched && t.linkEnded(a, r) {
		d.challenge(&rule{}, TokenExpired, r.Method)
	}
}

// linkEnded reports whether the session is over, or was revoked, at an application that the
// policy links to.
func (t *Table) linkEnded(a *app, r *Request) bool {
	for i, name := range r.Linked.subject.Audience {
		if a.audience != name && t.linksTo(a, name) {
			if why := t.follow(a.source.Namespace, r, r.Linked, i); why == SessionExpired || why == SessionRevoked {
				return true
			}
		}
	}
	return false
}

func (t *Table) linksTo(a *app, name string) bool {
	g := t.readByGroups(a)
	return contains(a.links, name) || g != nil && contains(g.links, name)
}

// follow returns why a session at a linked application does not count for policies of a
// namespace, or NoReason: the policy of that application, the one of the audience's at i,
// admits the same person now. Its rules see no address, and nothing of the request but its
// method: what they ask of the rest cannot be known, and counts against the visitor. Nor do
// they see that this is a session of a linked application, so that no link leads to another.
func (t *Table) follow(namespace string, r *Request, l *Linked, i int) Reason {
	s := l.subject
	if l.assumed {
		return t.acceptsLinks(namespace, s.Audience[i])
	}
	a := t.claims(s.Host).named(s.Audience[i])
	switch {
	case a == nil:
		return NoPolicy
	case s.AuthorizedParty != "" || s.Client != "" || !a.acceptsLinksOf(namespace):
		return WrongAudience
	}
	if why := t.standing(a, s, r.Now); why != NoReason {
		return why
	}
	v := visitor{subject: s, table: t, namespace: a.source.Namespace, policy: a.audience}
	for i := range a.identity {
		ru := &a.identity[i]
		switch {
		case ru.match(r.Method, &v) != yes:
		case ru.action == Block:
			return Blocked
		case ru.outlived(s, r):
			return SessionExpired
		default:
			return NoReason
		}
	}
	return NoRuleMatched
}

// acceptsLinks returns why sessions at an application do not count for policies of a
// namespace, whoever has one, or NoReason.
func (t *Table) acceptsLinks(namespace, name string) Reason {
	switch a := t.linkable[name]; {
	case a == nil:
		return NoPolicy
	case !a.acceptsLinksOf(namespace):
		return WrongAudience
	}
	return NoReason
}

// AcceptsLinks reports whether there is a policy of that name, "namespace/name", that one
// of the namespace links to and may.
func (t *Table) AcceptsLinks(namespace, name string) bool {
	return t != nil && t.acceptsLinks(namespace, name) == NoReason
}

// named returns the policy of that name that has a claim on the host and no mistakes; nil:
// there is none.
func (r *claims) named(audience string) (found *app) {
	r.each(func(c claim) {
		if c.app.audience == audience && !c.app.defective {
			found = c.app
		}
	})
	return found
}

// acceptsLinksOf reports whether policies of the namespace may link to the policy.
func (a *app) acceptsLinksOf(namespace string) bool {
	return a.source.Namespace == namespace || contains(a.linkedFrom, namespace)
}

// linkedTo reports whether a session at an application of that name counts. Where it would
// help the visitor that it does not, it is enough that there is one.
func (v *visitor) linkedTo(name string, ifUnknown bool) match {
	if v.linked == nil || v.table == nil || v.request == nil {
		return no
	}
	s := v.linked.subject
	i := slices.Index(s.Audience, name)
	switch {
	case i < 0:
		return no
	case ifUnknown:
		return yes
	case name == v.policy || i >= maxAudience: // whoever has a session here needs no link
		return no
	}
	bit := uint32(1) << i
	if v.linksKnown&bit == 0 {
		v.linksKnown |= bit
		if v.table.follow(v.namespace, v.request, v.linked, i) == NoReason {
			v.linksGood |= bit
		}
	}
	if v.linksGood&bit == 0 {
		return no
	}
	v.by = i
	return yes
}

// linksOf returns the policies that the rules link to, each once.
func linksOf(p *Policy) (out []string) {
	eachLink(p, func(_, name string) { out = append(out, name) })
	return sortedOnce(out)
}

func eachLink(p *Policy, visit func(field, name string)) {
	for i := range p.Rules {
		for l, list := range p.Rules[i].lists() {
			for j := range list {
				if list[j].Property == LinkedApp {
					visit(item(ruleField(i)+listNames[l], j)+".linkedApp", inNamespace(list[j].Value, p.Source.Namespace))
				}
			}
		}
	}
}

// inNamespace is the whole name of what is named in an object of a namespace.
func inNamespace(name, namespace string) string {
	if strings.Contains(name, "/") {
		return name
	}
	return namespace + "/" + name
}

// A linkUse is where a policy or a group names a linked application.
type linkUse struct{ field, name string }

func linkUsesOf(p *Policy) (out []linkUse) {
	eachLink(p, func(field, name string) { out = append(out, linkUse{field, name}) })
	return out
}

// linkIssues says which linked applications match nobody: the policy that names one is in
// force all the same.
func (a *Assembler) linkIssues() (out []Issue) {
	for e := range a.linking {
		app := e.used.app
		for _, u := range e.used.linkUses {
			if code, text := a.linkProblem(u.name, app); code != "" {
				out = append(out, newIssue(app.source.at(u.field), code, text))
			}
		}
	}
	for name, entries := range a.groupUsers {
		for _, u := range a.groups.find(name).links {
			for e := range entries {
				if code, text := a.linkProblem(u.name, e.used.app); code != "" {
					out = append(out, newIssue(e.used.app.source.at(e.used.app.names(name)), code, fmt.Sprintf("by the AccessGroup %q, %s", name, text)))
				}
			}
		}
	}
	return out
}

// linkables are the policies that others link to, by name, but for those with mistakes.
func (a *Assembler) linkables() map[string]*app {
	var out map[string]*app
	add := func(name string) {
		namespace, object, _ := strings.Cut(name, "/")
		if e := a.names[[2]string{namespace, object}]; e != nil && !e.used.app.defective {
			if out == nil {
				out = map[string]*app{}
			}
			out[name] = e.used.app
		}
	}
	for e := range a.linking {
		for _, u := range e.used.linkUses {
			add(u.name)
		}
	}
	for name := range a.groupUsers {
		for _, u := range a.groups.find(name).links {
			add(u.name)
		}
	}
	return out
}

// linkProblem says why sessions at an application match nobody in a policy.
func (a *Assembler) linkProblem(name string, in *app) (Code, string) {
	namespace, object, _ := strings.Cut(name, "/")
	e := a.names[[2]string{namespace, object}]
	switch {
	case name == in.audience:
		return codeLinkSelf, "the policy links to itself, which matches nobody: its own sessions are for Allow rules"
	case e == nil:
		return codeLinkMissing, fmt.Sprintf("there is no AccessPolicy %q, so this matches no request; it will once there is one", name)
	case e.used.app.defective:
		return codeLinkMistaken, fmt.Sprintf("the AccessPolicy %q has a mistake, so this matches no request until that is corrected", name)
	case !e.used.app.acceptsLinksOf(in.source.Namespace):
		return codeLinkOthers, fmt.Sprintf("the AccessPolicy %q takes no part in policies of namespace %q, so this matches no request: "+
			"its spec.session.policyNamespaces does not list that", name, in.source.Namespace)
	}
	return "", ""
}

// checkLinkedApp checks the name that a selector has.
func (s *Selector) checkLinkedApp() problem {
	namespace, object, ok := strings.Cut(s.Value, "/")
	if !ok {
		namespace, object = "default", s.Value
	}
	if !isObjectName(namespace) || !isObjectName(object) {
		return problem{codeLinkedApp, "linkedApp: name is that of an AccessPolicy, namespace that of its namespace"}
	}
	return problem{}
}

// linked says what there is of a linked application, if a rule asks.
func (tr *Trace) linked(t *Table, a *app, r *Request) {
	switch l := r.Linked; {
	case tr == nil || !t.looksAtLinks(a):
	case r.LinkedRefused != NoReason:
		tr.add("linkedApp", Source{}, r.LinkedRefused.String(), "what came as the session of a linked application is none that is good; "+
			"such a request is refused, whatever rules say")
	case l == nil:
		tr.add("linkedApp", Source{}, "none", "the request has no session of a linked application, which rules look at")
	default:
		tr.eachLink(t, a, r)
	}
}

// eachLink says of the applications that a session is for whether it counts here.
func (tr *Trace) eachLink(t *Table, a *app, r *Request) {
	s, said := r.Linked.subject, false
	for i, name := range s.Audience {
		if !t.linksTo(a, name) {
			continue
		}
		said = true
		switch why := t.follow(a.source.Namespace, r, r.Linked, i); {
		case name == a.audience:
			tr.add("linkedApp", Source{}, "not matched", "the session is one of this policy, which links to itself: that matches nobody")
		case why == NoReason:
			namespace, object, _ := strings.Cut(name, "/")
			tr.add("linkedApp", Source{Namespace: namespace, Name: object}, "matched", "admits %s", cmp.Or(s.Email, s.Name()))
		default:
			tr.add("linkedApp", Source{}, why.String(), "%s %s", name, t.linkRefusal(why, s, a, name))
		}
	}
	if !said {
		tr.add("linkedApp", Source{}, WrongAudience.String(), "the session is for %s, and no rule links to that", strings.Join(s.Audience, ", "))
	}
}

// linkRefusal words why a session at an application does not count.
func (t *Table) linkRefusal(why Reason, s *Subject, a *app, name string) string {
	who := cmp.Or(s.Email, s.Name())
	switch why {
	case NoPolicy:
		return fmt.Sprintf("is not there, or has a mistake, or has no claim on %s, where the session was made", cmp.Or(s.Host, "a host"))
	case WrongAudience:
		return fmt.Sprintf("takes no part in policies of namespace %s, unless its spec.session.policyNamespaces lists that", a.source.Namespace)
	case SessionExpired:
		return "would have " + who + " sign in again: the session is over"
	case SessionRevoked:
		return "would have " + who + " sign in again: the session was revoked"
	case WrongProvider:
		return "does not take the identity provider of " + who
	case Blocked:
		return "blocks " + who
	default:
		return "admits " + who + " by no Allow rule, of which it is asked with the method of this request, and without an address"
	}
}

// TargetOf returns a place that the policy of a name, "namespace/name", guards.
func (t *Table) TargetOf(name string) (at Target, ok bool) {
	if t == nil {
		return at, false
	}
	for _, host := range t.Hosts() {
		if IsPattern(host) {
			host = "any." + zoneOf(host)
		}
		t.claims(host).each(func(c claim) {
			if ok || c.app.defective || c.app.audience != name {
				return
			}
			target, err := NewTarget(host, cookiePath(cmp.Or(c.path, "/")))
			if ok = err == nil && t.Audience(target) == name; ok {
				at = target
			}
		})
		if ok {
			return at, true
		}
	}
	return at, false
}
