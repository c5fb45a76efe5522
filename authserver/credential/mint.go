// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

const (
	// MaxToken is the length, in bytes, of the longest token that is minted. With
	// its attributes it fits the 4096 bytes that browsers grant a cookie
	// (RFC 6265bis §5.6), and as a header the buffers of nginx.
	MaxToken = 3500
	// MaxLifetime is the longest that a token is good for.
	MaxLifetime = policy.MaxSessionDuration
	// Leeway is by how much the clock of the replica that minted a token may be
	// ahead of the one that verifies it. There is none for the end of a token.
	Leeway = 30 * time.Second
)

// ErrTooLarge reports a token longer than MaxToken.
var ErrTooLarge = errors.New("the token is too large for a cookie: " +
	"have the identity provider send fewer or shorter groups, such as those only that this application asks about")

// Claims are what a token says. The zero Claims mint nothing.
type Claims struct {
	Issuer   string   // the URL of the team host
	Audience []string // the policies that the token is for, "namespace/name": 1 to MaxAudience, none twice
	ID       string   // who it is for, as the identity provider names them
	User     string   // as applications are told; empty: ID
	Email    string   // may be empty, as may all that follow but Lifetime
	Groups   []string
	Custom   []policy.IdentityClaim // each name once
	AMR      []string               // how they signed in (RFC 8176)
	Provider string                 // the name of the identity provider
	// AuthorizedParty is the one origin whose scripts may use the token, in the
	// Authorization field only. Empty: whoever has it.
	AuthorizedParty string
	// Client is the id of the OAuth client that acts for them, since GrantedAt, with Scope
	// (RFC 9068 §2.2). With one, the token is good in the Authorization field only, at Host,
	// and for one policy. GrantedAt is kept to the millisecond.
	Client    string
	GrantedAt time.Time
	Scope     string
	Country   string
	// Host is the one host that the token is good at. Empty: all of its audience's.
	Host string
	// PathScoped makes it the token of a cookie for a part of the host (PathCookieName),
	// and Bind of the browser with that BindCookieName.
	PathScoped bool
	Bind       string
	// Asked says which groups were looked for, where Groups are not all that there
	// are (policy.Reads.Asked).
	Asked string
	// Evaluations are what external evaluations said (policy.Subject.Evaluations).
	Evaluations []string
	// SignedInAt is when the subject signed in at the provider: sessions are revoked
	// by it. A token made from another session has that one's. Zero: IssuedAt.
	SignedInAt time.Time
	// IssuedAt is when the session at the application starts: it is bounded by it.
	// Zero: now.
	IssuedAt time.Time
	// Lifetime counts from IssuedAt: whole seconds, above zero, at most MaxLifetime.
	Lifetime time.Duration
	// commonName is the public part of a machine's credential.
	commonName string
}

// Mint signs a token for applications. It refuses claims that could not be sent
// as the value of a header, and a token that would be over already. ErrTooLarge
// is one it wraps.
func (r *Ring) Mint(c Claims, now time.Time) (string, error) {
	k := r.signer(now)
	if k == nil {
		return "", errNoRing
	}
	kind := typeApp
	if c.Client != "" {
		kind = typeAgent
	}
	token, err := k.mint(kind, c, now)
	if err != nil {
		return "", err
	}
	return fitting(token, &c)
}

// mint signs a token of any length.
func (k *key) mint(kind string, c Claims, now time.Time) (string, error) {
	if c.IssuedAt.IsZero() {
		c.IssuedAt = now
	}
	if c.SignedInAt.IsZero() {
		c.SignedInAt = c.IssuedAt
	}
	switch {
	case c.Lifetime < time.Second || c.Lifetime > MaxLifetime:
		return "", fmt.Errorf("credential: a token cannot be good for %s: it is 1s to %s", c.Lifetime, MaxLifetime)
	case c.IssuedAt.After(now.Add(Leeway)):
		return "", errors.New("credential: a token cannot be issued in the future")
	case !c.IssuedAt.Add(c.Lifetime).After(now):
		return "", errors.New("credential: the token would be over already")
	case c.SignedInAt.Unix() <= 0: // 0 would be read as IssuedAt
		return "", errors.New("credential: nobody signed in before 1970")
	}
	issued := c.IssuedAt.Unix() // down: never younger than it is
	w := wireClaims{
		Issuer: c.Issuer, User: cmp.Or(c.User, c.ID), Audience: c.Audience, Email: c.Email, Groups: c.Groups, AMR: c.AMR, Provider: c.Provider,
		SignedInAt: c.SignedInAt.Unix(), AuthorizedParty: c.AuthorizedParty, Nonce: rand.Text(), Country: c.Country, Host: c.Host,
		PathScoped: c.PathScoped, Bind: c.Bind, Asked: c.Asked, Evaluations: c.Evaluations, CommonName: c.commonName,
		IssuedAt: issued, NotBefore: issued, ExpiresAt: issued + int64(c.Lifetime/time.Second), Type: kind, wanted: kind,
	}
	w.setAgent(&c)
	w.setCustom(c.Custom)
	if w.ID = c.ID; w.ID != "" && w.ID == w.User { // who is told what the provider says
		w.ID = ""
	} else if w.ID == "" {
		return "", errors.New("credential: a token names somebody")
	}
	if err := w.Validate(); err != nil {
		return "", fmt.Errorf("credential: no token can be made: %w", err)
	}
	return k.sign(&w)
}

// fitting returns the token unless it is too large.
func fitting(token string, c *Claims) (string, error) {
	if len(token) > MaxToken {
		return "", fmt.Errorf("credential: %w (%d bytes of %d, %d groups)", ErrTooLarge, len(token), MaxToken, len(c.Groups))
	}
	return token, nil
}

// sign writes header, payload and signature (RFC 7515 §7.1). It writes the
// header by hand, as verifying compares it byte for byte, and its MAC needs the
// payload first.
func (k *key) sign(c *wireClaims) (string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("credential: %w", err)
	}
	payload := base64url.EncodeToString(text)
	signed := k.header(payload) + "." + payload
	signature, err := k.alg.method.Sign(signed, k.signer)
	if err != nil {
		return "", fmt.Errorf("credential: signing: %w", err)
	}
	return signed + "." + base64url.EncodeToString(signature), nil
}
