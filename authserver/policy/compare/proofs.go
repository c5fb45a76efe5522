// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"errors"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// aboutExpression is whether an expression holds, by its text.
const aboutExpression = "cel"

// noAnswer is that an expression, or a service, has none.
const noAnswer = "no answer"

// assumed are answers of expressions.
type assumed map[string]string

var errAssumed = errors.New("assumed to have no answer")

// Assume implements policy.Assumptions.
func (a assumed) Assume(text string) (holds, known bool, err error) {
	answer, known := a[text]
	if answer == noAnswer {
		return false, known, errAssumed
	}
	return answer == isSo, known, nil
}

// A reading is how the explorer reads one list of selectors after the other.
type reading struct {
	sided
	// unknown is the answer where nothing can be known: against the visitor.
	unknown bool
	// certain: who it is makes no difference, or is known.
	certain bool
}

func (r reading) excluded() reading {
	r.unknown = !r.unknown
	return r
}

// proof reports whether a selector of what a machine has, or that leads to others, fits
// what is known. ok: it is one of these.
func (x *explorer) proof(in reading, s *policy.Selector) (fits bool, q question, open, ok bool) {
	switch s.Property {
	case policy.Token, policy.AnyToken:
		fits, q, open = x.token(in, s)
	case policy.JWT:
		fits, q, open = x.bearer(in, s.JWT)
	case policy.ClientCertificate:
		fits, q, open = x.certificate(in, &s.Certificate)
	case policy.LinkedApp:
		fits, q, open = x.link(in, s)
	case policy.Expression:
		fits, q, open = x.expression(in, s.Condition)
	case policy.ExternalEvaluation:
		fits, q, open = x.evaluation(in, s.Evaluation)
	case policy.AccessGroup:
		lists, usable := in.on.Table.GroupOf(s.Value)
		if !usable {
			return in.unknown, q, false, true
		}
		fits, q, open = x.among(in, lists[0], lists[1], lists[2])
	default:
		return false, q, false, false
	}
	return fits, q, open, true
}

// ask returns what a question was answered with.
func (x *explorer) ask(about, name string) (answer string, q question, open bool) {
	q = question{about, name}
	answer, ok := x.known[q]
	return answer, q, !ok
}

func (x *explorer) token(in reading, s *policy.Selector) (bool, question, bool) {
	answer, q, open := x.ask(aboutToken, "")
	if open || answer == "" {
		return false, q, open
	}
	name, sum, _ := strings.Cut(answer, "@")
	_, serves := in.on.Table.Holds(heldOf(name, sum), in.Source.Namespace, x.c.Now)
	return serves && (s.Property == policy.AnyToken || tokenName(in.sided, s) == name), q, false
}

// tokenName is the whole name of a service token that a selector of a policy names.
func tokenName(in sided, s *policy.Selector) string {
	if in.Source.Namespace == "" || strings.Contains(s.Value, "/") {
		return s.Value
	}
	return in.Source.Namespace + "/" + s.Value
}

// useless reports whether there is a service token that is not good there: no rule is
// looked at then.
func (x *explorer) useless(p sided) bool {
	name, sum, ok := strings.Cut(x.known[question{about: aboutToken}], "@")
	if !ok {
		return false
	}
	good, _ := p.on.Table.Holds(heldOf(name, sum), "", x.c.Now)
	return !good
}

// bearer reports whether a token fits. All of it that has to be known is asked for.
func (x *explorer) bearer(in reading, m *policy.TokenMatch) (bool, question, bool) {
	answer, q, open := x.ask(aboutBearer, "")
	if open || answer == "" {
		return false, q, open
	}
	for_, q, open := x.ask(aboutAudience, m.Audience)
	if open {
		return false, q, true
	}
	of := x.signers[answer]
	good, known, q, open := x.vouched(in.sided, of)
	if open {
		return false, q, true
	}
	if !good {
		return in.unknown && known, q, false
	}
	issuer, ok := in.on.TokenIssuers.Get(m.Issuer)
	if !ok || for_ != isSo || issuer.Issuer != of.issuer || !issuer.Serves(in.Source.Namespace) {
		return false, q, false
	}
	return x.says(m.Claims)
}

// says reports whether a token has all of the claims.
func (x *explorer) says(claims []policy.ClaimMatch) (fits bool, q question, open bool) {
	for _, c := range claims {
		said, q, open := x.ask(aboutSaid+c.Path, "")
		if open || !slices.ContainsFunc(strings.Split(said, claimSeparator), func(s string) bool { return among(c.Values, s) }) {
			return false, q, open
		}
	}
	return true, q, false
}

// among reports whether a value of a claim is one of those that a rule lists.
func among(values []string, said string) bool {
	return said != "" && slices.ContainsFunc(values, func(v string) bool {
		prefix, open := strings.CutSuffix(v, "*")
		return v == said || open && len(said) > len(prefix) && strings.HasPrefix(said, prefix)
	})
}

