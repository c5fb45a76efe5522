// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// A Fit is how well selectors stand for what was there.
type Fit int

// The fits. The zero value is that of nothing at all.
const (
	None     Fit = iota
	Narrower     // they match fewer
	Exact
)

// A Part is what became of a selector: the selectors that match what it did, any of them,
// or why there is none.
type Part struct {
	Selectors []v1alpha1.Selector
	Fit       Fit
	From      *tree.Node
	Why       string
}

// Lacks is a part of which nothing is left.
func Lacks(from *tree.Node, why string) Part { return Part{From: from, Why: why} }

// Is is a part of one selector that says the same.
func Is(from *tree.Node, s v1alpha1.Selector) Part {
	return Part{Selectors: []v1alpha1.Selector{s}, Fit: Exact, From: from}
}

// Everyone matches everybody.
func Everyone() v1alpha1.Selector {
	return v1alpha1.Selector{Everyone: &apiextensionsv1.JSON{Raw: []byte("true")}}
}

// A Rule is one that was, in parts.
type Rule struct {
	Of, Name                  string // Of is the object that it stood in
	From                      *tree.Node
	Action                    v1alpha1.RuleAction
	Include, Require, Exclude []Part
	SessionDuration           v1alpha1.Duration
	// Doubtful is why nobody knows whether the rule was there.
	Doubtful []Part
	// Narrowed is what was asked of those whom the selectors matched, which cannot be
	// expressed. No later rule was tried for those who lacked it.
	Narrowed []Part
	// Demands are what is asked of them here in the place of it.
	Demands []Part
}

// Write returns the rule in the rules that say no more than it did; none where it cannot be
// written without admitting more.
func (d *Draft) Write(r Rule) []v1alpha1.Rule {
	var out []v1alpha1.Rule
	stops := r.Action == v1alpha1.ActionAllow && len(r.Narrowed)+len(r.Demands) > 0
	for _, p := range r.Narrowed {
		d.Say(Closed, p.From, r.Of, "%s: whomever the %s rule matches is refused, as no later rule was tried for them", p.Why, r.Action)
	}
	if len(r.Narrowed) == 0 || r.Action == v1alpha1.ActionBlock {
		with := r
		for _, p := range r.Demands {
			d.Say(Closed, p.From, r.Of, "%s", p.Why)
			p.Fit = Exact
			with.Require = append(slices.Clone(with.Require), p)
		}
		if one := d.one(with); one != nil {
			out = append(out, *one)
		}
	}
	if stops {
		r.Action, r.SessionDuration, r.Name = v1alpha1.ActionBlock, "", cut(does(r.Name == "", "", r.Name+" (stop)"), 63)
		if one := d.one(r); one != nil {
			out = append(out, *one)
		}
	}
	return out
}

// one writes a rule by itself.
func (d *Draft) one(r Rule) *v1alpha1.Rule {
	out := &v1alpha1.Rule{Name: r.Name, Action: r.Action, SessionDuration: r.SessionDuration}
	r.Include, r.Require, r.Exclude = slices.Clone(r.Include), slices.Clone(r.Require), slices.Clone(r.Exclude)
	for _, list := range [][]Part{r.Include, r.Require, r.Exclude} {
		for i := range list {
			d.fit(r.Action, &list[i])
		}
	}
	if r.Action == v1alpha1.ActionBlock {
		d.block(&r, out)
		return out
	}
	if !d.narrow(&r, out) {
		return nil
	}
	if r.Action == v1alpha1.ActionServiceAuth {
		d.vouch(&r)
	}
	for _, p := range r.Include {
		if p.Fit != Exact {
			d.Say(Closed, p.From, r.Of, "%s: %s", p.Why, does(p.Fit == None, "it is left out of what the rule includes",
				"the rule matches fewer"))
		}
		out.Include = append(out.Include, p.Selectors...)
	}
	if len(out.Include) == 0 {
		d.Say(Closed, r.From, r.Of, "nothing is left of what the rule includes: the %s rule is not written", r.Action)
		return nil
	}
	out.Include = d.pack(out.Include, 128, r.Name+" include")
	return out
}

