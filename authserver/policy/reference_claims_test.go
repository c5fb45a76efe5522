// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// refClaims: the provider is the one that is asked for, if one is, and the value is among
// those of the claim; of a claim that cannot be told, what an unknown address is.
func refClaims(c *ClaimValue, s *Subject, ifUnknown bool) bool {
	if c.Provider != "" && s.Provider != c.Provider {
		return false
	}
	values, listed, all := []string{}, false, false
	for _, one := range s.Claims {
		if one.Name == c.Name {
			listed = true
			values = append(values, one.Values...)
			if one.Unknown {
				return ifUnknown
			}
		}
		all = all || one.Name == "*"
	}
	if !listed && all {
		return ifUnknown
	}
	return slices.Contains(values, c.Value)
}
