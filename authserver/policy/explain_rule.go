// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"strings"
)

// A Finding is what came of one selector of a rule, or of a group that a rule names.
type Finding struct {
	Field    string `json:"field"`    // "include[0]", of the rule or the group
	Selector string `json:"selector"` // "emailDomain example.com"
	// Matches is "yes", "no" or "unknown". What is unknown counts against the visitor, and
	// what depends on who signs in is open until somebody has.
	Matches string `json:"matches"`
	// Counts is what an unknown counts as, "yes" or "no"; empty: that is open.
	Counts string    `json:"counts,omitempty"`
	Detail string    `json:"detail,omitempty"` // what was looked at
	Within []Finding `json:"within,omitempty"` // those of the group
}

// maxShown bounds how much of one text of the request, or of a policy, is shown.
const maxShown = 200

// shown is a copy of a text, without anything that a terminal would act on.
func shown(text string) string {
	text = strings.Clone(text) // nothing of the request may be kept, see visitor.bearer
	if len(text) > maxShown {
		text = Cut(text, maxShown) + "…"
	}
	return Line(text)
}

// list is some texts as one.
func shownList(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	const most = 20
	var b strings.Builder
	for i, text := range texts {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(texts)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(shown(text))
	}
	return b.String()
}

// whyNot says what keeps a rule from being looked at any further; empty: nothing does.
func (v *visitor) whyNot(t *Table, ru *rule, method string) string {
	switch {
	case len(ru.methods) > 0 && !ru.names(method, ru.action == Block):
		return fmt.Sprintf("it is for %s, and this is %s", strings.Join(ru.methods, ", "), shown(method))
	case ru.action.relaxes() && t.blind(ru):
		return "a group of it looks at what such a rule never sees"
	case ru.action == ServiceAuth && ru.voucher(v) == nothing:
		return "no credential of the request is one that it asks for"
	case ru.action == Allow && v.unattended:
		return "a machine sent the request, and Allow is for people"
	default:
		return ""
	}
}

// findings says what came of each selector of a rule.
func (v visitor) findings(ru *rule) []Finding {
	return v.each(ru.lists(), ru.action == Block)
}

func (v *visitor) each(lists [3][]Selector, ifUnknown bool) (out []Finding) {
	for l, list := range lists {
		for i := range list {
			out = append(out, v.finding(item(listNames[l][1:], i), &list[i], ifUnknown != (l == excluded)))
		}
	}
	return out
}

func (v *visitor) finding(field string, s *Selector, ifUnknown bool) Finding {
	f := Finding{Field: field, Selector: s.words(), Matches: "no", Detail: v.told(s)}
	// What is not known shows: it is taken for either.
	m, other := s.match(v, ifUnknown), s.match(v, !ifUnknown)
	switch {
	case m == maybe:
		f.Matches = "unknown"
	case m != other && s.Property != LinkedApp: // one that does not count is no unknown
		f.Matches, f.Counts = "unknown", "no"
		if m == yes {
			f.Counts = "yes"
		}
	case m == yes:
		f.Matches = "yes"
	}
	if s.Property == AccessGroup {
		if g := v.table.groups.find(s.Value); g.fault == usable {
			f.Within = v.each(g.lists, ifUnknown)
		}
	}
	return f
}

// words is the selector as a person would write it.
func (s *Selector) words() string {
	write := selectorWords[s.Property]
	if write == nil {
		return s.Property.String()
	}
	return strings.TrimSuffix(s.Property.String()+" "+write(s), " ")
}

// selectorWords are what the selectors of each property ask for; none where the name says it all.
var selectorWords = [len(properties)]func(*Selector) string{
	Email: value, EmailDomain: value, IdPGroup: value, LoginMethod: value, AuthMethod: value,
	Token: value, AccessGroup: value, LinkedApp: value, Client: value,
	Address: func(s *Selector) string {
		texts := make([]string, len(s.Networks))
		for i, n := range s.Networks {
			texts[i] = n.String()
		}
		return shownList(texts)
	},
	Country: func(s *Selector) string { return shownList(s.Countries) },
	Expression: func(s *Selector) string {
		if s.Condition == nil {
			return ""
		}
		return shown(s.Condition.Text())
	},
	ClientCertificate: func(s *Selector) string {
		return shown(cmp.Or(s.Certificate.CommonName, s.Certificate.DNSName, s.Certificate.URI, "of anybody"))
	},
	JWT: func(s *Selector) string {
		if s.JWT == nil {
			return ""
		}
		return shown(s.JWT.Issuer + ", " + s.JWT.Audience)
	},
	OIDCClaim: func(s *Selector) string {
		if s.Claim == nil {
			return ""
		}
		return shown(s.Claim.Name + " " + s.Claim.Value)
	},
	ExternalEvaluation: func(s *Selector) string {
		if s.Evaluation == nil {
			return ""
		}
		return shown(s.Evaluation.URL)
	},
}

