// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// A token's type tells what it is for: one is never taken for the other.
const (
	typeApp = "app" // a session at an application
	// typeAgent is one at an application of an OAuth client that acts for somebody.
	typeAgent = "agent"
	typeTeam  = "org" // one at the team host, which those at applications are made from
)

// MaxAudience is how many audiences a token has at most.
const MaxAudience = 32

// lastSecond is the end of the year 9999: a later time does not survive being
// written down, or added to.
const lastSecond = 253402300799

// wireClaims are the claims of a token as they travel (RFC 7519 §4). Times are
// whole seconds since 1970, so that a float, a string or 1e99 is refused.
type wireClaims struct {
	Issuer          string   `json:"iss"`
	User            string   `json:"sub"`               // what applications are told: one name for provider and ID
	ID              string   `json:"idp_sub,omitempty"` // what the provider says; empty: User
	Audience        audience `json:"aud"`
	Email           string   `json:"email,omitempty"`
	Groups          []string `json:"groups,omitempty"`
	AMR             []string `json:"amr,omitempty"` // RFC 8176
	Provider        string   `json:"idp,omitempty"`
	SignedInAt      int64    `json:"auth_time,omitempty"` // OpenID Connect Core §2; 0: iat
	AuthorizedParty string   `json:"azp,omitempty"`
	ClientID        string   `json:"client_id,omitempty"` // RFC 9068 §2.2
	Scope           string   `json:"scope,omitempty"`
	GrantedAt       int64    `json:"granted_at,omitempty"`     // when the client was let act
	GrantedMillis   int64    `json:"granted_ms,omitempty"`     // and so many milliseconds
	Nonce           string   `json:"identity_nonce,omitempty"` // makes a token another one than all others
	Country         string   `json:"country,omitempty"`
	Host            string   `json:"host,omitempty"`
	PathScoped      bool     `json:"path_scoped,omitempty"`
	Bind            string   `json:"bind,omitempty"` // the value of BindCookieName
	Asked           string   `json:"asked,omitempty"`
	Evaluations     []string `json:"evaluations,omitempty"`
	// Custom are claims of the identity provider that rules look at, under the name that
	// Cloudflare Access has for them; always lists.
	Custom       map[string][]string `json:"custom,omitempty"`
	CustomUnsaid []string            `json:"custom_unsaid,omitempty"` // policy.IdentityClaim.Unknown
	CustomAsked  map[string]string   `json:"custom_asked,omitempty"`  // policy.IdentityClaim.Asked
	CommonName   string              `json:"common_name,omitempty"`   // of machines, as Cloudflare Access calls it
	IssuedAt     int64               `json:"iat"`
	NotBefore    int64               `json:"nbf"`
	ExpiresAt    int64               `json:"exp"`
	Type         string              `json:"type"`

	wanted string // the type that Validate asks for
}

// UnmarshalJSON refuses names that come twice, or in another case: encoding/json
// would take them, other libraries would not, or take the other one.
func (c *wireClaims) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("claims are no object")
	}
	var names []string
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || slices.Contains(names, name) {
			return errors.New("a claim's name is odd, or comes twice")
		}
		names = append(names, name)
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
	type plain wireClaims
	return json.Unmarshal(data, (*plain)(c))
}

// Validate checks what does not depend on the time or on the verifier. Both
// minting and verifying need it; golang-jwt calls it after its own checks.
func (c *wireClaims) Validate() error {
	if err := c.validateNames(); err != nil {
		return err
	}
	if err := c.validateTimes(); err != nil {
		return err
	}
	switch {
	case c.Type != c.wanted && (c.Type != typeAgent || c.wanted != typeApp):
		return fmt.Errorf("its type is not %q", c.wanted)
	case c.Type == typeTeam && (len(c.Audience) != 1 || c.Audience[0] != c.Issuer || c.AuthorizedParty != ""):
		return errors.New("a token of the team host is for the team host alone")
	}
	return cmp.Or(c.validatePart(), c.validateAgent())
}

// validatePart checks what a token says of a part of a host.
func (c *wireClaims) validatePart() error {
	if c.PathScoped && (c.Type == typeTeam || c.AuthorizedParty != "") || c.Bind != "" && !c.PathScoped {
		return errors.New("only the cookie of an application is for a part of a host")
	}
	return nil
}

// setAgent enters the client that acts for somebody, in a token that is for one.
func (c *wireClaims) setAgent(of *Claims) {
	if c.Type == typeAgent {
		c.ClientID, c.Scope, c.GrantedAt = of.Client, of.Scope, of.GrantedAt.Unix()
		c.GrantedMillis = int64(of.GrantedAt.Nanosecond() / int(time.Millisecond)) // down: never later than it was
	}
}

// validateAgent checks what a token says of a client that acts for somebody: none says so
// but of the type that is for it.
func (c *wireClaims) validateAgent() error {
	if c.Type != typeAgent {
		if c.ClientID != "" || c.Scope != "" || c.granted() != 0 {
			return errors.New("a token of a client is of a type of its own")
		}
		return nil
	}
	switch {
	case c.ClientID == "" || c.GrantedAt <= 0 || c.granted() < 0:
		return errors.New("a token of a client names it, and since when it may act")
	case c.Host == "" || len(c.Audience) != 1:
		return errors.New("a token of a client is for one policy on one host")
	case c.AuthorizedParty != "" || c.PathScoped:
		return errors.New("a token of a client is no cookie, and not for pages")
	}
	return nil
}