func does(is bool, one, two string) string {
	if is {
		return one
	}
	return two
}

// narrow writes what narrows a rule that admits, and reports whether all of it could be.
func (d *Draft) narrow(r *Rule, out *v1alpha1.Rule) bool {
	whole := true
	missing := func(p Part, list string) {
		whole = false
		d.Say(Closed, p.From, r.Of, "%s: without it the rule would admit more than it did, so the %s rule is not written%s",
			p.Why, r.Action, list)
	}
	for _, p := range r.Doubtful {
		missing(p, "")
	}
	for _, p := range r.Require {
		switch {
		case p.Fit == None:
			missing(p, " (require)")
			continue
		case p.Fit == Narrower:
			d.Say(Closed, p.From, r.Of, "%s: the rule matches fewer", p.Why)
		}
		out.Require = append(out.Require, d.pack(p.Selectors, 1, r.Name+" require")...)
	}
	for _, p := range r.Exclude {
		if p.Fit != Exact {
			missing(p, " (exclude)")
			continue
		}
		out.Exclude = append(out.Exclude, p.Selectors...)
	}
	out.Exclude = d.pack(out.Exclude, 64, r.Name+" exclude")
	if len(out.Require) > 32 {
		missing(Part{From: r.From, Why: "more than 32 selectors are required"}, "")
	}
	return whole
}

// vouch leaves out what a ServiceAuth rule includes without asking for a credential: such a
// rule admits machines by what they send.
func (d *Draft) vouch(r *Rule) {
	if slices.ContainsFunc(r.Require, d.isCredential) {
		return
	}
	for i, p := range r.Include {
		if p.Fit != None && !d.isCredential(p) {
			r.Include[i] = Lacks(p.From, "a ServiceAuth rule asks for a credential, and this is none "+
				"(write a Bypass rule if whoever matches may pass without any)")
		}
	}
}

func (d *Draft) isCredential(p Part) bool {
	return len(p.Selectors) > 0 && !slices.ContainsFunc(p.Selectors, func(s v1alpha1.Selector) bool { return !d.looksOf(s).credential })
}

// looksOf is what a selector looks at.
func (d *Draft) looksOf(s v1alpha1.Selector) looks {
	switch {
	case s.Group != "":
		return d.groups[string(s.Group)]
	case s.ServiceToken != "", s.AnyServiceToken != nil, s.LinkedApp != nil, s.JWT != nil:
		return looks{machine: true, credential: true}
	case s.Certificate != nil:
		return looks{credential: true}
	case s.Everyone != nil, len(s.IP) > 0, len(s.Country) > 0, s.CEL != "":
		return looks{}
	default:
		return looks{identity: true}
	}
}

// block writes a rule that refuses: what cannot be expressed makes it refuse more.
func (d *Draft) block(r *Rule, out *v1alpha1.Rule) {
	out.SessionDuration = ""
	for _, p := range r.Doubtful {
		d.Say(Closed, p.From, r.Of, "%s: the Block rule is written in any case", p.Why)
	}
	for _, p := range r.Include {
		if p.Fit != Exact {
			d.Say(Closed, p.From, r.Of, "%s: so that nobody slips by, the Block rule refuses everybody", p.Why)
			out.Include = []v1alpha1.Selector{Everyone()}
			break
		}
		out.Include = append(out.Include, p.Selectors...)
	}
	for _, p := range r.Require {
		if p.Fit != Exact {
			d.Say(Closed, p.From, r.Of, "%s: the Block rule no longer requires it, and refuses more", p.Why)
			continue
		}
		out.Require = append(out.Require, d.pack(p.Selectors, 1, r.Name+" require")...)
	}
	for _, p := range r.Exclude {
		if p.Fit != Exact {
			d.Say(Closed, p.From, r.Of, "%s: the Block rule %s, and refuses more", p.Why,
				does(p.Fit == None, "no longer excludes it", "excludes fewer"))
		}
		out.Exclude = append(out.Exclude, p.Selectors...)
	}
	if len(out.Require) > 32 {
		d.Say(Closed, r.From, r.Of, "more than 32 selectors are required: the Block rule requires the first 32, and refuses more")
		out.Require = out.Require[:32]
	}
	if len(out.Include) == 0 {
		d.Say(Closed, r.From, r.Of, "it is not known whom the Block rule refuses: it refuses everybody")
		out.Include, out.Require = []v1alpha1.Selector{Everyone()}, nil
	}
	out.Include = d.pack(out.Include, 128, r.Name+" include")
	out.Exclude = d.pack(out.Exclude, 64, r.Name+" exclude")
}

