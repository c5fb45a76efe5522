// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// shut is a part of hosts that nothing may be admitted to: what decided there before could
// not be written, and what is written beside it must not decide in its place.
type shut struct {
	host, path string // what the host ends with, or is; what the path begins with, or is
	exact      bool   // the host is this one
	only       bool   // the path is this one
	but        *Policy
}

// Shut closes what stood at a host and path that cannot be written, in all policies but one.
// In both, a "*" stands for anything: what is closed is whatever may have been meant.
func (d *Draft) Shut(host, path string, but *Policy) {
	s := shut{path: literal(path), but: but}
	rest, star := strings.ToLower(host), strings.LastIndex(host, "*")
	if star >= 0 {
		rest = rest[star+1:]
	}
	odd := strings.LastIndexFunc(rest, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-'
	})
	s.exact = star < 0 && odd < 0
	s.host = rest[odd+1:]
	d.shut = append(d.shut, s)
}

// ShutPath closes one path.
func (d *Draft) ShutPath(host, path string, but *Policy) {
	d.Shut(host, path, but)
	d.shut[len(d.shut)-1].only = true
}

// literal is how a pattern of paths begins.
func literal(path string) string {
	end := strings.IndexFunc(path, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`*%"'\?#;`, c) })
	if end >= 0 {
		path = path[:end]
	}
	return strings.TrimRight(path, "/")
}

// concerns reports whether requests to a host may be within it.
func (s *shut) concerns(h v1alpha1.Host) bool {
	host := strings.TrimLeft(string(h), "*")
	wild := host != string(h)
	switch {
	case wild && s.exact:
		return strings.HasSuffix(s.host, host)
	case wild:
		return strings.HasSuffix(s.host, host) || strings.HasSuffix(host, s.host)
	case s.exact:
		return host == s.host
	default:
		return strings.HasSuffix(host, s.host)
	}
}

// expression is it in CEL.
func (s *shut) expression() string {
	var parts []string
	switch {
	case s.exact:
		parts = append(parts, "request.host == "+strconv.Quote(s.host))
	case s.host != "":
		parts = append(parts, "request.host.endsWith("+strconv.Quote(s.host)+")")
	}
	switch {
	case s.only:
		parts = append(parts, "request.path == "+strconv.Quote(s.path))
	case s.path != "":
		parts = append(parts, "request.path.startsWith("+strconv.Quote(s.path)+")")
	}
	if len(parts) == 0 {
		return "true"
	}
	return strings.Join(parts, " && ")
}

// apply closes a part of a policy.
func (s *shut) apply(p *Policy) {
	if p == s.but || !slices.ContainsFunc(p.Spec.Hosts, s.concerns) && len(p.Spec.Hosts) > 0 {
		return
	}
	selector := v1alpha1.Selector{CEL: s.expression()}
	for i := range p.Spec.Rules {
		r := &p.Spec.Rules[i]
		same := func(e v1alpha1.Selector) bool { return e.CEL == selector.CEL }
		if r.Action == v1alpha1.ActionBlock || slices.ContainsFunc(r.Exclude, same) {
			continue
		}
		r.Exclude = append(r.Exclude, selector)
	}
	if p.Spec.CORS != nil && p.Spec.CORS.Preflight == v1alpha1.PreflightBypass {
		p.Spec.CORS = nil
	}
}

// Finish puts the draft into a state that passes `ostiary check`, and notes what that cost.
func (d *Draft) Finish() {
	for _, p := range d.Policies {
		d.order(p)
	}
	d.claims()
	for i := range d.shut {
		for _, p := range d.Policies {
			d.shut[i].apply(p)
		}
	}
	for _, p := range d.Policies {
		for i := range p.Spec.Rules {
			p.Spec.Rules[i].Exclude = d.pack(p.Spec.Rules[i].Exclude, 64, p.Name+" closed")
		}
	}
	for round := range 4 {
		if !d.mend(round) {
			return
		}
	}
}

// order has the rules in the order in which they are tried, no more than there may be: who
// is matched by none is denied.
func (d *Draft) order(p *Policy) {
	slices.SortStableFunc(p.Spec.Rules, func(a, b v1alpha1.Rule) int { return rank(a.Action) - rank(b.Action) })
	if len(p.Spec.Rules) > 32 {
		d.Say(Closed, p.From, p.Of, "a policy has at most 32 rules: the last %d are not written, and admit nobody",
			len(p.Spec.Rules)-32)
		p.Spec.Rules = p.Spec.Rules[:32]
	}
}

func rank(a v1alpha1.RuleAction) int {
	if a == v1alpha1.ActionBypass || a == v1alpha1.ActionServiceAuth {
		return 0
	}
	return 1
}