// vouched reports whether a token is good at a policy; known: its rules look at tokens of
// the issuer.
func (x *explorer) vouched(p sided, of signer) (good, known bool, q question, open bool) {
	for _, name := range x.c.issuersOf(p) {
		t, ok := p.on.TokenIssuers.Get(name)
		if !ok || t.Issuer != of.issuer || !t.Serves(p.Source.Namespace) {
			continue
		}
		known = true
		for _, a := range t.Audiences {
			answer, next, unknown := x.ask(aboutAudience, a)
			good = good || a == of.audience || answer == isSo
			if unknown && slices.Contains(x.audiences, a) {
				q, open = next, true
			}
		}
	}
	return good, known, q, open && !good
}

func (x *explorer) certificate(in reading, names *policy.CertificateNames) (bool, question, bool) {
	answer, q, open := x.ask(aboutCertificate, "")
	if open {
		return false, q, true
	}
	if answer != isSo {
		return answer == "" && in.unknown, q, false
	}
	if names.CommonName != "" {
		if answer, q, open = x.ask(aboutCommonName, ""); open || answer != names.CommonName {
			return false, q, open
		}
	}
	for _, n := range [...][2]string{{aboutDNSName, names.DNSName}, {aboutURI, names.URI}} {
		if n[1] == "" {
			continue
		}
		if answer, q, open = x.ask(n[0], n[1]); open || answer != isSo {
			return false, q, open
		}
	}
	return true, q, false
}

// expression reports whether an expression is taken to hold.
func (x *explorer) expression(in reading, c policy.Condition) (bool, question, bool) {
	if c == nil {
		return in.unknown, question{}, false
	}
	if c.Looks().Identity {
		if answer, q, open := x.ask(aboutWho, ""); open || answer == notSo {
			return false, q, open
		}
	}
	answer, q, open := x.ask(aboutExpression, c.Text())
	return answer == isSo || answer == noAnswer && in.unknown, q, open
}

// admits reports whether a rule that fits lets somebody in: a Bypass rule, or a ServiceAuth
// rule that has a machine. What of the machine it depends on is asked for, as the rule may
// have fitted before it was.
func (x *explorer) admits(p sided, r *policy.Rule) (yes bool, q question, open bool) {
	if r.Action == policy.Bypass {
		return true, q, false
	}
	if token := x.known[question{about: aboutToken}]; token != "" {
		name, sum, _ := strings.Cut(token, "@")
		_, serves := p.on.Table.Holds(heldOf(name, sum), p.Source.Namespace, x.c.Now)
		return serves, q, false
	}
	for _, s := range slices.Concat(r.Include, r.Require) {
		fits, q, open := x.vouches(p, &s)
		if open || fits {
			return fits, q, open
		}
	}
	return false, q, false
}

// vouches reports whether a machine is let in by what a selector is about. Of a group it
// asks only: whether one of its selectors does, the tables tell.
func (x *explorer) vouches(p sided, s *policy.Selector) (fits bool, q question, open bool) {
	in := reading{p, false, true}
	switch s.Property {
	case policy.JWT:
		if fits, q, open = x.bearer(in, s.JWT); x.links(p) {
			return false, q, false
		}
	case policy.LinkedApp:
		fits, q, open = x.link(in, s)
	case policy.ClientCertificate: // with a bearer token, that is the credential
		if x.links(p) || x.known[question{about: aboutBearer}] != "" {
			return false, q, false
		}
		fits, q, open = x.certificate(in, &s.Certificate)
	case policy.AccessGroup:
		_, q, open, _ = x.proof(in, s)
		return false, q, open
	default:
	}
	return fits, q, open
}

// issuersOf are the names of the TokenIssuers that a policy looks at tokens of, by itself
// and by groups.
func (c *comparison) issuersOf(p sided) []string { return c.callersOf(p).issuers }

// callers is what a policy says of machines.
type callers struct {
	machines bool // a rule admits some
	issuers  []string
	links    []string // the policies that it links to, "namespace/name"
}

func (c *comparison) callersOf(p sided) *callers {
	if out := p.on.callers[p.Policy]; out != nil {
		return out
	}
	out := &callers{machines: admitsMachines(p.Policy)}
	selectors([]sided{p}, func(_ sided, s *policy.Selector) {
		if s.Property == policy.JWT && s.JWT != nil && !slices.Contains(out.issuers, s.JWT.Issuer) {
			out.issuers = append(out.issuers, s.JWT.Issuer)
		}
		if s.Property == policy.LinkedApp {
			out.links = append(out.links, linkName(p, s))
		}
	})
	p.on.callers[p.Policy] = out
	return out
}

// sameCallers reports whether two policies that say the same admit the same machines.
func (c *comparison) sameCallers(x, y sided) bool {
	is := c.callersOf(x)
	if !is.machines && len(is.issuers) == 0 {
		return true
	}
	if x.Source.Namespace != y.Source.Namespace {
		return false
	}
	return c.sameLinks(x, is.links) && !slices.ContainsFunc(c.tokensDiffer, func(t policy.ServiceToken) bool {
		return is.machines && (t.Source.Namespace == x.Source.Namespace || slices.Contains(t.PolicyNamespaces, x.Source.Namespace))
	}) && !slices.ContainsFunc(is.issuers, func(name string) bool { return slices.Contains(c.issuersDiffer, name) })
}
