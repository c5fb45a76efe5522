// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/authserver/policy"
)

// maxPresented is the length of the longest token that is looked at: that of a
// cookie (RFC 6265bis §5.6), as a later program may mint longer ones.
const maxPresented = 4096

// A Verifier tells who a token names. It is safe for concurrent use, and
// remembers what a key of the ring signed: what it did not leaves no trace. A nil
// *Verifier refuses every credential.
type Verifier struct {
	ring   *Ring
	issuer string
	cache  *cache // tokens that name somebody
	over   *cache // those that do not, or no more: they push out none that does
	// asserted are what applications were told of machines.
	asserted assertions
	linked   linked
	lookups  *lookups // of Live; nil: nobody counts
}

// lookups are how often a token was known already, and how often it was not.
type lookups struct{ hits, misses atomic.Uint64 }

func (l *lookups) count(known bool) {
	switch {
	case l == nil:
	case known:
		l.hits.Add(1)
	default:
		l.misses.Add(1)
	}
}

// NewVerifier makes a Verifier for the tokens of one ring and issuer, which
// refuses everything if either is missing. It remembers up to cacheEntries
// tokens, at some 1.5 kB each; 0: DefaultCacheEntries. To these comes a sixteenth
// as many that are over. Another ring needs another Verifier: so nothing that a
// dropped key signed is remembered.
func NewVerifier(r *Ring, issuer string, cacheEntries int) *Verifier {
	if cacheEntries <= 0 {
		cacheEntries = DefaultCacheEntries
	}
	return &Verifier{ring: r, issuer: issuer, cache: newCache(cacheEntries), over: newCache(max(1, cacheEntries/16))}
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
	at := strings.LastIndexByte(token, '.')
	if at < 0 {
		return nil, policy.BadSignature
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	raw := s.token[:copy(s.token[:], token)]
	id := k.nameOf(raw, at)
	if e, ok := v.known(&id); ok {
		v.lookups.count(true)
		// Whoever has a token of ours can put any signature under it, and its MAC
		// still fits. The right one is known here, so that no other costs a check.
		if !hmac.Equal(raw[at+1:], []byte(e.signature)) {
			return nil, policy.BadSignature
		}
		return e.at(now)
	}
	// Before the signature is looked at, which costs fifty times as much as all
	// else here, the MAC keeps out those who never had a token of ours. It is a
	// sieve: what passes is still verified in full.
	if !k.mayHaveMade(raw) {
		return nil, policy.BadSignature
	}
	v.lookups.count(false)
	return v.verify(k, &id, string(raw), now)
}

// nameOf returns what a token is remembered by; at is where its last dot is. It
// is what was signed, if that has one signature only, and else all of it.
func (k *key) nameOf(token []byte, at int) [sha256.Size]byte {
	if k.signsAlike() {
		token = token[:at]
	}
	return sha256.Sum256(token)
}

// signsAlike reports whether the key signs a message the same way each time, in
// every replica: see algorithm.unique.
func (k *key) signsAlike() bool { return k.alg.unique }

// known returns what is remembered by that name.
func (v *Verifier) known(id *[sha256.Size]byte) (entry, bool) {
	if e, ok := v.cache.get(id); ok {
		return e, true
	}
	return v.over.get(id)
}

// mayHaveMade checks the shape of a token (RFC 7515 §7.1), its header and MAC.
func (k *key) mayHaveMade(token []byte) bool {
	header, rest, _ := bytes.Cut(token, []byte{'.'})
	payload, signature, ok := bytes.Cut(rest, []byte{'.'})
	if !ok || len(payload) == 0 {
		return false
	}
	// encoding/base64 skips line ends, even if told to be strict: each would be
	// another spelling of the same token.
	if bytes.IndexByte(token, '\n') >= 0 || bytes.IndexByte(token, '\r') >= 0 {
		return false
	}
	var buf [maxSignature + 2]byte
	if len(signature) != base64url.EncodedLen(k.alg.size) {
		return false
	}
	if n, err := base64url.Decode(buf[:], signature); err != nil || n != k.alg.size {
		return false
	}
	return k.wrote(header, payload)
}

// verify is the full check. It owns the token.
func (v *Verifier) verify(k *key, id *[sha256.Size]byte, token string, now time.Time) (*policy.Subject, policy.Reason) {
	e, err := k.read(typeApp, v.issuer, token, now)
	genuine := err == nil
	if errors.Is(err, jwt.ErrTokenSignatureInvalid) && k.signsAlike() {
		// The MAC says that we wrote the message, so there is a right signature:
		// what is remembered is the token of its owner, as if it had come first.
		// That it came forged neither keeps the owner out nor has to be found out
		// twice. Nobody is given the signature made here who does not bring it.
		if token, err = k.signAgain(token); err == nil {
			e, err = k.read(typeApp, v.issuer, token, now)
		}
	}
	if err != nil {
		return nil, policy.BadSignature
	}
	subject, why := e.at(now)
	if subject != nil {
		v.cache.put(id, e, now)
	} else {
		v.over.put(id, e, now)
	}
	if !genuine {
		return nil, policy.BadSignature
	}
	return subject, why
}

// signAgain returns the token with the signature that the key gives it.
func (k *key) signAgain(token string) (string, error) {
	message := token[:strings.LastIndexByte(token, '.')]
	signature, err := k.alg.method.Sign(message, k.signer)
	return message + "." + base64url.EncodeToString(signature), err
}

// read verifies the signature of a token of that type and issuer, and returns an
// error unless it is good.
func (k *key) read(kind, issuer, token string, now time.Time) (entry, error) {
	c := wireClaims{wanted: kind}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{k.alg.name}),
		jwt.WithStrictDecoding(),
		jwt.WithIssuer(issuer),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(Leeway), // of exp, too: entry.at takes that back
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	_, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return k.signer.Public(), nil })
	// The claims are looked at after the signature.
	if err != nil && !errors.Is(err, jwt.ErrTokenInvalidClaims) {
		return entry{}, err
	}
	e := entry{signature: token[strings.LastIndexByte(token, '.')+1:]}
	if err != nil && (c.Issuer != issuer || c.Validate() != nil) {
		return e, nil // names nobody, now or ever
	}
	// Else it can only be the wrong time for it, and that entry.at judges.
	e.subject = &policy.Subject{
		ID: c.User, Email: c.Email, Groups: c.Groups, Claims: c.custom(), AMR: c.AMR, Provider: c.Provider,
		Audience: c.Audience, AuthorizedParty: c.AuthorizedParty, Host: c.Host, PathScoped: c.PathScoped, Bind: c.Bind, Asked: c.Asked,
		Evaluations: c.Evaluations,
		Token:       token,
		SignedInAt:  time.Unix(cmp.Or(c.SignedInAt, c.IssuedAt), 0).UTC(),
		IssuedAt:    time.Unix(c.IssuedAt, 0).UTC(), ExpiresAt: time.Unix(c.ExpiresAt, 0).UTC(),
	}
	if c.ClientID != "" {
		e.subject.Client, e.subject.GrantedAt = c.ClientID, time.UnixMilli(c.granted()).UTC()
	}
	if c.ID != "" {
		e.subject.ID, e.subject.User = c.ID, c.User
	}
	e.from, e.until = max(c.IssuedAt, c.NotBefore)-int64(Leeway/time.Second), c.ExpiresAt
	return e, nil
}

