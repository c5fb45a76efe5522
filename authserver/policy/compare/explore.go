// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// An explorer follows every answer that could make a difference for one pair, for requests
// of one kind.
type explorer struct {
	c       *comparison
	pair    *pair
	answers answers
	request Request
	class   string // of the method, in words
	known   map[question]string
	left    *int
	// origins are those of pages, together those that both policies treat alike.
	origins [][]string
	// words are of addresses that stand for many.
	words map[string]string
}

// explore compares what two policies decide.
func (c *comparison) explore(p *pair) {
	slices.SortStableFunc(p.places, func(x, y place) int {
		return cmp.Or(cmp.Compare(len(x.host)+len(x.path), len(y.host)+len(y.path)), cmp.Compare(x.host, y.host))
	})
	policies := []*policy.Policy{p.old, p.now, p.oldDry, p.nowDry}
	left := min(maxPairDecisions, c.left)
	before := left
	x := &explorer{c: c, pair: p, known: map[question]string{}, left: &left, words: map[string]string{}}
	var ok bool
	if x.answers, ok = x.answersOf(policies); !ok {
		return
	}
	x.origins = x.originClasses()
	at := p.places[0]
	target, err := policy.NewTarget(at.host, at.path)
	if err != nil {
		return
	}
	x.request = Request{URL: "https://" + at.host + at.path, target: target}
	x.requests()
	x.preflights()
	if left <= 0 {
		c.cut(p, "has more cases than can be compared")
	}
	c.left -= before - left
}

// cut notes what could not be compared to the end.
func (c *comparison) cut(p *pair, why string) {
	of := p.now
	if of == nil {
		of = p.old
	}
	c.out.Incomplete = append(c.out.Incomplete, p.places[0].where+": policy "+of.Source.String()+" "+why)
}

// follow answers the next question in every way, and compares where none is left.
func (x *explorer) follow() {
	if *x.left <= 0 {
		return
	}
	q, open := x.next()
	if !open {
		x.compare()
		return
	}
	for _, answer := range x.answers.of(q) {
		x.known[q] = answer
		x.follow()
	}
	delete(x.known, q)
}

// next returns the first question that a rule of either policy asks.
func (x *explorer) next() (question, bool) {
	if len(x.answers[aboutIngress]) > 1 {
		if q := (question{about: aboutIngress}); !x.answered(q) {
			return q, true
		}
	}
	for _, p := range x.policies() {
		if q, open := x.asksNobody(p); open {
			return q, true
		}
		if q, open := x.walk(p); open {
			return q, true
		}
	}
	return question{}, false
}

func (x *explorer) answered(q question) bool {
	_, ok := x.known[q]
	return ok
}

// asksNobody returns what an exempt path depends on, whoever it is.
func (x *explorer) asksNobody(p *policy.Policy) (q question, open bool) {
	if !x.pair.oldExempt && !x.pair.nowExempt {
		return q, false
	}
	_, _ = selectors([]*policy.Policy{p}, func(s *policy.Selector) {
		e := evidences[s.Property]
		if is := e.question(s); e.about != "" && !e.person && !open && !x.answered(is) {
			q, open = is, true
		}
	})
	return q, open
}

// walk goes through a policy's rules as Decide does, as far as what is known leads.
func (x *explorer) walk(p *policy.Policy) (question, bool) {
	passes, q, open := x.relaxing(p)
	if open || passes {
		return q, open
	}
	if q, open := x.session(p); open {
		return q, true
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Action != policy.Allow && r.Action != policy.Block || !x.isFor(r) {
			continue
		}
		if fits, q, open := x.match(r); open || fits && x.person() {
			return q, open
		}
	}
	return question{}, false
}

// person reports whether somebody is signed in.
func (x *explorer) person() bool { return x.known[question{about: aboutWho}] == isSo }

// relaxing reports whether a rule admits without a session.
func (x *explorer) relaxing(p *policy.Policy) (passes bool, q question, open bool) {
	for i := range p.Rules {
		r := &p.Rules[i]
		if x.pair.odd || r.Action != policy.Bypass && r.Action != policy.ServiceAuth || !x.isFor(r) {
			continue
		}
		if fits, q, open := x.match(r); open || fits && r.Action == policy.Bypass {
			return fits, q, open
		}
	}
	return false, question{}, false
}

