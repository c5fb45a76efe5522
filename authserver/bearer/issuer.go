// SPDX-License-Identifier: Apache-2.0

package bearer

import (
	"context"
	"crypto/sha256"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/oidc"
	"github.com/ostiary/ostiary/authserver/policy"
)

const (
	fetchTimeout = 10 * time.Second // of one attempt to get keys
	// patience is how long a request waits for keys that are not there.
	patience = 500 * time.Millisecond
	// maxWaiting bounds how many requests wait for the keys of one issuer.
	maxWaiting = 256
)

// An issuer is one whose tokens can be verified.
type issuer struct {
	config  config.Issuer
	reading config.Reading
	seed    [sha256.Size]byte // of its description
	own     *oidc.KeySet      // its keys, if they are part of the description
	remote  *oidc.Issuer      // else: who says what they are
	waiting atomic.Int64
}

// newIssuer makes one of a description that has no mistakes.
func newIssuer(c *config.Issuer, r config.Reading, seed [sha256.Size]byte, o *Options) (*issuer, error) {
	i := &issuer{config: *c, reading: r, seed: seed}
	if c.JWKS != "" {
		var err error
		i.own, err = oidc.NewKeySet([]byte(c.JWKS))
		return i, err
	}
	client := oidc.NewClient(r.Address, r.Roots, fetchTimeout)
	client.RefuseRedirects()
	i.remote = oidc.New(oidc.Options{
		Issuer: c.Issuer, Client: client, Now: o.Now, Timeout: fetchTimeout, JWKSURL: c.JWKSURL, KeysAtIssuer: true,
		Tracer: o.Tracer,
	})
	return i, nil
}

func (i *issuer) close() {
	if i.remote != nil {
		i.remote.Client.Close()
	}
}

// keys returns the keys, and waits a moment if there are none yet.
func (i *issuer) keys(get func(*oidc.Issuer, context.Context) (*oidc.KeySet, error)) (*oidc.KeySet, error) {
	if i.own != nil {
		return i.own, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if i.waiting.Add(1) > maxWaiting {
		cancel()
	}
	defer i.waiting.Add(-1)
	return get(i.remote, ctx)
}

// current returns the keys that there are; nil: none yet. It waits for nothing.
func (i *issuer) current() *oidc.KeySet {
	if i.own != nil {
		return i.own
	}
	keys, _ := i.remote.Keys(atOnce)
	return keys
}

// atOnce waits for nothing. What is due is fetched all the same.
var atOnce = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// verify is the full check of a token.
func (i *issuer) verify(token string, d *draft, now time.Time) (*policy.Bearer, *oidc.KeySet, stay, fault) {
	if f := d.checkHeader(i.reading.Algorithms); f != good {
		return nil, nil, stay{}, f
	}
	keys, err := i.keys((*oidc.Issuer).Keys)
	if err != nil || keys == nil {
		return nil, nil, stay{}, noKeys
	}
	_, err = keys.VerifyBy(token, i.reading.Algorithms)
	if err != nil && i.own == nil && !keys.Has(d.header.kid) { // it may be a new one
		newer, failed := i.keys((*oidc.Issuer).Renew)
		if newer == nil || failed != nil {
			return nil, nil, stay{}, noKeys
		}
		keys = newer
		_, err = keys.VerifyBy(token, i.reading.Algorithms)
	}
	if err != nil {
		return nil, nil, stay{}, badSignature
	}
	b, s, f := d.checkClaims(&i.config, i.reading.Leeway)
	if f == good {
		f = s.check(now)
	}
	if f != good {
		return nil, nil, stay{}, f
	}
	return b, keys, s, good
}

// id is what a token is remembered by: its hash, with that of the description of the
// issuer and of the keys. So no issuer is answered what was verified for another, and
// what a key signed is forgotten along with the key.
func (i *issuer) id(token *[sha256.Size]byte, keys *oidc.KeySet) [sha256.Size]byte {
	var text [3 * sha256.Size]byte
	copy(text[:], i.seed[:])
	copy(text[sha256.Size:], keys.Digest[:])
	copy(text[2*sha256.Size:], token[:])
	return sha256.Sum256(text[:])
}
