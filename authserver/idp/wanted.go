// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ostiary/ostiary/authserver/policy"
)

// missing returns which of the claims that rules look at an ID token does not say.
func missing(id claims, wanted []string) (out []string) {
	for _, name := range wanted {
		if _, ok := lookup(id, name); !ok {
			out = append(out, name)
		}
	}
	return out
}

// said returns the claims that rules look at, each once, and warns of what no rule can
// match. unasked: the userinfo endpoint does not answer, so that nothing is said of a claim
// that it might have.
func (m *mapping) said(sources []claims, wanted []string, unasked bool) (out []policy.IdentityClaim, warnings []string) {
	for _, name := range wanted {
		v := m.at(sources, name)
		if v == nil && unasked {
			continue
		}
		one, warning := claimOf(name, v)
		if v == nil && overage(sources[0], name) {
			one, warning = policy.IdentityClaim{Name: name, Unknown: true}, "it is too large for the ID token (_claim_names)"
		}
		if warning != "" {
			warnings = append(warnings, name+": "+warning)
		}
		out = append(out, one)
	}
	return out, warnings
}

// at returns what stands at a claim. An address is there only if it counts: else anybody
// could be anybody.
func (m *mapping) at(sources []claims, name string) any {
	if name == m.email || name == "email" {
		if email := (&mapping{email: name, trustEmail: m.trustEmail}).verifiedEmail(sources); email != "" {
			return email
		}
		return nil
	}
	return first(sources, name)
}

// claimOf reads a string, a number or a boolean, or a list of them, as text.
func claimOf(name string, v any) (out policy.IdentityClaim, warning string) {
	out.Name = name
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		text, ok := textOf(e)
		switch {
		case e == nil:
		case !ok:
			warning = "it is, or holds, an object or a list of lists, which no rule matches: name what is in it, as in " + name + ".NAME"
		case !policy.IsClaimValue(text):
			warning = "a value is empty, longer than 512 characters, or not printable, so that no rule matches it"
		case len(out.Values) == policy.MaxClaimValues:
			return policy.IdentityClaim{Name: name, Unknown: true}, fmt.Sprintf("it has more than %d values", policy.MaxClaimValues)
		default:
			out.Values = append(out.Values, text)
		}
	}
	return out, warning
}

// textOf returns a string, or the JSON text of a number or a boolean.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	default:
		return "", false
	}
}
