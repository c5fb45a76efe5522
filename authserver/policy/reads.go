// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
)

// Reads is what rules look at, of what an identity provider says. The rest need
// not travel.
type Reads struct {
	Groups []string // sorted
	AMR    bool
	Claims []ReadClaim // sorted by name
	asked  []string    // what stands for what each policy looks at
	// elsewhere are the claims that policies elsewhere look at, and askedElsewhere stands for
	// what each of them does.
	elsewhere      []ReadClaim
	askedElsewhere []string
	// evaluations are of one policy or group: they are asked, not read.
	evaluations []*Evaluation
}

// Keep returns those of the groups that are read.
func (r *Reads) Keep(groups []string) []string {
	var out []string
	for _, g := range groups {
		if _, ok := slices.BinarySearch(r.Groups, g); ok {
			out = append(out, g)
		}
	}
	return out
}

// KeepAMR returns the methods if they are read.
func (r *Reads) KeepAMR(amr []string) []string {
	if r.AMR {
		return amr
	}
	return nil
}

func (r *Reads) sort() {
	slices.Sort(r.Groups)
	r.Groups = slices.Compact(r.Groups)
	r.Claims, r.elsewhere = sortedClaims(r.Claims), sortedClaims(r.elsewhere)
}

// readsOf is what the rules of a policy look at, but for the groups that they name, and
// what the application is told by the policy's own choice.
func readsOf(p *Policy) (out Reads) {
	for i := range p.UpstreamHeaders {
		h := &p.UpstreamHeaders[i]
		out.Groups = append(out.Groups, h.Groups...)
		if h.From == ClaimFact {
			out.Claims = append(out.Claims, ReadClaim{Name: h.Claim, All: true})
		}
	}
	for i := range p.Rules {
		for _, list := range p.Rules[i].lists() {
			out.look(list)
		}
	}
	out.sort()
	return out
}

// look adds what selectors look at.
func (r *Reads) look(list []Selector) {
	for i := range list {
		switch list[i].Property {
		case IdPGroup:
			r.Groups = append(r.Groups, list[i].Value)
		case AuthMethod:
			r.AMR = true
		case Expression:
			looks := list[i].looks()
			r.Groups = append(r.Groups, looks.Groups...)
			r.AMR = r.AMR || looks.AMR
		case OIDCClaim:
			if c := list[i].Claim; c != nil {
				r.Claims = append(r.Claims, ReadClaim{Name: c.Name, Values: []string{c.Value}})
			}
		case ExternalEvaluation:
			r.evaluations = append(r.evaluations, list[i].Evaluation.compiled())
		case NoProperty, Everyone, Email, EmailDomain, Address, LoginMethod, Token, AnyToken, Country, AccessGroup, ClientCertificate,
			JWT, LinkedApp, Client:
		}
	}
}

// join adds what others look at.
func (r *Reads) join(o *Reads) {
	r.Groups = append(r.Groups, o.Groups...)
	r.AMR = r.AMR || o.AMR
	r.Claims = append(r.Claims, o.Claims...)
	r.evaluations = append(r.evaluations, o.evaluations...)
}

func (r *Reads) clone() (out Reads) {
	out.join(r)
	return out
}

// maxElsewhere bounds what a session carries for other applications, in bytes of
// group names, claims and what stands for them. Those who write policies elsewhere choose
// them: without a bound they could make the cookies of a host too large.
const maxElsewhere = 1024

// readElsewhere adds what those policies look at that take tokens from an origin:
// first those of the namespace, and then the older ones, as far as there is room.
// For the others no token is made, as the session does not answer what they ask.
func (t *Table) readElsewhere(r *Reads, namespace, origin string) {
	room := maxElsewhere
	for _, own := range [...]bool{true, false} {
		for _, a := range t.takers {
			if size := t.readSize(a); (a.source.Namespace == namespace) == own && a.cors.takesTokens(origin) && size <= room {
				room -= size
				var o Reads
				t.readBy(&o, a)
				r.Groups, r.AMR = append(r.Groups, o.Groups...), r.AMR || o.AMR
				r.elsewhere, r.askedElsewhere = append(r.elsewhere, o.Claims...), append(r.askedElsewhere, o.asked...)
			}
		}
	}
}

