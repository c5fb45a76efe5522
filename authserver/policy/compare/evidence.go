// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A question is something about a caller that rules depend on: "email", "group staff".
type question struct{ about, name string }

// What questions are about.
const (
	aboutWho      = "who" // somebody is signed in
	aboutEmail    = "email"
	aboutProvider = "provider"
	aboutGroup    = "group"
	aboutAMR      = "amr"
	aboutClaim    = "claim" // "name=value"
	aboutAddress  = "address"
	aboutClient   = "client"
	aboutCountry  = "country"
	aboutAge      = "age"
	aboutIngress  = "ingress"
)

// Answers of questions that are yes or no.
const (
	isSo  = "yes"
	notSo = ""
)

// evidence is how the explorer reads selectors of one Property: which question they ask,
// and whether an answer fits.
type evidence struct {
	about string
	named bool // each value is a question of its own
	fits  func(s *policy.Selector, answer string) bool
	// person: only of somebody who is signed in.
	person bool
}

// evidences are all selectors that it can read. Where a policy with another one is edited, the
// report says that it was not compared.
var evidences = map[policy.Property]evidence{
	policy.NoProperty: {fits: func(*policy.Selector, string) bool { return false }},
	policy.Everyone:   {fits: func(*policy.Selector, string) bool { return true }},
	policy.Email: {about: aboutEmail, person: true, fits: func(s *policy.Selector, answer string) bool {
		return strings.EqualFold(s.Value, answer)
	}},
	policy.EmailDomain: {about: aboutEmail, person: true, fits: func(s *policy.Selector, answer string) bool {
		_, domain, _ := strings.Cut(answer, "@")
		return strings.EqualFold(s.Value, domain)
	}},
	policy.Address: {about: aboutAddress, fits: func(s *policy.Selector, answer string) bool {
		a, err := netip.ParseAddr(answer)
		return err == nil && contains(s.Networks, a)
	}},
	policy.IdPGroup: {about: aboutGroup, named: true, person: true, fits: answeredYes},
	policy.LoginMethod: {about: aboutProvider, person: true, fits: func(s *policy.Selector, answer string) bool {
		return s.Value == answer
	}},
	policy.Client: {about: aboutClient, person: true, fits: func(s *policy.Selector, answer string) bool {
		return answer != notSo && (s.Value == "" || s.Value == answer)
	}},
	policy.AuthMethod: {about: aboutAMR, named: true, person: true, fits: answeredYes},
	policy.OIDCClaim:  {about: aboutClaim, named: true, person: true, fits: answeredYes},
	policy.Country: {about: aboutCountry, fits: func(s *policy.Selector, answer string) bool {
		return slices.Contains(s.Countries, answer)
	}},
	// explorer.proof reads these.
	policy.Token: {}, policy.AnyToken: {}, policy.JWT: {}, policy.LinkedApp: {}, policy.ClientCertificate: {}, policy.Expression: {}, policy.AccessGroup: {},
	policy.ExternalEvaluation: {person: true},
}

func answeredYes(_ *policy.Selector, answer string) bool { return answer == isSo }

func (e *evidence) question(s *policy.Selector) question {
	switch {
	case e.about == aboutClaim:
		return question{e.about, s.Claim.Name + "=" + s.Claim.Value}
	case e.named:
		return question{e.about, s.Value}
	}
	return question{about: e.about}
}

func contains(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool {
		return n.Contains(a) || n.Addr().Is4In6() && n.Contains(netip.AddrFrom16(a.As16()))
	})
}

// selectors visits all of the policies' selectors, and those of the groups that they name,
// and reports whether each can be read, and else the first that cannot.
func selectors(policies []sided, visit func(in sided, s *policy.Selector)) (unread policy.Property, ok bool) {
	for _, p := range policies {
		v := visiting{in: p, visit: visit, seen: map[string]bool{}}
		for i := range p.Rules {
			v.lists(p.Rules[i].Include, p.Rules[i].Require, p.Rules[i].Exclude)
		}
		unread = cmp.Or(unread, v.unread)
	}
	return unread, unread == 0
}

// visiting is a visit to one policy.
type visiting struct {
	in     sided
	visit  func(in sided, s *policy.Selector)
	seen   map[string]bool // groups
	unread policy.Property
}

func (v *visiting) lists(lists ...[]policy.Selector) {
	for _, list := range lists {
		for i := range list {
			s := &list[i]
			if _, ok := evidences[s.Property]; !ok {
				v.unread = cmp.Or(v.unread, s.Property)
			}
			v.visit(v.in, s)
			if s.Property != policy.AccessGroup || v.seen[s.Value] {
				continue
			}
			v.seen[s.Value] = true
			if below, ok := v.in.on.Table.GroupOf(s.Value); ok {
				v.lists(below[0], below[1], below[2])
			}
		}
	}
}

// answers are those of each question that is not yes or no, by what it is about, for the
// policies of a pair. The first is the plainest.
type answers map[string][]string

func (a answers) add(about, value string) {
	if value != "" && !slices.Contains(a[about], value) {
		a[about] = append(a[about], value)
	}
}

// of returns the answers to a question.
func (a answers) of(q question) []string {
	switch q.about {
	case aboutWho, aboutGroup, aboutAMR, aboutClaim, aboutAudience, aboutDNSName, aboutURI:
		return []string{notSo, isSo}
	case aboutExpression, aboutEvaluation:
		return []string{notSo, isSo, noAnswer}
	default:
		return a[q.about]
	}
}

// networksOf are representatives of every set of addresses that the networks tell apart:
// the unknown one, one in none of them, and of each network its ends and its neighbours.
func networksOf(networks []netip.Prefix) []string {
	candidates := []netip.Addr{}
	for _, s := range []string{"203.0.113.7", "198.51.100.7", "192.0.2.7", "8.8.8.8", "2001:db8::7", "2600::7"} {
		candidates = append(candidates, netip.MustParseAddr(s))
	}
	for _, n := range networks {
		n = n.Masked()
		first, last := n.Addr(), lastOf(n)
		for _, a := range []netip.Addr{first.Next(), first, last, first.Prev(), last.Next()} {
			if a.IsValid() {
				candidates = append(candidates, a.Unmap())
			}
		}
	}
	out, seen := []string{""}, map[string]bool{}
	for _, a := range candidates {
		var in strings.Builder
		for i := range networks {
			if contains(networks[i:i+1], a) {
				in.WriteByte('1')
			} else {
				in.WriteByte('0')
			}
		}
		if !seen[in.String()] {
			seen[in.String()] = true
			out = append(out, a.String())
		}
	}
	return out
}

func lastOf(n netip.Prefix) netip.Addr {
	b := n.Addr().AsSlice()
	for i := n.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
