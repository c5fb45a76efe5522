// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Revocation voids every session of a user who signed in before a time.
type Revocation struct {
	Source Source
	// Provider is whose user it is, of that ID and no other. Empty: whoever has the ID
	// at any provider, or is known to applications by it, or has it for a verified
	// address, ignoring case. That is for people who write one by hand: rather one
	// session too many is void. Who signs out has a Provider.
	Provider string
	// User may be empty where there is a Client: then it is about everybody.
	User string
	// Client narrows it to what the user let that client do before that time, whenever they
	// signed in. Empty: all is void.
	Client string
	// Policy narrows that to one application, "namespace/name": whoever writes one policy calls
	// a client what they like, and ends nothing at those of others. Empty: at all.
	Policy string
	Before time.Time
}

// A delegate is a client that acts for people at one application; with no policy, at any.
type delegate struct{ client, policy string }

// A person is known by an ID at a provider. Nobody is by an address.
type person struct{ provider, id string }

// revoked are the revocations in force: of each user, the last.
type revoked struct {
	people map[person]*Revocation
	names  map[string]*Revocation // at any provider
	emails map[string]*Revocation // folded
	// everybody is by provider, or at any; of what was let a client do.
	everybody map[string]*Revocation
	clients   map[delegate]*revoked
}

// SetRevocations replaces the revocations in force. Their order is no matter.
func (a *Assembler) SetRevocations(revocations []Revocation) {
	sorted := slices.Clone(revocations)
	slices.SortFunc(sorted, func(x, y Revocation) int {
		return cmp.Or(x.Before.Compare(y.Before), cmp.Compare(x.User, y.User), cmp.Compare(x.Provider, y.Provider),
			cmp.Compare(x.Client, y.Client), cmp.Compare(x.Policy, y.Policy),
			compareSource(y.Source, x.Source))
	})
	var now sum
	if len(sorted) > 0 {
		now = *digested(func(d *digest) {
			for i := range sorted {
				r := &sorted[i]
				d.str(r.Source.Namespace, r.Source.Name, r.Source.Field, r.Provider, r.User, r.Client, r.Policy)
				d.time(r.Before)
			}
		})
	}
	if now == a.revocations {
		return
	}
	a.begin()
	a.revocations, a.revoked = now, newRevoked(sorted)
}

// newRevoked enters revocations, the latest last.
func newRevoked(sorted []Revocation) *revoked {
	if len(sorted) == 0 {
		return nil
	}
	out := emptyRevoked()
	for i := range sorted {
		of, r := out, &sorted[i]
		if r.Client != "" {
			at := delegate{r.Client, r.Policy}
			if of = out.clients[at]; of == nil {
				of = emptyRevoked()
				out.clients[at] = of
			}
		}
		of.add(r)
	}
	return out
}

func emptyRevoked() *revoked {
	return &revoked{map[person]*Revocation{}, map[string]*Revocation{}, map[string]*Revocation{}, map[string]*Revocation{},
		map[delegate]*revoked{}}
}

// Revoked reports whether the subject's sessions are void: by a revocation, or for
// want of a provider that answers for them. For a nil table they are, as it cannot know.
func (t *Table) Revoked(s *Subject) bool {
	return t == nil || s == nil || !t.providers.vouch(s) || t.revoked.find(s) != nil
}

func (r *revoked) add(v *Revocation) {
	switch {
	case v.User == "" && v.Client == "": // nobody
	case v.User == "":
		r.everybody[v.Provider] = v
	case v.Provider != "":
		r.people[person{v.Provider, v.User}] = v
	default:
		r.names[v.User] = v
		r.emails[string(appendFolded(nil, v.User))] = v
	}
}

// find returns the revocation that voids the subject's session; nil: none.
func (r *revoked) find(s *Subject) *Revocation {
	if r == nil {
		return nil
	}
	if v := r.since(s, s.SignedInAt); v != nil || s.Client == "" {
		return v
	}
	if v := r.clients[delegate{client: s.Client}].since(s, s.GrantedAt); v != nil {
		return v
	}
	for _, audience := range s.Audience { // which is one
		if v := r.clients[delegate{s.Client, audience}].since(s, s.GrantedAt); v != nil {
			return v
		}
	}
	return nil
}

// since returns the one that voids what the subject has had since a time.
func (r *revoked) since(s *Subject, at time.Time) *Revocation {
	if r == nil {
		return nil
	}
	var buf [maxFolded]byte
	for _, v := range [...]*Revocation{
		r.everybody[""], r.everybody[s.Provider], r.people[person{s.Provider, s.ID}], r.names[s.ID], r.names[s.User], r.names[s.called()], r.emails[string(appendFolded(buf[:0], s.Email))],
	} {
		if v != nil && at.Before(v.Before) {
			return v
		}
	}
	return nil
}

// called is what the provider calls the subject, where applications are told its name
// before it (idp.Set.UserName).
func (s *Subject) called() string {
	if rest, ok := strings.CutPrefix(s.User, s.Provider); ok && strings.HasPrefix(rest, "/") {
		return rest[1:]
	}
	return s.User
}

// maxFolded is room for any address that a mail server knows (RFC 5321 §4.5.3.1).
const maxFolded = 320

// appendFolded appends what two texts have in common that differ in case alone.
// Texts that equalFold tells apart may have it in common, too: where it is about
// revoking, rather one too many.
func appendFolded(dst []byte, s string) []byte {
	for _, r := range s {
		least := r
		for o := unicode.SimpleFold(r); o != r && r >= utf8.RuneSelf; o = unicode.SimpleFold(o) {
			least = min(least, o)
		}
		if least >= 'A' && least <= 'Z' {
			least += 'a' - 'A'
		}
		dst = utf8.AppendRune(dst, least)
	}
	return dst
}
