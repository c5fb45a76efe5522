// SPDX-License-Identifier: Apache-2.0

package bearer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Bounds of a token.
const (
	maxToken = 16 << 10 // bytes; those with many groups have some ten thousand
	maxDepth = 16       // of what its payload nests
	maxKeyID = 512
	maxName  = 512 // of a subject
)

var errNoToken = errors.New("not a signed token")

// A draft is a token of which nothing has been verified.
type draft struct {
	header header
	claims map[string]any
}

// A header is what a token says of how it is signed (RFC 7515 §4.1). What it says of where
// keys are (jku, x5u, jwk, x5c) is not read.
type header struct {
	alg, kid, typ string
}

// read takes a token apart. Nobody may read it in two ways: so no member of an object
// stands there twice, nothing follows, and all of it is UTF-8.
func read(token string) (*draft, error) {
	first, rest, ok := strings.Cut(token, ".")
	middle, signature, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || len(token) > maxToken || strings.ContainsAny(signature, ".\r\n") || signature == "" {
		return nil, errNoToken
	}
	head, err := object(first)
	if err != nil {
		return nil, err
	}
	d := &draft{}
	if d.claims, err = object(middle); err != nil {
		return nil, err
	}
	return d, d.header.read(head)
}

// read reads the header.
func (h *header) read(head map[string]any) error {
	for name, to := range map[string]*string{"alg": &h.alg, "kid": &h.kid, "typ": &h.typ} {
		if v, there := head[name]; there {
			text, isText := v.(string)
			if !isText || len(text) > maxKeyID {
				return errNoToken
			}
			*to = text
		}
	}
	// RFC 7515 §4.1.11: what has to be understood, and is not, refuses the token. Nor is
	// there a payload that is not encoded (RFC 7797).
	if _, critical := head["crit"]; critical || head["b64"] != nil || h.alg == "" {
		return errNoToken
	}
	return nil
}

// object decodes an object of JSON out of a part of a token.
func object(part string) (map[string]any, error) {
	if strings.ContainsAny(part, "\r\n") { // encoding/base64 skips them
		return nil, errNoToken
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || !utf8.Valid(text) {
		return nil, errNoToken
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := value(d, 0)
	if err != nil {
		return nil, errNoToken
	}
	o, ok := v.(map[string]any)
	if _, err := d.Token(); !ok || !errors.Is(err, io.EOF) {
		return nil, errNoToken
	}
	return o, nil
}

// value reads the next value.
func value(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	bracket, nested := t.(json.Delim)
	switch {
	case !nested:
		return t, nil
	case depth >= maxDepth:
		return nil, errNoToken
	case bracket == '[':
		list := []any{}
		for d.More() {
			v, err := value(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	object := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, ok := name.(string)
		if _, twice := object[key]; twice || !ok {
			return nil, errNoToken
		}
		if object[key], err = value(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err = d.Token()
	return object, err
}

// issuer returns whom the token says to be of.
func (d *draft) issuer() string {
	iss, _ := d.claims["iss"].(string)
	return iss
}

// A fault is why a token does not count: in a word for the log and the counter.
type fault struct {
	why    string
	reason policy.Reason
}

var (
	good         = fault{}
	badAlgorithm = fault{"algorithm", policy.TokenInvalid}
	badType      = fault{"type", policy.TokenInvalid}
	badSignature = fault{"signature", policy.TokenInvalid}
	badIssuer    = fault{"issuer", policy.TokenInvalid}
	badAudience  = fault{"audience", policy.TokenInvalid}
	badClaims    = fault{"claims", policy.TokenInvalid}
	bound        = fault{"bound", policy.TokenInvalid} // to a key that did not come along
	early        = fault{"not-yet-valid", policy.TokenInvalid}
	expired      = fault{"expired", policy.TokenExpired}
	noKeys       = fault{"no-keys", policy.TokenUnverified}
)

// checkHeader says what is wrong with how the token is signed. Only kinds of tokens that
// are for getting access, or of no kind: not a logout token, nor one that is a proof.
func (d *draft) checkHeader(algorithms []jose.SignatureAlgorithm) fault {
	if !slices.Contains(algorithms, jose.SignatureAlgorithm(d.header.alg)) {
		return badAlgorithm
	}
	switch strings.TrimPrefix(strings.ToLower(d.header.typ), "application/") { // RFC 7515 §4.1.9
	case "", "jwt", "at+jwt":
		return good
	}
	return badType
}

// A stay is from and until when a token is good, in seconds since 1970.
type stay struct{ from, until int64 }

func (s stay) check(now time.Time) fault {
	switch at := now.Unix(); {
	case at >= s.until:
		return expired
	case at < s.from:
		return early
	}
	return good
}

// checkClaims makes a Bearer of claims whose signature has been verified.
func (d *draft) checkClaims(i *config.Issuer, leeway time.Duration) (*policy.Bearer, stay, fault) {
	c := d.claims
	if d.issuer() != i.Issuer {
		return nil, stay{}, badIssuer
	}
	audience, ok := texts(c["aud"])
	if !ok || !slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(i.Audiences, a) }) {
		return nil, stay{}, badAudience
	}
	if _, confirmed := c["cnf"]; confirmed { // RFC 7800: it takes more than to hold it
		return nil, stay{}, bound
	}
	subject, ok := c["sub"].(string)
	if !ok && c["sub"] != nil || len(subject) > maxName || strings.ContainsFunc(subject, unprintable) {
		return nil, stay{}, badClaims
	}
	s, exp, ok := d.stay(int64(leeway / time.Second))
	if !ok {
		return nil, stay{}, badClaims
	}
	return policy.NewBearer(policy.Source{Name: i.Name}, i.Issuer, subject, audience, policy.NewClaims(c), time.Unix(exp, 0)), s, good
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// stay reads from and until when the token is good, and what it says of its end.
func (d *draft) stay(slack int64) (s stay, exp int64, ok bool) {
	if exp, ok = numericDate(d.claims["exp"]); !ok {
		return stay{}, 0, false
	}
	s = stay{from: math.MinInt64, until: exp + slack}
	for _, name := range []string{"nbf", "iat"} {
		if d.claims[name] == nil {
			continue
		}
		at, ok := numericDate(d.claims[name])
		if !ok {
			return stay{}, 0, false
		}
		s.from = max(s.from, at-slack)
	}
	return s, exp, true
}

// numericDate reads a time (RFC 7519 §2), up to the year 9999: fractions of a second are
// dropped.
func numericDate(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	seconds, err := n.Float64()
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > 253402300799 {
		return 0, false
	}
	return int64(seconds), true
}

// texts reads a string, or a list of them (RFC 7519 §4.1.3).
func texts(v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return []string{s}, true
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, len(list))
	for i, e := range list {
		if out[i], ok = e.(string); !ok {
			return nil, false
		}
	}
	return out, true
}
