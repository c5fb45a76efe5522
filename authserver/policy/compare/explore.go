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
	// signers are by the answers about bearer tokens.
	signers map[string]signer
	// audiences are those of bearer tokens that rules name.
	audiences []string
	// evaluated: services are asked about whoever signs in.
	evaluated bool
	world     world
	realized
}

// explore compares what two policies decide.
func (c *comparison) explore(p *pair) {
	slices.SortStableFunc(p.places, func(x, y place) int {
		return cmp.Or(cmp.Compare(len(x.host)+len(x.path), len(y.host)+len(y.path)), cmp.Compare(x.host, y.host))
	})
	if fields := headersDiffer(p.old, p.now); fields != "" {
		c.cut(p, "was edited (spec.upstreamHeaders: "+fields+"): as whom the application takes people, no request shows")
	}
	left := min(maxPairDecisions, c.left)
	before := left
	x := &explorer{c: c, pair: p, known: map[question]string{}, left: &left, words: map[string]string{}}
	var ok bool
	if x.answers, ok = x.answersOf(x.policies()); !ok {
		return
	}
	x.origins = x.originClasses()
	at := p.places[0]
	target, err := policy.NewTarget(at.host, at.path)
	if err != nil {
		return
	}
	x.request = Request{URL: "https://" + at.host + at.path, target: target, evaluated: x.evaluated}
	x.requests()
	x.preflights()
	if left <= 0 {
		c.cut(p, "has more cases than can be compared")
	}
	x.report()
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
func (x *explorer) asksNobody(p sided) (q question, open bool) {
	if !x.pair.oldExempt && !x.pair.nowExempt {
		return q, false
	}
	_, _ = selectors([]sided{p}, func(in sided, s *policy.Selector) {
		if !open && !ofPerson(s) {
			_, q, open = x.selects(reading{sided: in, certain: true}, s)
		}
	})
	return q, open
}

// ofPerson reports whether a selector is of somebody who is signed in, or leads to others.
func ofPerson(s *policy.Selector) bool {
	if s.Property == policy.Expression {
		return s.Condition != nil && s.Condition.Looks().Identity
	}
	return evidences[s.Property].person || s.Property == policy.AccessGroup
}

// walk goes through a policy's rules as Decide does, as far as what is known leads.
func (x *explorer) walk(p sided) (question, bool) {
	if len(x.c.callersOf(p).links) > 0 {
		if _, q, open := x.ask(aboutLink, ""); open {
			return q, true
		}
	}
	if x.useless(p) {
		return question{}, false
	}
	passes, q, open := x.relaxing(p)
	if open || passes || x.known[question{about: aboutToken}] != "" || x.links(p) {
		return q, open // no rule that is left admits a machine
	}
	if q, open := x.session(p); open {
		return q, true
	}
	return x.identity(p)
}

// identity returns what the rules depend on that see who is signed in.
func (x *explorer) identity(p sided) (question, bool) {
	for i := range p.Rules {
		r := &p.Rules[i]
		if relaxes(r) || !x.isFor(r) {
			continue
		}
		if fits, q, open := x.match(p, r); open || fits && x.person() {
			return q, open
		}
	}
	return question{}, false
}

// person reports whether somebody is signed in.
func (x *explorer) person() bool { return x.known[question{about: aboutWho}] == isSo }

// relaxing reports whether a rule admits without a session.
func (x *explorer) relaxing(p sided) (passes bool, q question, open bool) {
	for i := range p.Rules {
		r := &p.Rules[i]
		if x.pair.odd || !relaxes(r) || !x.isFor(r) || x.seesNobody(p, r) {
			continue
		}
		if q, open := x.machine(r); open {
			return false, q, true
		}
		if x.useless(p) {
			return true, q, false
		}
		fits, q, open := x.match(p, r)
		if fits && !open {
			fits, q, open = x.admits(p, r)
		}
		if open || fits {
			return fits, q, open
		}
	}
	return false, question{}, false
}

// machine returns whose service token there is, if the rule admits machines.
func (x *explorer) machine(r *policy.Rule) (q question, open bool) {
	if r.Action != policy.ServiceAuth || len(x.answers[aboutToken]) < 2 {
		return q, false
	}
	_, q, open = x.ask(aboutToken, "")
	return q, open
}

// relaxes reports whether a rule asks nobody to sign in.
func relaxes(r *policy.Rule) bool { return r.Action == policy.Bypass || r.Action == policy.ServiceAuth }

// seesNobody reports whether a rule names a group that looks at what the rule does not see:
// it never fits.
func (x *explorer) seesNobody(p sided, r *policy.Rule) bool {
	names := func(s policy.Selector) bool {
		return s.Property == policy.AccessGroup && p.on.Table.Blind(r.Action, s.Value)
	}
	return slices.ContainsFunc(slices.Concat(r.Include, r.Require, r.Exclude), names)
}

// session returns what has to be known of any session at the policy.
func (x *explorer) session(p sided) (question, bool) {
	if who := (question{about: aboutWho}); !x.answered(who) {
		return who, true
	}
	if !x.person() {
		return question{}, false
	}
	for _, q := range []question{{about: aboutProvider}, {about: aboutAge}, {about: aboutEmail}, {about: aboutClient}} {
		if !x.answered(q) && x.matters(p.Policy, q) {
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
	case aboutAge, aboutClient:
		return len(x.answers[q.about]) > 1
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
func (x *explorer) match(p sided, r *policy.Rule) (fits bool, q question, open bool) {
	return x.among(reading{p, r.Action == policy.Block, relaxes(r) || x.person()}, r.Include, r.Require, r.Exclude)
}

// among reports whether any of include, all of require and none of exclude fit.
func (x *explorer) among(in reading, include, require, exclude []policy.Selector) (fits bool, q question, open bool) {
	for i := range include {
		f, q, open := x.selects(in, &include[i])
		if open {
			return false, q, true
		}
		if fits = fits || f; f && in.certain {
			break
		}
	}
	if !fits && in.certain {
		return false, question{}, false
	}
	return x.all(in, fits, require, exclude)
}

// all reports whether all of require and none of exclude fit as well.
func (x *explorer) all(in reading, fits bool, require, exclude []policy.Selector) (bool, question, bool) {
	for i, s := range slices.Concat(require, exclude) {
		out := i >= len(require)
		by := in
		if out {
			by = in.excluded()
		}
		f, q, open := x.selects(by, &s)
		if open {
			return false, q, true
		}
		fits = fits && f != out
	}
	return fits, question{}, false
}

// selects reports whether a selector fits what is known.
func (x *explorer) selects(in reading, s *policy.Selector) (fits bool, q question, open bool) {
	if fits, q, open, ok := x.proof(in, s); ok {
		return fits, q, open
	}
	e := evidences[s.Property]
	if e.about == "" {
		return e.fits(s, ""), question{}, false
	}
	if e.person {
		if answer, q, open := x.ask(aboutWho, ""); open || answer == notSo {
			return false, q, open
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
	x.fillMachine(r)
	if x.known[question{about: aboutWho}] == isSo && !r.ofMachine() {
		r.Email = cmp.Or(x.known[question{about: aboutEmail}], x.answers[aboutEmail][0])
		r.Provider, r.Client = x.known[question{about: aboutProvider}], x.known[question{about: aboutClient}]
		r.Age, _ = time.ParseDuration(cmp.Or(x.known[question{about: aboutAge}], "0s"))
		for q, answer := range x.known {
			switch {
			case q.about == aboutEvaluation:
				r.evaluate(q.name, answer)
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
		slices.Sort(r.Evaluations)
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
	for q, answer := range x.known {
		if q.about == aboutExpression {
			if r.assumed == nil {
				r.assumed = assumed{}
			}
			r.assumed[q.name] = answer
		}
	}
	switch before, after, effect := r.compare(x.c.old.Table, x.c.now.Table, x.c.Settings); {
	case effect == Nothing:
	case r.assumed != nil:
		x.realize(r, keyOf(r, effect, &before, &after))
	default:
		x.c.note(x, r, effect, &before, &after)
	}
}
