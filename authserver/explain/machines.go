// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// certificate is what the client proved itself by.
func (q *Question) certificate() policy.PresentedCertificate {
	if len(q.Certificate) == 0 || slices.Equal(q.Certificate, []string{"none"}) {
		return policy.PresentedCertificate{Known: len(q.Certificate) > 0}
	}
	c := &policy.Certificate{NotBefore: q.Now, NotAfter: q.Now.Add(time.Hour)}
	for _, one := range q.Certificate {
		key, name, _ := strings.Cut(one, "=")
		switch key {
		case "uri":
			c.URIs = append(c.URIs, name)
		case "dnsName":
			c.DNSNames = append(c.DNSNames, name)
		default:
			c.CommonName, name = one, one
		}
		if c.Machine.Name == "" {
			c.Machine.Name = "cert:" + name
		}
	}
	return policy.PresentedCertificate{Certificate: c, Known: true}
}

// prove enters the tokens of a machine.
func (q *Question) prove(t *policy.Table, r *policy.Request) error {
	if err := q.hold(r); err != nil {
		return err
	}
	return q.present(t, r)
}

// hold enters the service token that somebody is said to have.
func (q *Question) hold(r *policy.Request) error {
	if q.ServiceToken == "" {
		return nil
	}
	name, sum, exact := strings.Cut(q.ServiceToken, "@")
	namespace, object, ok := strings.Cut(name, "/")
	h := &policy.HeldToken{Source: policy.Source{Namespace: namespace, Name: object}}
	if raw, err := hex.DecodeString(sum); exact && err == nil && len(raw) == sha256.Size {
		h.Sum = (*[sha256.Size]byte)(raw)
	} else if exact {
		ok = false
	}
	if !ok {
		return fmt.Errorf("--service-token %q: write NAMESPACE/NAME, or NAMESPACE/NAME@ and the SHA-256 of its secret", q.ServiceToken)
	}
	r.Token.Held = h
	return nil
}

// present enters the bearer token, as if it had been verified: one that no rule looks at is
// nothing to the policy, and one that is not for it is refused.
func (q *Question) present(t *policy.Table, r *policy.Request) error {
	if q.Token == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(q.Token))
	d.UseNumber()
	var claims map[string]any
	err := d.Decode(&claims)
	if _, end := d.Token(); err != nil || claims == nil || !errors.Is(end, io.EOF) {
		return fmt.Errorf("--claims %q: write what the token says, as in '{\"iss\": \"https://ci.example.com\", \"aud\": \"app\", \"sub\": \"job\"}'", q.Token)
	}
	var audience []string
	switch aud := claims["aud"].(type) {
	case string:
		audience = []string{aud}
	case []any:
		for _, a := range aud {
			if s, ok := a.(string); ok {
				audience = append(audience, s)
			}
		}
	}
	at, fault := t.At(r), q.untimely(claims)
	if b := at.TokenOf(claims, audience, q.Now.Add(time.Hour)); b != nil && fault == policy.NoReason {
		r.PresentToken(b, policy.NoReason)
	} else if at.Issues(claims) {
		r.PresentToken(nil, cmp.Or(fault, policy.TokenInvalid))
	}
	return nil
}

// untimely says why a token is not good now, going by the times that are in its claims. A
// server allows for clocks that differ (spec.leeway of the TokenIssuer).
func (q *Question) untimely(claims map[string]any) policy.Reason {
	at := func(name string) (time.Time, bool) {
		n, _ := claims[name].(json.Number)
		seconds, err := n.Float64()
		return time.Unix(int64(seconds), 0), err == nil
	}
	if end, ok := at("exp"); ok && !q.Now.Before(end) {
		return policy.TokenExpired
	}
	if begin, ok := at("nbf"); ok && q.Now.Before(begin) {
		return policy.TokenInvalid
	}
	return policy.NoReason
}