// session returns what has to be known of any session at the policy.
func (x *explorer) session(p *policy.Policy) (question, bool) {
	if who := (question{about: aboutWho}); !x.answered(who) {
		return who, true
	}
	if !x.person() {
		return question{}, false
	}
	for _, q := range []question{{about: aboutProvider}, {about: aboutAge}, {about: aboutEmail}} {
		if !x.answered(q) && x.matters(p, q) {
			return q, true
		}
	}
	return question{}, false
}

// matters reports whether an answer does for every session at the policy.
func (x *explorer) matters(p *policy.Policy, q question) bool {
	switch q.about {
	case aboutProvider:
		return len(p.IdentityProviders) > 0 || len(x.c.people[aboutProvider]) > 0
	case aboutAge:
		return len(x.answers[aboutAge]) > 1
	default:
		return len(x.c.people[aboutEmail]) > 0
	}
}

// isFor reports whether a rule is for the method. To Block one, any spelling will do.
func (x *explorer) isFor(r *policy.Rule) bool {
	return len(r.Methods) == 0 || slices.ContainsFunc(r.Methods, func(m string) bool { return strings.EqualFold(m, x.request.Method) })
}

// match reports whether a rule fits, or what has to be known for that. Of nobody, it asks
// all that does not depend on who they are.
func (x *explorer) match(r *policy.Rule) (fits bool, q question, open bool) {
	for i := range r.Include {
		f, q, open := x.selects(&r.Include[i])
		if open {
			return false, q, true
		}
		if fits = fits || f; f && x.person() {
			break
		}
	}
	if !fits && x.person() {
		return false, question{}, false
	}
	for i, s := range slices.Concat(r.Require, r.Exclude) {
		f, q, open := x.selects(&s)
		if open {
			return false, q, true
		}
		fits = fits && f == (i < len(r.Require))
	}
	return fits, question{}, false
}

// selects reports whether a selector fits what is known.
func (x *explorer) selects(s *policy.Selector) (fits bool, q question, open bool) {
	e := evidences[s.Property]
	if e.about == "" {
		return e.fits(s, ""), question{}, false
	}
	if who := (question{about: aboutWho}); e.person {
		if !x.answered(who) {
			return false, who, true
		}
		if x.known[who] == notSo {
			return false, question{}, false
		}
	}
	if by := providerOf(s); by != "" {
		if from := (question{about: aboutProvider}); !x.answered(from) {
			return false, from, true
		} else if x.known[from] != by {
			return false, question{}, false
		}
	}
	q = e.question(s)
	answer, ok := x.known[q]
	return ok && e.fits(s, answer), q, !ok
}

// providerOf is where somebody has to have signed in for a selector of a claim; empty:
// anywhere.
func providerOf(s *policy.Selector) string {
	if s.Claim == nil {
		return ""
	}
	return s.Claim.Provider
}

// fill enters what is known into a request.
func (x *explorer) fill(r *Request) {
	if x.known[question{about: aboutWho}] == isSo {
		r.Email = cmp.Or(x.known[question{about: aboutEmail}], x.answers[aboutEmail][0])
		r.Provider = x.known[question{about: aboutProvider}]
		r.Age, _ = time.ParseDuration(cmp.Or(x.known[question{about: aboutAge}], "0s"))
		for q, answer := range x.known {
			switch {
			case answer != isSo:
			case q.about == aboutGroup:
				r.Groups = append(r.Groups, q.name)
			case q.about == aboutAMR:
				r.AMR = append(r.AMR, q.name)
			case q.about == aboutClaim:
				r.Claims = append(r.Claims, q.name)
			}
		}
		slices.Sort(r.Groups)
		slices.Sort(r.AMR)
		slices.Sort(r.Claims)
	}
	r.Address = x.known[question{about: aboutAddress}]
	if r.Country = x.known[question{about: aboutCountry}]; r.Country != "" && r.Address == "" {
		if x.answered(question{about: aboutAddress}) {
			r.Country = "" // nothing tells where an address is that is not known
		} else {
			r.Address = x.answers[aboutAddress][1]
		}
	}
	r.Ingress = x.known[question{about: aboutIngress}]
}

// compare has both tables decide about what is known.
func (x *explorer) compare() {
	r := x.request
	x.fill(&r)
	x.judge(&r)
}

func (x *explorer) judge(r *Request) {
	*x.left--
	before, after := r.ask(x.c.old.Table, x.c.Settings), r.ask(x.c.now.Table, x.c.Settings)
	if effect := effectOf(&before, &after); effect != Nothing {
		x.c.note(x, r, effect, &before, &after)
	}
}