// An entry is a token of ours: its signature, whom it names, and from and until
// when, in seconds since 1970. The zero entry names nobody.
type entry struct {
	signature   string
	subject     *policy.Subject
	bearer      *policy.Bearer // of a Memory
	from, until int64
}

// at is asked on every use, of a remembered token as well.
func (e *entry) at(now time.Time) (*policy.Subject, policy.Reason) {
	switch s := now.Unix(); {
	case e.subject == nil:
		return nil, policy.BadSignature
	case s >= e.until:
		return nil, policy.SessionExpired
	case s < e.from:
		return nil, policy.BadSignature
	}
	return e.subject, policy.NoReason
}

// Live holds the Verifier in force. Its zero value holds none, which refuses
// every credential.
type Live struct {
	p       atomic.Pointer[Verifier]
	lookups lookups
}

// Lookups returns how many sessions were known from before, and how many had to be verified.
func (l *Live) Lookups() (hits, misses uint64) { return l.lookups.hits.Load(), l.lookups.misses.Load() }

// Verifier returns the Verifier in force, or nil: its methods can be called all
// the same. Load it once a request.
func (l *Live) Verifier() *Verifier { return l.p.Load() }

// Publish puts a Verifier in force.
func (l *Live) Publish(v *Verifier) {
	v.lookups = &l.lookups
	l.p.Store(v)
}

// Subject is that of the Verifier in force.
func (l *Live) Subject(at policy.Place, cookie, authorization string, now time.Time) policy.Presented {
	return l.Verifier().Subject(at, cookie, authorization, now)
}
