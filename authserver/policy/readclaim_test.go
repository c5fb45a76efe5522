// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// ofSize is a claim that takes so many bytes in a token, with one value.
func ofSize(name string, size int) IdentityClaim {
	return saying(name, strings.Repeat("x", size-claimSize(name, []string{""})))
}

// TestDigestText: what a digest is of. Sessions hold it: were it of another text, those of
// everybody would end.
func TestDigestText(t *testing.T) {
	digest := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return base64.RawURLEncoding.EncodeToString(sum[:16])
	}
	dept := ReadClaim{Name: "dept", Values: []string{"eng", "ops!"}}
	whole := ReadClaim{Name: "a", All: true}
	const deptText, wholeText = "\x04dept\x00\x02\x03eng\x04ops!", "\x01a\x01\x00"
	for i, tc := range []struct {
		reads Reads
		text  string
	}{
		{Reads{AMR: true}, "ostiary reads, v1\x00\x01"},
		{Reads{Groups: []string{"a", "bc"}}, "ostiary reads, v1\x00\x00\x01a\x02bc"},
		{Reads{Groups: []string{"a"}, AMR: true}, "ostiary reads, v1\x00\x01\x01a"},
		{Reads{Claims: []ReadClaim{dept}}, "ostiary reads, v2\x00" + deptText + "\x00"},
		{Reads{Claims: []ReadClaim{whole, dept}, AMR: true, Groups: []string{"a"}}, "ostiary reads, v2\x00" + wholeText + deptText + "\x01\x01a"},
	} {
		if got := tc.reads.digest(); got != digest(tc.text) {
			t.Errorf("%d: %s is not the digest of %q", i, got, tc.text)
		}
	}
	if (&Reads{}).digest() != "" || dept.asked() != digest("ostiary claim, v1\x00"+deptText) || whole.asked() != digest("ostiary claim, v1\x00"+wholeText) {
		t.Error("what stands for nothing, or for one claim")
	}
}

// TestKeepClaim: what is kept of one claim, whole if it is little, and else what is named.
func TestKeepClaim(t *testing.T) {
	long := ofSize("a", maxWholeClaim+1).Values[0]
	little, much := ofSize("a", maxWholeClaim), saying("a", long)
	named, all, allNamed := ReadClaim{Name: "a", Values: []string{"1"}}, ReadClaim{Name: "a", Values: []string{"1"}, All: true}, ReadClaim{Name: "a", Values: []string{long}}
	for name, tc := range map[string]struct {
		c     ReadClaim
		said  IdentityClaim
		whole bool
		want  IdentityClaim
	}{
		"named":                {named, saying("a", "2", "1"), false, saying("a", "1")},
		"whole":                {named, saying("a", "2", "1"), true, saying("a", "2", "1")},
		"all":                  {all, saying("a", "2", "1"), false, saying("a", "2", "1")},
		"little":               {named, little, true, little},
		"too much":             {named, much, true, IdentityClaim{Name: "a", Asked: named.asked()}},
		"too much of all":      {all, much, false, IdentityClaim{Name: "a", Asked: all.asked()}},
		"much, all of it said": {allNamed, much, true, much},
		"part, of more":        {named, IdentityClaim{Name: "a", Values: []string{"1"}, Asked: "z"}, false, saying("a", "1")},
		"part":                 {named, IdentityClaim{Name: "a", Values: []string{"1"}, Asked: "z"}, true, IdentityClaim{Name: "a", Values: []string{"1"}, Asked: "z"}},
		"unknown":              {named, untold("a"), true, untold("a")},
	} {
		if got := tc.c.keep(&tc.said, tc.whole); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %.80v, want %.80v", name, got, tc.want)
		}
	}
	// No more than its size is ever kept, and as much as that is.
	for _, c := range []ReadClaim{named, allNamed} {
		kept := c.keep(&IdentityClaim{Name: "a", Values: c.Values}, false)
		if c.size() != claimSize("a", kept.Values) {
			t.Errorf("%.80v: %d", c, c.size())
		}
	}
	if kept := all.keep(&little, false); all.size() != claimSize("a", all.Values)+maxWholeClaim || claimSize("a", kept.Values) > all.size() {
		t.Errorf("all: %d", all.size())
	}
}

// TestSortedClaims: each name once, with all that is looked at of it; the list stays as it is.
func TestSortedClaims(t *testing.T) {
	room := append(make([]string, 0, 8), "3", "1")
	list := []ReadClaim{{Name: "b"}, {Name: "a", Values: room, All: true}, {Name: "a", Values: []string{"2", "1"}}, {Name: "b", All: true}}
	want := []ReadClaim{{Name: "a", Values: []string{"1", "2", "3"}, All: true}, {Name: "b", All: true}}
	if got := sortedClaims(list); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := fmt.Sprint(room[:4]); got != "[3 1  ]" {
		t.Errorf("the list is now %s", got)
	}
	if sortedClaims(nil) != nil {
		t.Error("some of none")
	}
}

