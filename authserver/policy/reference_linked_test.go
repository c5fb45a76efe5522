// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"time"
)

// linkables are the policies that those of the tests may link to; n/p is the one that does.
func linkables() []Policy {
	at := func(namespace, name string, from []string, rules ...Rule) Policy {
		return Policy{Source: Source{Namespace: namespace, Name: name}, Since: birth, Hosts: []string{name + ".y"}, Rules: rules,
			Session: Session{PolicyNamespaces: from}}
	}
	ann := Rule{Action: Allow, Include: emails("ann@x")}
	late := at("n", "late", nil, Rule{Action: Allow, Include: everyone(), SessionDuration: 30 * time.Minute})
	void := at("n", "void", nil, does(Allow)...)
	void.Session.RevokedBefore = now
	broken := at("n", "broken", nil, Rule{Action: Allow})
	return []Policy{
		at("n", "desk", nil, Rule{Action: Block, Methods: []string{"POST"}, Include: emails("bob@y")},
			Rule{Action: Allow, Include: everyone()}),
		at("n", "mine", nil, Rule{Action: Bypass, Include: everyone(), Methods: []string{"DELETE"}},
			Rule{Action: ServiceAuth, Include: linkedTo("n/desk")}, ann),
		at("n", "near", nil, Rule{Action: Block, Include: networks("10.66.0.0/16")}, Rule{Action: Allow, Include: everyone()}),
		at("n", "inside", nil, Rule{Action: Allow, Include: everyone(), Require: networks("10.0.0.0/8")}),
		at("m", "open", []string{"k", "n"}, does(Allow)...),
		at("m", "shut", []string{"k"}, does(Allow)...),
		late, void, broken,
	}
}

// refLinks reports whether rules of a policy, or groups that they name, look at linked
// applications, and at this one if it is named.
func refLinks(p *Policy, name string, groups []Group) bool {
	var in func(lists [3][]Selector) bool
	in = func(lists [3][]Selector) bool {
		return slices.ContainsFunc(slices.Concat(lists[0], lists[1], lists[2]), func(s Selector) bool {
			switch {
			case s.Property == LinkedApp:
				return name == "" || s.Value == name || "n/"+s.Value == name
			case s.Property == AccessGroup && !refBroken(s.Value, groups):
				return in(refGroup(s.Value, groups)[0].lists())
			}
			return false
		})
	}
	return slices.ContainsFunc(p.Rules, func(ru Rule) bool { return in(ru.lists()) })
}

// refSent reports whether the request has the session of a linked application that is for
// the policy to judge.
func refSent(p *Policy, r *Request, groups []Group) bool {
	return (r.Linked != nil || r.LinkedRefused != NoReason) && refLinks(p, "", groups)
}

// refFollows judges the session at the linked application: it is as if the same person came
// there, from nowhere. over: they would have to sign in again.
func refFollows(name string, r *Request) (good, over bool) {
	s := *r.Linked.subject
	namespace, object, _ := strings.Cut(name, "/")
	i := slices.IndexFunc(linkables(), func(p Policy) bool { return p.Source.Namespace == namespace && p.Source.Name == object })
	if i < 0 || !slices.Contains(s.Audience, name) || s.AuthorizedParty != "" {
		return false, false
	}
	p := linkables()[i]
	if len(Validate(&p)) > 0 || !slices.Contains(p.Hosts, s.Host) || namespace != "n" && !slices.Contains(p.Session.PolicyNamespaces, "n") {
		return false, false
	}
	if !s.ExpiresAt.After(r.Now) || s.SignedInAt.Before(p.Session.RevokedBefore) {
		return false, true
	}
	p.Rules = slices.DeleteFunc(p.Rules, func(ru Rule) bool { return ru.Action.relaxes() })
	there := Request{Method: r.Method, Subject: &s, Now: r.Now}
	if _, why := refRules(&p, &there); why != SignedIn {
		return false, false
	}
	for _, ru := range p.Rules { // all of them admit the same people
		over = over || ru.SessionDuration > 0 && r.Now.Sub(s.IssuedAt) > ru.SessionDuration
	}
	return !over, over
}

// refLinked is how the selector fits.
func refLinked(sel Selector, r *Request, ifUnknown bool) bool {
	if sel.Property != LinkedApp || r.Linked == nil {
		return false
	}
	name := sel.Value
	if !strings.Contains(name, "/") {
		name = "n/" + name
	}
	if !slices.Contains(r.Linked.subject.Audience, name) {
		return false
	}
	good, _ := refFollows(name, r)
	return ifUnknown || name != "n/p" && good
}

// refLinkOver: it would be good if it were younger.
func refLinkOver(p *Policy, r *Request, groups []Group) bool {
	return slices.ContainsFunc(r.Linked.subject.Audience, func(name string) bool {
		_, over := refFollows(name, r)
		return over && refLinks(p, name, groups)
	})
}
