// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
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

// tokenType tells a session at an application from all else that a key of the
// ring may ever sign.
const tokenType = "app"

// lastSecond is the end of the year 9999: a later time does not survive being
// written down, or added to.
const lastSecond = 253402300799

// wireClaims are the claims of a token as they travel (RFC 7519 §4). Times are
// whole seconds since 1970, so that a float, a string or 1e99 is refused.
type wireClaims struct {
	Issuer    string   `json:"iss"`
	ID        string   `json:"sub"`
	Audience  audience `json:"aud"`
	Email     string   `json:"email,omitempty"`
	Groups    []string `json:"groups,omitempty"`
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	ExpiresAt int64    `json:"exp"`
	Type      string   `json:"type"`
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
	for _, f := range []struct{ name, value string }{
		{"issuer (iss)", c.Issuer}, {"subject (sub)", c.ID}, {"audience (aud)", string(c.Audience)},
	} {
		if err := printable(f.name, f.value); err != nil {
			return err
		}
	}
	if c.Email != "" {
		if err := printable("email", c.Email); err != nil {
			return err
		}
	}
	for _, g := range c.Groups {
		if err := printable("group", g); err != nil {
			return err
		}
	}
	switch {
	case c.Type != tokenType:
		return fmt.Errorf("its type is not %q", tokenType)
	case c.IssuedAt <= 0 || c.NotBefore < 0 || c.ExpiresAt <= c.IssuedAt || c.ExpiresAt > lastSecond:
		return errors.New("its times are missing, or make no sense")
	}
	return nil
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
func (c *wireClaims) GetSubject() (string, error) { return c.ID, nil }

// GetAudience returns aud, which is one.
func (c *wireClaims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings{string(c.Audience)}, nil
}

func date(seconds int64) *jwt.NumericDate {
	if seconds == 0 {
		return nil
	}
	return &jwt.NumericDate{Time: time.Unix(seconds, 0)}
}

// An audience is exactly one: a token for two applications would let either act
// on the other. RFC 7519 §4.1.3 lets one stand in an array, or alone.
type audience string

// MarshalJSON writes an array of one, as Cloudflare Access does.
func (a audience) MarshalJSON() ([]byte, error) { return json.Marshal([]string{string(a)}) }

// UnmarshalJSON reads a string, or an array of one.
func (a *audience) UnmarshalJSON(data []byte) error {
	var many []*string // a pointer tells null from ""
	if len(data) > 0 && data[0] == '"' {
		data = slices.Concat([]byte{'['}, data, []byte{']'})
	}
	if err := json.Unmarshal(data, &many); err != nil {
		return err
	}
	if len(many) != 1 || many[0] == nil {
		return errors.New("there must be one audience")
	}
	*a = audience(*many[0])
	return nil
}
