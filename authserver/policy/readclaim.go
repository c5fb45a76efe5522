// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
)

// A ReadClaim is what rules look at of one claim.
type ReadClaim struct {
	Name   string
	Values []string // that they name; sorted
	All    bool     // and whatever else stands there
}

// Claim looks a claim up among those that are read.
func (r *Reads) Claim(name string) (ReadClaim, bool) {
	i, ok := slices.BinarySearchFunc(r.Claims, name, func(c ReadClaim, name string) int { return strings.Compare(c.Name, name) })
	if !ok {
		return ReadClaim{}, false
	}
	return r.Claims[i], true
}

// sortedClaims returns them sorted, each name once.
func sortedClaims(list []ReadClaim) []ReadClaim {
	if len(list) == 0 {
		return nil
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(x, y ReadClaim) int { return strings.Compare(x.Name, y.Name) })
	out := sorted[:0:0]
	for _, c := range sorted {
		if n := len(out) - 1; n >= 0 && out[n].Name == c.Name {
			out[n].Values, out[n].All = append(out[n].Values, c.Values...), out[n].All || c.All
			continue
		}
		c.Values = slices.Clone(c.Values)
		out = append(out, c)
	}
	for i := range out {
		out[i].Values = sortedOnce(out[i].Values)
	}
	return out
}

// appendClaims appends what stands for the claims that are read.
func (r *Reads) appendClaims(text []byte) []byte {
	for i := range r.Claims {
		text = r.Claims[i].append(text)
	}
	return text
}

func (c *ReadClaim) append(text []byte) []byte {
	text = binary.AppendUvarint(text, uint64(len(c.Name)))
	text = append(text, c.Name...)
	kind := byte(0)
	if c.All {
		kind = 1
	}
	text = append(text, kind)
	text = binary.AppendUvarint(text, uint64(len(c.Values)))
	for _, v := range c.Values {
		text = binary.AppendUvarint(text, uint64(len(v)))
		text = append(text, v...)
	}
	return text
}

