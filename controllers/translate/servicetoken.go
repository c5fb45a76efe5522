// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"encoding/hex"
	"time"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// What ServiceTokens do that do not say otherwise.
const (
	DefaultTokenDuration = 8760 * time.Hour
	DefaultGracePeriod   = 24 * time.Hour
)

// ServiceToken translates one ServiceToken: what its spec says, of the secrets that its
// status knows. One that has a mistake, or no secret yet, is good for nothing.
func ServiceToken(o *v1alpha1.ServiceToken) (policy.ServiceToken, []policy.Issue) {
	t := translator{source: policy.Source{Namespace: o.Namespace, Name: o.Name}}
	out := policy.ServiceToken{Source: t.source, ClientID: o.Status.ClientID, Disabled: o.Spec.Disabled || o.DeletionTimestamp != nil}
	for _, ns := range o.Spec.PolicyNamespaces {
		out.PolicyNamespaces = append(out.PolicyNamespaces, string(ns))
	}
	duration := t.tokenDuration("spec.duration", string(o.Spec.Duration), DefaultTokenDuration)
	t.tokenDuration("spec.gracePeriod", string(o.Spec.GracePeriod), DefaultGracePeriod)
	t.tokenDuration("spec.unusedFor", string(o.Spec.UnusedFor), 0)
	if o.Status.IssuedAt != nil {
		out.ExpiresAt = o.Status.IssuedAt.Add(duration)
	}
	if s, ok := t.secretSum("status.secretSHA256", o.Status.SecretSHA256); ok {
		out.Secrets = append(out.Secrets, s)
	}
	if p := o.Status.Previous; p != nil {
		if s, ok := t.secretSum("status.previous.secretSHA256", p.SecretSHA256); ok && !p.Until.IsZero() {
			s.Until = p.Until.Time
			out.Secrets = append(out.Secrets, s)
		}
	}
	out.Disabled = out.Disabled || len(t.defects) > 0
	return out, t.defects
}

func (t *translator) tokenDuration(field, text string, otherwise time.Duration) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.wrong(field, "%q: not a length of time such as 8760h or 90m", text)
		return 0
	}
	return d
}

// TokenDuration reads a duration of a ServiceToken; what cannot be read is the default.
func TokenDuration(text string, otherwise time.Duration) time.Duration {
	var t translator
	if d := t.tokenDuration("", text, otherwise); d > 0 {
		return d
	}
	return otherwise
}

func (t *translator) secretSum(field, sum string) (out policy.TokenSecret, ok bool) {
	if sum == "" {
		return out, false
	}
	raw, err := hex.DecodeString(sum)
	if err != nil || len(raw) != len(out.Sum) {
		t.wrong(field, "not a SHA-256 in hexadecimal")
		return out, false
	}
	copy(out.Sum[:], raw)
	return out, true
}
