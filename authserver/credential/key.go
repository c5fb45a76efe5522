// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"hash"
	"sync"
	"time"
)

// macInfo separates the MAC's key from all else that the private key may be for.
const macInfo = "ostiary credential: mac over the payload, v1"

const (
	macSize = 16 // bytes: a guess is right once in 2^128
	macText = 22 // the same, in base64url
)

// A key signs from its time on, and verifies for as long as it is in a ring.
type key struct {
	id     string
	alg    *algorithm
	active time.Time
	signer crypto.Signer
	public jwk

	// The header of a token is head, MAC, tail. As text it starts with prefix,
	// which ends on a whole group of four characters and holds all of the name.
	head, tail string
	prefix     string
	headerText int // length of the header as text

	derived                    []byte // what the keys of boxes are expanded from
	sealedHeader, nestedHeader string // of a box: see boxHeader

	macs sync.Pool // of *macState
}

// A macState saves a request the set-up of an HMAC.
type macState struct {
	hash hash.Hash
	sum  [sha256.Size]byte
}

func newKey(signer crypto.Signer, active time.Time) (*key, error) {
	alg, public := algorithmOf(signer)
	if alg == nil {
		return nil, errors.New("unknown kind of key")
	}
	id, err := public.thumbprint()
	if err != nil {
		return nil, err
	}
	secret, err := alg.secret(signer)
	if err != nil {
		return nil, err
	}
	derived, err := hkdf.Extract(sha256.New, secret, nil)
	if err != nil {
		return nil, err
	}
	macKey, err := hkdf.Expand(sha256.New, derived, macInfo, sha256.Size)
	if err != nil {
		return nil, err
	}
	public.Algorithm, public.ID, public.Use = alg.name, id, "sig"
	k := &key{
		id: id, alg: alg, active: active.UTC().Truncate(time.Second), signer: signer, public: public,
		head: `{"alg":"` + alg.name + `","kid":"` + id + `","mac":"`,
		tail: `","typ":"JWT"}`,

		derived: derived, sealedHeader: boxHeader(id, false), nestedHeader: boxHeader(id, true),
	}
	k.prefix = base64url.EncodeToString([]byte(k.head[:len(k.head)/3*3]))
	k.headerText = base64url.EncodedLen(len(k.head) + macText + len(k.tail))
	k.macs.New = func() any { return &macState{hash: hmac.New(sha256.New, macKey)} }
	return k, nil
}

// header returns the header of a token with this payload, both as text.
func (k *key) header(payload string) string {
	s := k.macs.Get().(*macState)
	defer k.macs.Put(s)
	mac := base64url.EncodeToString(s.over([]byte(payload)))
	return base64url.EncodeToString([]byte(k.head + mac + k.tail))
}

// wrote reports whether the header is the one that this key writes above this
// payload. It compares instead of parsing: so there is no "alg" to confuse, no
// "crit", "jwk" or "jku" to obey, no order, space or second spelling to agree on.
func (k *key) wrote(header, payload []byte) bool {
	if len(header) != k.headerText || string(header[:len(k.prefix)]) != k.prefix {
		return false
	}
	var buf [64]byte
	rest := header[len(k.prefix):]
	if base64url.DecodedLen(len(rest)) > len(buf) {
		return false
	}
	n, err := base64url.Decode(buf[:], rest)
	if err != nil {
		return false
	}
	mac, ok := bytes.CutPrefix(buf[:n], []byte(k.head[len(k.head)/3*3:]))
	if !ok {
		return false
	}
	if mac, ok = bytes.CutSuffix(mac, []byte(k.tail)); !ok || len(mac) != macText {
		return false
	}
	var sum [macSize + 2]byte
	if n, err = base64url.Decode(sum[:], mac); err != nil || n != macSize {
		return false
	}
	s := k.macs.Get().(*macState)
	defer k.macs.Put(s)
	return hmac.Equal(sum[:macSize], s.over(payload))
}

// over returns the MAC; it is overwritten by the next call.
func (s *macState) over(payload []byte) []byte {
	s.hash.Reset()
	s.hash.Write(payload) // never fails (hash.Hash)
	return s.hash.Sum(s.sum[:0])[:macSize]
}