func value(s *Selector) string { return shown(s.Value) }

// told is what the selector found to look at.
func (v *visitor) told(s *Selector) string {
	switch s.Property {
	case Email, EmailDomain, IdPGroup, LoginMethod, AuthMethod, OIDCClaim, Client:
		return v.toldOfPerson(s)
	case Address, Country:
		return v.toldOfPlace(s.Property)
	case Token, AnyToken, JWT, LinkedApp:
		return v.toldOfMachine(s)
	case ClientCertificate:
		return v.toldOfCertificate()
	case AccessGroup:
		_, why := v.table.groups.unusable(s.Value)
		return why
	case ExternalEvaluation, Expression, Everyone, NoProperty:
	}
	return ""
}

func (v *visitor) toldOfPerson(s *Selector) string {
	u := v.subject
	if u == nil {
		if v.unattended {
			return "a machine sent the request"
		}
		return "it depends on who signs in"
	}
	switch s.Property {
	case IdPGroup:
		return "groups of " + shown(u.Email) + ": " + shownList(u.Groups)
	case LoginMethod:
		return "signed in by " + shown(cmp.Or(u.Provider, "nobody"))
	case AuthMethod:
		return "this session has " + shownList(u.AMR)
	case OIDCClaim:
		return toldOfClaim(s.Claim, u)
	case Client:
		return "the request is sent by " + cmp.Or(shown(u.Client), "the user's browser")
	default:
		return shown(u.Email)
	}
}

func (v *visitor) toldOfPlace(p Property) string {
	if !v.address.IsValid() {
		return "the client's address is not known"
	}
	address := v.address.String()
	if p == Address {
		return "the client is " + address
	}
	if code := v.country(); code != "" {
		return address + " is in " + strings.Clone(code)
	}
	return "the country of " + address + " is not known"
}

func (v *visitor) toldOfMachine(s *Selector) string {
	switch {
	case s.Property == JWT:
		return v.toldOfBearer(s.JWT)
	case s.Property == LinkedApp:
		return v.toldOfLink(s.Value)
	case v.machine == nil || v.byBearer:
		return "the request has no service token"
	default:
		return "the token is " + shown(v.machine.Name)
	}
}

func (v *visitor) toldOfLink(name string) string {
	switch {
	case v.linked == nil:
		return "the request has no session of a linked application"
	case contains(v.linked.subject.Audience, name):
		return "whether that application admits " + shown(v.linked.subject.Email) + ", the step before says"
	default:
		return "the session is one of " + shownList(v.linked.subject.Audience)
	}
}

func (v *visitor) toldOfBearer(m *TokenMatch) string {
	switch {
	case v.bearer != nil:
		return v.toldOfToken(m)
	case v.unverified:
		return "the bearer token is not good"
	default:
		return "the request has no bearer token of it"
	}
}

// toldOfToken says where a bearer token first differs.
func (v *visitor) toldOfToken(m *TokenMatch) string {
	b := v.bearer
	switch {
	case m == nil:
		return ""
	case b.Name != m.Issuer:
		return "the token is of " + shown(b.Name)
	case !v.table.trusts(b, v.namespace):
		return "policies of namespace " + v.namespace + " cannot use the TokenIssuer " + m.Issuer
	case !contains(b.Audience, m.Audience):
		return "the token is for " + shownList(b.Audience)
	}
	for _, c := range m.Claims {
		if b.Claims.has(c.Path, c.Values) {
			continue
		}
		found, is := lookupClaim(b.Claims.members, c.Path)
		if !is {
			return "the token has no claim " + shown(c.Path)
		}
		return "its claim " + shown(c.Path) + " is " + shownList(found.texts) + ", and not " + shownList(c.Values)
	}
	return "the token is of " + shown(b.Subject)
}

func (v *visitor) toldOfCertificate() string {
	switch c, known := v.request.Certificate.good(v.request.Now); {
	case c != nil:
		return "the certificate is of " + shownList(append(append([]string{c.CommonName}, c.DNSNames...), c.URIs...))
	case known:
		return "the proxy verified no client certificate"
	default:
		return "the proxy does not say whether there is a certificate"
	}
}

func toldOfClaim(c *ClaimValue, u *Subject) string {
	if c == nil {
		return ""
	}
	if c.Provider != "" && c.Provider != u.Provider {
		return "signed in by " + shown(cmp.Or(u.Provider, "nobody"))
	}
	values, known := u.Claim(c.Name)
	if !known {
		return "what stands there cannot be told"
	}
	return "of " + shown(u.Email) + ": " + shownList(values)
}
