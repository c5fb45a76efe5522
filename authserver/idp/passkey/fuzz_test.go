// SPDX-License-Identifier: Apache-2.0

package passkey

import (
	"bytes"
	"slices"
	"testing"

	"github.com/ostiary/ostiary/hack/lab/authenticator"
)

// Whatever an answer is made of, it never passes for one to another challenge, and what is
// taken is taken once.
func FuzzAssert(f *testing.F) {
	p, device := partyOf(f, teamOrigin), authenticator.Seeded("fuzz")
	k := registered(f, p, device)
	f.Add(answerOf(f, p, device, challengeOf("seed"), k))
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{"authenticatorData":"AA","signature":"AA","clientDataJSON":"e30"}}`)
	f.Add(`{"response":null}`)
	f.Fuzz(func(t *testing.T, answer string) {
		if _, kept, err := p.Assert(challengeOf("another"), []Key{k}, answer, now, until); err == nil || kept.ID != nil {
			t.Fatalf("taken for an answer to another challenge: %q", answer)
		}
		_, kept, err := p.Assert(challengeOf("seed"), []Key{k}, answer, now, until)
		if err != nil {
			return
		}
		if _, _, err := p.Assert(challengeOf("seed"), []Key{kept}, answer, now, until); err == nil {
			t.Fatalf("taken twice: %q", answer)
		}
		if _, err := kept.Marshal(); err != nil {
			t.Fatal(err)
		}
	})
}

// THREATS J7. What is registered can be kept, read again, and is for the challenge that was asked.
func FuzzRegister(f *testing.F) {
	p := partyOf(f, teamOrigin)
	handle := []byte("the same in every process")
	asked, err := p.Creation(challengeOf("seed"), handle, "ann", "Ann", nil)
	if err != nil {
		f.Fatal(err)
	}
	made, err := authenticator.Seeded("fuzz").Create(asked, teamOrigin)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(made)
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{"attestationObject":"oA","clientDataJSON":"e30"}}`)
	f.Fuzz(func(t *testing.T, answer string) {
		if _, err := p.Register(challengeOf("another"), handle, nil, answer); err == nil {
			t.Fatalf("taken for an answer to another challenge: %q", answer)
		}
		k, err := p.Register(challengeOf("seed"), handle, nil, answer)
		if err != nil {
			return
		}
		written, err := k.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		read, err := Parse(written)
		if err != nil || !bytes.Equal(read.ID, k.ID) || !slices.Equal(read.Transports, k.Transports) {
			t.Fatalf("%s is read as %v: %v", written, read, err)
		}
	})
}

// What is read as a key is written as it was read.
func FuzzParse(f *testing.F) {
	k := registered(f, partyOf(f, teamOrigin), authenticator.Seeded("fuzz"))
	written, err := k.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(written)
	f.Add([]byte(`{"id":"AA==","key":"oA==","user":"AA=="}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := Parse(data)
		if err != nil {
			return
		}
		once, err := k.Marshal()
		if err != nil {
			t.Fatalf("%q is read, and cannot be written: %v", data, err)
		}
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("%q: %v", once, err)
		}
		if twice, _ := again.Marshal(); !bytes.Equal(once, twice) {
			t.Fatalf("%q, then %q", once, twice)
		}
	})
}