// granted is when a client was let act, in milliseconds since 1970; 0: it says nothing of that,
// and below: nothing that makes sense.
func (c *wireClaims) granted() int64 {
	if c.GrantedAt < 0 || c.GrantedAt > lastSecond || c.GrantedMillis < 0 || c.GrantedMillis > 999 {
		return -1
	}
	return c.GrantedAt*1000 + c.GrantedMillis
}

func (c *wireClaims) validateTimes() error {
	const leeway = int64(Leeway / time.Second) // another replica may have been signed in at
	switch {
	case c.IssuedAt <= 0 || c.NotBefore < 0 || c.ExpiresAt <= c.IssuedAt || c.ExpiresAt > lastSecond:
		return errors.New("its times are missing, or make no sense")
	case c.SignedInAt < 0 || c.SignedInAt > c.IssuedAt+leeway:
		return errors.New("its subject signed in at no time, or after it was issued")
	}
	return nil
}

func (c *wireClaims) validateNames() error {
	for _, f := range []struct {
		name, value string
		optional    bool
	}{
		{"issuer (iss)", c.Issuer, false}, {"subject (sub)", c.User, false}, {"provider's subject (idp_sub)", c.ID, true},
		{"email", c.Email, true}, {"identity provider (idp)", c.Provider, true},
		{"authorized party (azp)", c.AuthorizedParty, true}, {"client (client_id)", c.ClientID, true}, {"scope", c.Scope, true},
		{"nonce", c.Nonce, true}, {"country", c.Country, true}, {"host", c.Host, true},
		{"bind", c.Bind, true}, {"asked", c.Asked, true}, {"common name", c.CommonName, true},
	} {
		if f.optional && f.value == "" {
			continue
		}
		if err := printable(f.name, f.value); err != nil {
			return err
		}
	}
	for _, list := range []struct {
		name   string
		values []string
	}{{"audience (aud)", c.Audience}, {"group", c.Groups}, {"authentication method (amr)", c.AMR}, {"external evaluation", c.Evaluations}} {
		for _, value := range list.values {
			if err := printable(list.name, value); err != nil {
				return err
			}
		}
	}
	if err := c.validateCustom(); err != nil {
		return err
	}
	return c.Audience.validate()
}

// printable refuses nothing at all, and what would not arrive as it is in the value of an HTTP field
// (RFC 9110 §5.5): line ends would start another field, blanks at the ends fall
// off and make one name out of two, and invisible characters do so to the eye.
func printable(name, value string) error {
	if value == "" {
		return fmt.Errorf("the %s is empty", name)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("the %s is not UTF-8", name)
	}
	if i := strings.IndexFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		return fmt.Errorf("the %s holds a character that cannot be printed, at byte %d", name, i)
	}
	if strings.HasPrefix(value, " ") || strings.HasSuffix(value, " ") {
		return fmt.Errorf("the %s starts or ends with a blank", name)
	}
	return nil
}

// What golang-jwt asks for (jwt.Claims).

// GetExpirationTime returns exp; nil if there is none.
func (c *wireClaims) GetExpirationTime() (*jwt.NumericDate, error) { return date(c.ExpiresAt), nil }

// GetIssuedAt returns iat; nil if there is none.
func (c *wireClaims) GetIssuedAt() (*jwt.NumericDate, error) { return date(c.IssuedAt), nil }

// GetNotBefore returns nbf; nil if there is none.
func (c *wireClaims) GetNotBefore() (*jwt.NumericDate, error) { return date(c.NotBefore), nil }

// GetIssuer returns iss.
func (c *wireClaims) GetIssuer() (string, error) { return c.Issuer, nil }

// GetSubject returns sub.
func (c *wireClaims) GetSubject() (string, error) { return c.User, nil }

// GetAudience returns aud.
func (c *wireClaims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings(c.Audience), nil
}

func date(seconds int64) *jwt.NumericDate {
	if seconds == 0 {
		return nil
	}
	return &jwt.NumericDate{Time: time.Unix(seconds, 0)}
}

// An audience is whom a token is for: the policies of one host, as all
// applications of a host are sent the same cookie anyway, and in a browser act
// for each other. A token that two hosts take would let either act on the other.
type audience []string

func (a audience) validate() error {
	if len(a) == 0 || len(a) > MaxAudience {
		return fmt.Errorf("it is for %d audiences: it must be 1 to %d", len(a), MaxAudience)
	}
	for i, one := range a {
		if slices.Contains(a[:i], one) {
			return errors.New("it is for the same audience twice")
		}
	}
	return nil
}

// UnmarshalJSON reads an array, or a string for an array of one (RFC 7519 §4.1.3).
func (a *audience) UnmarshalJSON(data []byte) error {
	var many []*string // a pointer tells null from ""
	if len(data) > 0 && data[0] == '"' {
		data = slices.Concat([]byte{'['}, data, []byte{']'})
	}
	if err := json.Unmarshal(data, &many); err != nil {
		return err
	}
	*a = make(audience, 0, len(many))
	for _, one := range many {
		if one == nil {
			return errors.New("an audience is null")
		}
		*a = append(*a, *one)
	}
	return nil
}
