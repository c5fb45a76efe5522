// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

var base64url = base64.RawURLEncoding.Strict()

// What is sealed, and for how long it is good.
const (
	purposeConsent = "oauth consent, v1" // a form: team host → team host
	purposeCode    = "oauth code, v1"    // a parameter: team host → client → token endpoint
	purposeRefresh = "oauth refresh, v1" // client → token endpoint

	consentTime = 10 * time.Minute
	codeTime    = 60 * time.Second
)

// A grant is what a person let a client do, and what is known of them.
type grant struct {
	ID       string `json:"i"` // of all that came of one consent
	Client   string `json:"c"`
	Resource string `json:"r"` // as the client spells it
	Policy   string `json:"p"` // the audience of its tokens
	Scope    string `json:"o,omitempty"`
	At       int64  `json:"t"`           // of the consent
	Millis   int64  `json:"m,omitempty"` // and so many milliseconds
	// Listed: an OAuthClient or the policy named the client. What it was let do ends with that.
	Listed bool `json:"l,omitempty"`

	public.Person
}

// A code is a grant that its client has not fetched yet.
type code struct {
	Grant       grant  `json:"g"`
	RedirectURI string `json:"u"`
	Challenge   string `json:"h"`
	Once        string `json:"n"`
}

// A refreshToken is a grant in the hands of its client. Each one is used once, and the next
// has a higher Turn.
type refreshToken struct {
	Grant grant `json:"g"`
	Turn  int64 `json:"n"`
}

// subject is who let the client act for them.
func (g *grant) subject() *policy.Subject {
	s := g.Person.Subject()
	s.Client, s.GrantedAt, s.Audience = g.Client, g.at(), []string{g.Policy}
	return s
}

func (g *grant) at() time.Time { return time.Unix(g.At, g.Millis*int64(time.Millisecond)).UTC() }

// seal seals what holds a grant: without the claims, if there is no room for them. It tells
// whether they had to go.
func seal(x *public.Exchange, purpose string, g *grant, of any, until time.Time) (text string, cut bool, err error) {
	text, err = x.Ring.Seal(purpose, of, until, x.Now)
	if errors.Is(err, credential.ErrTooLarge) && len(g.Claims) > 0 {
		g.Claims = policy.Unsaid(g.Claims)
		text, err = x.Ring.Seal(purpose, of, until, x.Now)
		return text, true, err
	}
	return text, false, err
}

// proves reports whether a verifier is the one of a challenge (RFC 7636 §4.6).
func proves(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	for _, c := range []byte(verifier) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64url.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// same compares secrets.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