// Group writes an AccessGroup, and returns the selector of it. Several selectors of a part
// in require become a group of their own.
func (d *Draft) Group(from *tree.Node, of, wanted string, include, require, exclude []Part) Part {
	rule := Rule{Of: of, Name: wanted, From: from, Action: anyAction, Include: include, Require: require, Exclude: exclude}
	fit := Exact
	for _, list := range [][]Part{include, require, exclude} {
		for i := range list {
			d.fit(anyAction, &list[i])
			fit = min(fit, max(list[i].Fit, Narrower))
		}
	}
	var spec v1alpha1.Rule
	if !d.narrow(&rule, &spec) {
		return Lacks(from, of+" cannot be written")
	}
	for _, p := range include {
		if p.Fit != Exact {
			d.Say(Closed, p.From, of, "%s: the group matches fewer", p.Why)
		}
		spec.Include = append(spec.Include, p.Selectors...)
	}
	if len(spec.Include) == 0 {
		return Lacks(from, of+" has nothing left that it includes")
	}
	spec.Include = d.pack(spec.Include, 128, wanted)
	p := Is(from, v1alpha1.Selector{Group: d.group(from, of, wanted, spec)})
	if p.Fit = fit; fit != Exact {
		p.Why = of + " could not be written whole"
	}
	return p
}

// group adds an AccessGroup, and returns its name.
func (d *Draft) group(from *tree.Node, of, wanted string, spec v1alpha1.Rule) v1alpha1.GroupName {
	g := &v1alpha1.AccessGroup{TypeMeta: typeOf("AccessGroup")}
	g.Name = d.Name("AccessGroup", wanted, "group")
	g.Spec = v1alpha1.AccessGroupSpec{Include: spec.Include, Require: spec.Require, Exclude: spec.Exclude}
	d.others = append(d.others, &other{g, from, of})
	all := looks{credential: true}
	for i, list := range [][]v1alpha1.Selector{spec.Include, spec.Require, spec.Exclude} {
		for _, s := range list {
			l := d.looksOf(s)
			all.identity, all.machine = all.identity || l.identity, all.machine || l.machine
			all.credential = all.credential && (i > 0 || l.credential)
		}
	}
	d.groups[g.Name] = all
	return v1alpha1.GroupName(g.Name)
}

// pack keeps a list within what a rule may hold: those that it has too many of become
// AccessGroups, any of which matches what any of its members did.
func (d *Draft) pack(list []v1alpha1.Selector, most int, wanted string) []v1alpha1.Selector {
	list = gather(list)
	for len(list) > most {
		var groups []v1alpha1.Selector
		for part := range slices.Chunk(list, 128) {
			groups = append(groups, v1alpha1.Selector{Group: d.group(nil, "", wanted, v1alpha1.Rule{Include: part})})
		}
		list = groups
	}
	return list
}

// gather makes one selector of those that hold a list each.
func gather(list []v1alpha1.Selector) []v1alpha1.Selector {
	var out []v1alpha1.Selector
	for _, s := range list {
		i := len(out) - 1
		switch {
		case i >= 0 && len(s.IP) > 0 && len(out[i].IP) > 0 && len(out[i].IP)+len(s.IP) <= 32:
			out[i].IP = compact(append(slices.Clone(out[i].IP), s.IP...))
		case i >= 0 && len(s.Country) > 0 && len(out[i].Country) > 0:
			out[i].Country = compact(append(slices.Clone(out[i].Country), s.Country...))
		default:
			out = append(out, s)
		}
	}
	return out
}

// compact drops what stands twice.
func compact[T comparable](list []T) []T {
	var out []T
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
