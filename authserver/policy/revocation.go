// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"encoding/hex"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Revocation voids every session of a user who signed in before a time.
type Revocation struct {
	Source Source
	User   string // an address, ignoring case, or an ID
	Before time.Time
}

// revoked are the revocations in force: of each user, the last.
type revoked struct {
	ids    map[string]*Revocation
	emails map[string]*Revocation // folded
}

// Revoking returns a copy of the table with these revocations in force, and no
// others. They are a part of its revision; their order is not.
func (t *Table) Revoking(revocations []Revocation) *Table {
	if t == nil {
		return nil
	}
	out := *t
	out.revoked, out.revision = nil, t.unrevoked()
	if len(revocations) == 0 {
		return &out
	}
	sorted := slices.Clone(revocations)
	slices.SortFunc(sorted, func(x, y Revocation) int {
		return cmp.Or(x.Before.Compare(y.Before), cmp.Compare(x.User, y.User), compareSource(y.Source, x.Source))
	})
	d := digests.Get().(*digest)
	defer digests.Put(d)
	d.h.Reset()
	d.buf = d.buf[:0]
	d.str(out.revision)
	out.revoked = &revoked{make(map[string]*Revocation, len(sorted)), make(map[string]*Revocation, len(sorted))}
	for i := range sorted {
		r := &sorted[i]
		d.str(r.Source.Namespace, r.Source.Name, r.Source.Field, r.User)
		d.time(r.Before)
		if r.User != "" {
			out.revoked.ids[r.User] = r // the last is the latest
			out.revoked.emails[string(appendFolded(nil, r.User))] = r
		}
	}
	out.revision = hex.EncodeToString(d.sum()[:6])
	return &out
}

// Revoked reports whether the subject's sessions are void: by a revocation, or for
// want of a provider that answers for them. For a nil table they are, as it cannot know.
func (t *Table) Revoked(s *Subject) bool {
	return t == nil || s == nil || !t.providers.vouch(s) || t.revoked.find(s) != nil
}

// find returns the revocation that voids the subject's session; nil: none.
func (r *revoked) find(s *Subject) *Revocation {
	if r == nil {
		return nil
	}
	if v := r.ids[s.ID]; v != nil && s.SignedInAt.Before(v.Before) {
		return v
	}
	var buf [maxFolded]byte
	if v := r.emails[string(appendFolded(buf[:0], s.Email))]; v != nil && s.SignedInAt.Before(v.Before) {
		return v
	}
	return nil
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
