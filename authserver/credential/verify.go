// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/authserver/policy"
)

// maxPresented is the length of the longest token that is looked at: that of a
// cookie (RFC 6265bis §5.6), as a later program may mint longer ones.
const maxPresented = 4096

// A Verifier tells who a token names. It is safe for concurrent use, and
// remembers verified tokens only: forged ones leave no trace. A nil *Verifier
// refuses every credential.
type Verifier struct {
	ring   *Ring
	issuer string
	cache  *cache
}

// NewVerifier makes a Verifier for the tokens of one ring and issuer, which
// refuses everything if either is missing. It remembers up to cacheEntries
// tokens, at some 1.5 kB each; 0: DefaultCacheEntries. Another ring needs
// another Verifier: so nothing that a dropped key signed is remembered.
func NewVerifier(r *Ring, issuer string, cacheEntries int) *Verifier {
	return &Verifier{ring: r, issuer: issuer, cache: newCache(cacheEntries)}
}

// A scratch holds a token while it is looked at: as bytes, for hashing, and out
// of the buffer that it came in.
type scratch struct{ token [maxPresented]byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// Verify returns who the token names, and otherwise why nobody:
//
//	NoReason        it is empty
//	NotReady        the Verifier has no keys
//	SessionExpired  it was a good one
//	BadSignature    it is anything else: forged, damaged, for another issuer,
//	                of a dropped key, not valid yet, or none of ours at all
//
// It keeps nothing of the string that it was given. The Subject is shared.
func (v *Verifier) Verify(token string, now time.Time) (*policy.Subject, policy.Reason) {
	switch {
	case token == "":
		return nil, policy.NoReason
	case v == nil || v.ring == nil || v.issuer == "":
		return nil, policy.NotReady
	case len(token) > maxPresented:
		return nil, policy.BadSignature
	}
	k := v.ring.find(token)
	if k == nil {
		return nil, policy.BadSignature
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	raw := s.token[:copy(s.token[:], token)]
	id := sha256.Sum256(raw)
	if e, ok := v.cache.get(&id); ok {
		return e.at(now)
	}
	// Before the signature is looked at, which costs fifty times as much as all
	// else here, the MAC keeps out those who never had a token of ours. It is a
	// sieve: what passes is still verified in full.
	if !k.mayHaveMade(raw) {
		return nil, policy.BadSignature
	}
	return v.verify(k, &id, string(raw), now)
}

// mayHaveMade checks the shape of a token (RFC 7515 §7.1), its header and MAC.
func (k *key) mayHaveMade(token []byte) bool {
	header, rest, _ := bytes.Cut(token, []byte{'.'})
	payload, signature, ok := bytes.Cut(rest, []byte{'.'})
	if !ok || len(payload) == 0 || len(signature) == 0 || bytes.IndexByte(signature, '.') >= 0 {
		return false
	}
	// encoding/base64 skips line ends, even if told to be strict: each would be
	// another spelling of the same token.
	if bytes.IndexByte(token, '\n') >= 0 || bytes.IndexByte(token, '\r') >= 0 {
		return false
	}
	return k.wrote(header, payload)
}

// verify is the full check. It owns the token.
func (v *Verifier) verify(k *key, id *[sha256.Size]byte, token string, now time.Time) (*policy.Subject, policy.Reason) {
	var c wireClaims
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{k.alg.name}),
		jwt.WithStrictDecoding(),
		jwt.WithIssuer(v.issuer),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(Leeway), // of exp, too: entry.at takes that back
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	_, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return k.signer.Public(), nil })
	switch {
	// The end is looked at after the signature, and is not all that can be wrong.
	case errors.Is(err, jwt.ErrTokenExpired) && c.Issuer == v.issuer && c.Validate() == nil:
		return nil, policy.SessionExpired
	case err != nil:
		return nil, policy.BadSignature
	}
	e := entry{
		subject: &policy.Subject{
			ID: c.ID, Email: c.Email, Groups: c.Groups, Audience: string(c.Audience), Token: token,
			IssuedAt: time.Unix(c.IssuedAt, 0).UTC(), ExpiresAt: time.Unix(c.ExpiresAt, 0).UTC(),
		},
		from:  max(c.IssuedAt, c.NotBefore) - int64(Leeway/time.Second),
		until: c.ExpiresAt,
	}
	subject, why := e.at(now)
	if subject != nil {
		v.cache.put(id, e, now)
	}
	return subject, why
}

// An entry is a verified token: whom it names, and from and until when, in
// seconds since 1970.
type entry struct {
	subject     *policy.Subject
	from, until int64
}

// at is asked on every use, of a remembered token as well.
func (e *entry) at(now time.Time) (*policy.Subject, policy.Reason) {
	switch s := now.Unix(); {
	case s >= e.until:
		return nil, policy.SessionExpired
	case s < e.from:
		return nil, policy.BadSignature
	}
	return e.subject, policy.NoReason
}