// claims leaves each host and path to the first policy that claims it. Which of the two
// decided before is not known, so that nobody is admitted there.
func (d *Draft) claims() {
	type claim struct {
		host v1alpha1.Host
		path v1alpha1.PathMatch
	}
	first, owner := map[claim]*Policy{}, map[v1alpha1.Host]string{}
	for _, p := range d.Policies {
		paths := p.Spec.Paths
		if len(paths) == 0 {
			paths = []v1alpha1.PathMatch{{Path: "/", Type: v1alpha1.PathPrefix}}
		}
		named := len(p.Spec.Hosts) > 0
		p.Spec.Hosts = slices.DeleteFunc(compact(p.Spec.Hosts), func(h v1alpha1.Host) bool {
			if of := owner[h]; of != "" && of != p.Namespace {
				d.Say(Closed, p.From, p.Of, "%s is claimed in the namespace %s as well, and belongs to one: it is left out here until the "+
					"platform team grants it (host grants)", h, of)
				for _, path := range paths {
					d.Shut(string(h), string(path.Path), nil)
				}
				return true
			}
			owner[h] = p.Namespace
			for _, path := range paths {
				if o := first[claim{h, path}]; o != nil {
					d.Say(Closed, p.From, p.Of, "%s%s is claimed by %s as well: nobody is admitted there until one of them is removed",
						h, path.Path, o.Of)
					d.Shut(string(h), string(path.Path), nil)
					return true
				}
			}
			for _, path := range paths {
				first[claim{h, path}] = p
			}
			return false
		})
		if named && len(p.Spec.Hosts) == 0 {
			p.Name = ""
		}
	}
	d.Policies = slices.DeleteFunc(d.Policies, func(p *Policy) bool { return p.Name == "" })
}

// span are the lines of an object in a text.
type span struct {
	end    int
	policy *Policy
	other  *other
}

// mend closes what the check finds a mistake in, and reports whether there was any. First the
// rules of a policy go, then all but its hosts, then it.
func (d *Draft) mend(round int) bool {
	var b bytes.Buffer
	var spans []span
	add := func(o any, s span) {
		text, err := marshal(o)
		if err != nil {
			text = []byte("{}\n")
		}
		b.WriteString("---\n")
		b.Write(text)
		s.end = bytes.Count(b.Bytes(), []byte("\n"))
		spans = append(spans, s)
	}
	for _, o := range d.others {
		add(o.object, span{other: o})
	}
	for _, p := range d.Policies {
		add(&p.AccessPolicy, span{policy: p})
	}
	found := problems(b.Bytes())
	for _, problem := range found {
		i := slices.IndexFunc(spans, func(s span) bool { return problem.Line <= s.end })
		if i < 0 {
			continue
		}
		if s := spans[i]; s.other != nil {
			d.Say(Closed, s.other.from, s.other.of, "what was made of it is not valid, and is left out: %s", problem.Text())
			d.others = slices.DeleteFunc(d.others, func(o *other) bool { return o == s.other })
		} else {
			d.close(s.policy, round, problem.Text())
		}
	}
	return len(found) > 0
}

func (d *Draft) close(p *Policy, round int, why string) {
	switch round {
	case 0:
		d.Say(Closed, p.From, p.Of, "what was made of it is not valid, so its rules are left out and it admits nobody: %s", why)
		p.Spec.Rules, p.Spec.CORS = nil, nil
	case 1:
		p.Spec = v1alpha1.AccessPolicySpec{Hosts: p.Spec.Hosts, Paths: p.Spec.Paths}
	default:
		d.Say(Closed, p.From, p.Of, "it is left out: %s", why)
		d.Policies = slices.DeleteFunc(d.Policies, func(o *Policy) bool { return o == p })
	}
}

// Objects are what was made, in the order in which it is written.
func (d *Draft) Objects() []any {
	out := []any{}
	for _, o := range d.others {
		out = append(out, o.object)
	}
	for _, p := range d.Policies {
		out = append(out, &p.AccessPolicy)
	}
	return out
}

// Plain are the objects as YAML has them.
func (d *Draft) Plain() ([]any, error) {
	out := []any{}
	for _, o := range d.Objects() {
		fields, err := fieldsOf(o)
		if err != nil {
			return nil, err
		}
		out = append(out, fields)
	}
	return out, nil
}

// YAML is the manifests, with what is not in an object as comments above it.
func (d *Draft) YAML() ([]byte, error) {
	var b bytes.Buffer
	write := func(object any, from *tree.Node, of string) error {
		text, err := marshal(object)
		if err != nil {
			return err
		}
		b.WriteString("---\n")
		if of != "" && from != nil {
			fmt.Fprintf(&b, "# From %s (%s:%d)\n", policy.Line(of), policy.Line(from.File), from.Line)
		}
		d.comments(&b, of)
		b.Write(text)
		return nil
	}
	for _, o := range d.others {
		if err := write(o.object, o.from, o.of); err != nil {
			return nil, err
		}
	}
	for _, p := range d.Policies {
		if err := write(&p.AccessPolicy, p.From, p.Of); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// comments are the notes on what an object was made of.
func (d *Draft) comments(b *bytes.Buffer, of string) {
	for _, n := range d.Notes {
		if of == "" || n.Object != of && !slices.Contains(n.in, of) {
			continue
		}
		where := n.Field
		if n.Object != of {
			where = strings.TrimSpace(n.Object + " " + where)
		}
		fmt.Fprintf(b, "# %s: %s\n", n.Effect, policy.Line(strings.TrimPrefix(where+": "+n.Reason, ": ")))
	}
}

// Count is how many notes there are of an effect.
func (d *Draft) Count(e Effect) (n int) {
	for _, note := range d.Notes {
		if note.Effect == e {
			n++
		}
	}
	return n
}