// asked stands for what is looked at of the claim.
func (c *ReadClaim) asked() string {
	sum := sha256.Sum256(c.append([]byte("ostiary claim, v1\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// size is the most that what is read of a claim can take in a session.
func (c *ReadClaim) size() int {
	n := claimSize(c.Name, c.Values)
	if c.All {
		n += maxWholeClaim
	}
	return n
}

// claimSize is how much a claim takes in a token.
func claimSize(name string, values []string) int {
	n := len(name) + len(`"":[],`)
	for _, v := range values {
		n += len(v) + len(`"",`)
	}
	return n
}

// find returns what somebody's provider said at a claim; nil: it was not asked.
func find(said []IdentityClaim, name string) *IdentityClaim {
	for i := range said {
		if said[i].Name == name {
			return &said[i]
		}
	}
	return nil
}

// keep returns what a session keeps of a claim. whole: all of it, if that is little,
// whether rules name it or not.
func (c *ReadClaim) keep(said *IdentityClaim, whole bool) IdentityClaim {
	out := IdentityClaim{Name: c.Name, Unknown: said.Unknown, Asked: said.Asked}
	whole = whole || c.All
	if whole && claimSize(c.Name, said.Values) <= maxWholeClaim {
		out.Values = said.Values
		return out
	}
	for _, v := range said.Values {
		if _, named := slices.BinarySearch(c.Values, v); named {
			out.Values = append(out.Values, v)
		}
	}
	if whole && len(out.Values) < len(said.Values) {
		out.Asked = c.asked()
	}
	if !whole {
		out.Asked = "" // what an application does not look at it need not know of
	}
	return out
}

// KeepClaims returns what a session at an application keeps of what a provider said: what
// rules look at, and no more than there is room for. What there is no room for is Unknown,
// and so is what the provider was not asked for. elsewhere: it says as well all that
// policies elsewhere look at; they never take the room of those that the session is for.
func (t *Table) KeepClaims(r *Reads, said []IdentityClaim) (kept []IdentityClaim, elsewhere bool) {
	room := MaxClaims
	var unsaid []string
	for i := range r.Claims {
		c := &r.Claims[i]
		one := find(said, c.Name)
		if !t.tells(one, c.Name) {
			unsaid = append(unsaid, c.Name)
			continue
		}
		is := c.keep(one, false)
		switch size := claimSize(is.Name, is.Values); {
		case len(is.Values) == 0 && is.Asked == "":
		case size > room:
			unsaid = append(unsaid, c.Name)
		default:
			room -= size
			kept = append(kept, is)
		}
	}
	kept = append(kept, unsaidClaims(unsaid)...)
	if more, ok := t.keepElsewhere(r, said, kept); ok {
		return more, true
	}
	return kept, false
}

// keepElsewhere adds what policies elsewhere look at. Not ok: not all of it is known.
func (t *Table) keepElsewhere(r *Reads, said, kept []IdentityClaim) ([]IdentityClaim, bool) {
	out := slices.Clone(kept)
	for i := range r.elsewhere {
		c := &r.elsewhere[i]
		one := find(said, c.Name)
		if !t.tells(one, c.Name) {
			return nil, false
		}
		is := c.keep(one, false)
		switch has := find(out, c.Name); {
		case is.Asked != "" || has != nil && has.Unknown:
			return nil, false
		case has != nil:
			has.Values = sortedOnce(slices.Concat(has.Values, is.Values))
		case len(is.Values) > 0:
			out = append(out, is)
		}
	}
	return out, true
}

// tells reports whether it is known what a provider said at a claim, as far as rules look at
// that by now.
func (t *Table) tells(said *IdentityClaim, name string) bool {
	switch {
	case said == nil || said.Unknown:
		return false
	case said.Asked == "" || strings.HasPrefix(name, ReservedClaim):
		return true
	}
	reads := t.Reads()
	now, _ := reads.Claim(name)
	return now.asked() == said.Asked
}

// Unsaid are some claims once there is no room for them: by name, or, if these are many, all.
func Unsaid(claims []IdentityClaim) []IdentityClaim {
	names := make([]string, len(claims))
	for i := range claims {
		names[i] = claims[i].Name
	}
	return unsaidClaims(names)
}

func unsaidClaims(names []string) (out []IdentityClaim) {
	n := 0
	for _, name := range names {
		n += len(name) + len(`"",`)
		out = append(out, IdentityClaim{Name: name, Unknown: true})
	}
	if n > maxUnsaid {
		return []IdentityClaim{{Name: OtherClaims, Unknown: true}}
	}
	return out
}

// UnsaidOf returns the names of those of some claims that are Unknown.
func UnsaidOf(claims []IdentityClaim) (names []string) {
	for i := range claims {
		if claims[i].Unknown {
			names = append(names, claims[i].Name)
		}
	}
	return names
}

// Wanted are the claims that a provider is asked for when somebody signs in: first own,
// those that r looks at, and then those that any rule of the table does.
func (t *Table) Wanted(r *Reads) (own, others []ReadClaim) {
	all := t.Reads()
	for _, c := range all.Claims {
		switch _, is := r.Claim(c.Name); {
		case strings.HasPrefix(c.Name, ReservedClaim):
		case is:
			own = append(own, c)
		default:
			others = append(others, c)
		}
	}
	slices.SortStableFunc(others, func(x, y ReadClaim) int { // those of policies that may take a token come first
		return r.isElsewhere(y.Name) - r.isElsewhere(x.Name)
	})
	return own, others
}

func (r *Reads) isElsewhere(name string) int {
	if slices.ContainsFunc(r.elsewhere, func(c ReadClaim) bool { return c.Name == name }) {
		return 1
	}
	return 0
}

// CarryClaims returns what a session at the team host keeps of what a provider said, with
// every claim that was looked for, and no more than there is room for: own comes first. Of
// others, what has no room was not looked for: who needs it later is asked to renew.
func CarryClaims(said []IdentityClaim, own, others []ReadClaim) (out []IdentityClaim) {
	room := MaxClaims
	for i := range own { // that they were looked for has to fit
		room -= claimSize(own[i].Name, nil)
	}
	for i := range own {
		one := find(said, own[i].Name)
		if one == nil {
			continue
		}
		kept := own[i].keep(one, true)
		if size := claimSize("", kept.Values) - claimSize("", nil) + len(kept.Asked); size <= room {
			room -= size
		} else {
			kept = IdentityClaim{Name: kept.Name, Unknown: true}
		}
		out = append(out, kept)
	}
	for i := range others {
		if one := find(said, others[i].Name); one != nil {
			kept := others[i].keep(one, true)
			if size := claimSize(kept.Name, kept.Values) + len(kept.Asked); size <= room {
				room -= size
				out = append(out, kept)
			}
		}
	}
	return out
}

// Carries reports whether a session at the team host says all that r looks at of claims,
// be it that it cannot be told. If not, the provider has to be asked.
func (t *Table) Carries(said []IdentityClaim, r *Reads) bool {
	return !slices.ContainsFunc(r.Claims, func(c ReadClaim) bool {
		one := find(said, c.Name)
		return !strings.HasPrefix(c.Name, ReservedClaim) && (one == nil || !one.Unknown && !t.tells(one, c.Name))
	})
}