// TestRoomForClaims: what fits exactly is kept, and what does not by one byte is not.
func TestRoomForClaims(t *testing.T) {
	var none *Table
	names := []ReadClaim{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	for more := range 2 {
		list := []IdentityClaim{ofSize("a", 400), ofSize("b", 300), ofSize("c", MaxClaims-700+more)}
		want := []string{"", "c"}[more]
		var reads Reads
		for _, c := range list {
			reads.Claims = append(reads.Claims, ReadClaim{Name: c.Name, Values: c.Values})
		}
		kept, _ := none.KeepClaims(&reads, list)
		if got := strings.Join(UnsaidOf(kept), " "); got != want || len(kept) != 3 {
			t.Errorf("an application's session, %d too much: %s of %d is not told", more, got, len(kept))
		}
		carried := CarryClaims(list, reads.Claims, nil)
		if got := strings.Join(UnsaidOf(carried), " "); got != want || len(carried) != 3 {
			t.Errorf("the team host's session, %d too much: %s of %d is not told", more, got, len(carried))
		}
		carried = CarryClaims(list, nil, reads.Claims)
		if len(carried) != 3-more || len(UnsaidOf(carried)) > 0 {
			t.Errorf("of others, %d too much: %d", more, len(carried))
		}
		// That not all of it is kept takes room, too.
		reads.Claims[2].Values = nil
		last := ofSize("d", MaxClaims-700-claimSize("c", nil)-askedSize+more)
		carried = CarryClaims(append(list, last), nil, append(reads.Claims, ReadClaim{Name: "d", Values: last.Values}))
		if len(carried) != 4-more || carried[2].Asked == "" || len(carried[2].Values) > 0 {
			t.Errorf("%d too much: %.200v", more, carried)
		}
	}
	if got := CarryClaims(nil, names, names); got != nil {
		t.Errorf("of nothing: %v", got)
	}
	for more := range 2 {
		name := strings.Repeat("n", maxUnsaid/2-len(`"",`))
		got := unsaidClaims([]string{name, name + strings.Repeat("n", more)})
		if (len(got) == 1 && got[0].Name == OtherClaims) != (more > 0) || len(got) != 2-more {
			t.Errorf("names of %d bytes: %v", maxUnsaid+more, got)
		}
	}
}

// TestKeepElsewhere: all that policies elsewhere look at is kept, or it is said that it is not.
func TestKeepElsewhere(t *testing.T) {
	var none *Table
	long := ofSize("a", maxWholeClaim+1)
	for name, tc := range map[string]struct {
		own, elsewhere ReadClaim
		said           []IdentityClaim
		want           string
	}{
		"a value":            {ReadClaim{}, ReadClaim{Name: "a", Values: []string{"1"}}, []IdentityClaim{saying("a", "1", "2")}, "[{a [1] false }] true"},
		"another value":      {ReadClaim{}, ReadClaim{Name: "a", Values: []string{"1"}}, []IdentityClaim{saying("a", "2")}, "[] true"},
		"never asked":        {ReadClaim{}, ReadClaim{Name: "a", Values: []string{"1"}}, nil, "[] false"},
		"unknown":            {ReadClaim{}, ReadClaim{Name: "a", Values: []string{"1"}}, []IdentityClaim{untold("a")}, "[] false"},
		"more than is kept":  {ReadClaim{}, ReadClaim{Name: "a", All: true}, []IdentityClaim{long}, "[] false"},
		"both look at it":    {ReadClaim{Name: "a", Values: []string{"2"}}, ReadClaim{Name: "a", Values: []string{"1"}}, []IdentityClaim{saying("a", "2", "1")}, "[{a [1 2] false }] true"},
		"both, but one is 2": {ReadClaim{Name: "a", Values: []string{"2"}}, ReadClaim{Name: "a", Values: []string{"1"}}, []IdentityClaim{saying("a", "2")}, "[{a [2] false }] true"},
	} {
		r := Reads{elsewhere: []ReadClaim{tc.elsewhere}}
		if tc.own.Name != "" {
			r.Claims = []ReadClaim{tc.own}
		}
		kept, elsewhere := none.KeepClaims(&r, tc.said)
		if got := fmt.Sprint(kept, elsewhere); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	// There was no room for it in what the session is for.
	large := Reads{Claims: []ReadClaim{{Name: "a", Values: []string{strings.Repeat("x", MaxClaims)}}}, elsewhere: []ReadClaim{{Name: "a", Values: []string{"1"}}}}
	if kept, elsewhere := none.KeepClaims(&large, []IdentityClaim{saying("a", large.Claims[0].Values[0], "1")}); elsewhere || fmt.Sprint(kept) != "[{a [] true }]" {
		t.Errorf("%.80v %v", kept, elsewhere)
	}
}

// TestWanted: a provider is asked for what this application looks at, then for what those
// look at that take its tokens, and then for the rest, each by name.
func TestWanted(t *testing.T) {
	table := mustBuild(t, claiming("n", "app", "a.x", "c=1", "f=1"), claiming("n", "other", "b.x", "a=1", "b=1", "c=2", "d=1", "e=1"))
	own, others := table.Wanted(&Reads{Claims: []ReadClaim{{Name: "c"}, {Name: "f"}}, elsewhere: []ReadClaim{{Name: "b"}, {Name: "e"}}})
	names := func(list []ReadClaim) (out string) {
		for _, c := range list {
			out += c.Name
		}
		return out
	}
	if names(own) != "cf" || names(others) != "bead" {
		t.Errorf("%s, and then %s", names(own), names(others))
	}
}