// Reads returns what any rule of the table looks at.
func (t *Table) Reads() Reads {
	var out Reads
	if t == nil {
		return out
	}
	t.eachHost(func(c *claims) {
		for _, a := range c.apps() {
			t.readBy(&out, a)
		}
	})
	out.sort()
	return out
}

// A session holds no more of what a provider said than rules look at. So it says what
// was looked for: else a Block rule that is made later, about a group that nobody looked
// for, would let everybody pass who has a session.
//
// What a policy looks at, all of it together, is one digest of 128 bits. A policy whose
// rules look at anything else afterwards has another one, and a session that does not
// hold that ends: it is renewed without a prompt. Single groups would need 128 bits
// each, as whoever writes policies of other namespaces chooses their names.

// askedForm is what Asked begins with. Before it there were four characters for each
// group, which say nothing that counts any more.
const askedForm = "2"

// askedSize is the length of one digest in Asked.
const askedSize = 22

// digest stands for all that is looked at; empty: nothing is.
func (r *Reads) digest() string {
	if len(r.Groups) == 0 && !r.AMR && len(r.Claims) == 0 {
		return ""
	}
	text := []byte("ostiary reads, v1\x00")
	if len(r.Claims) > 0 { // what does not look at any has the digest that it always had
		text = r.appendClaims([]byte("ostiary reads, v2\x00"))
	}
	if r.AMR {
		text = append(text, 1)
	} else {
		text = append(text, 0)
	}
	for _, g := range r.Groups { // sorted, each once
		text = binary.AppendUvarint(text, uint64(len(g)))
		text = append(text, g...)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Asked says what was looked for, for a credential that holds no more than that.
func (r *Reads) Asked() string { return askedOf(slices.Concat(r.asked, r.askedElsewhere)) }

// AskedHere is Asked without what policies elsewhere look at: they take no token of such a
// credential.
func (r *Reads) AskedHere() string { return askedOf(slices.Clone(r.asked)) }

func askedOf(digests []string) string { return askedForm + strings.Join(sortedOnce(digests), "") }

// AskedAll says in one that all groups and methods were looked for that any rule of the
// table looks at.
func (t *Table) AskedAll() string {
	reads := t.Reads()
	reads.Claims = nil
	return askedForm + reads.digest()
}

// answers reports whether the credential says all that the policy and the groups that it
// names look at.
func (t *Table) answers(a *app, s *Subject) bool {
	if !t.wasEvaluated(a, s) {
		return false
	}
	if s.Asked == "" {
		return true
	}
	if a.signIn != nil && a.signIn.asked != "" && !s.wasAsked(a.signIn.asked) {
		return false
	}
	g := t.readByGroups(a)
	return g == nil || g.asked == "" || s.wasAsked(g.asked)
}

func (s *Subject) wasAsked(digest string) bool {
	rest, ok := strings.CutPrefix(s.Asked, askedForm)
	for ; ok && len(rest) >= askedSize; rest = rest[askedSize:] {
		if rest[:askedSize] == digest {
			return true
		}
	}
	return false
}

// readBy adds what a policy and the groups that it names look at.
func (t *Table) readBy(r *Reads, a *app) {
	if s := a.signIn; s != nil && s.asked != "" {
		r.join(&s.reads)
		r.asked = append(r.asked, s.asked)
	}
	if g := t.readByGroups(a); g != nil && g.asked != "" {
		r.join(&g.reads)
		r.asked = append(r.asked, g.asked)
	}
}

// readSize is how much what a policy looks at can take in a session.
func (t *Table) readSize(a *app) (n int) {
	if s := a.signIn; s != nil && s.asked != "" {
		n += s.reads.size()
	}
	if g := t.readByGroups(a); g != nil && g.asked != "" {
		n += g.reads.size()
	}
	return n
}

func (r *Reads) size() int {
	n := askedSize
	for _, g := range r.Groups {
		n += len(g) + len(`,""`)
	}
	for i := range r.Claims {
		n += r.Claims[i].size()
	}
	return n
}
