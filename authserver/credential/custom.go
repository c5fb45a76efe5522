// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// setCustom enters claims of the identity provider.
func (c *wireClaims) setCustom(claims []policy.IdentityClaim) {
	for _, one := range claims {
		switch {
		case one.Unknown:
			c.CustomUnsaid = append(c.CustomUnsaid, one.Name)
			continue
		case c.Custom == nil:
			c.Custom = make(map[string][]string, len(claims))
		}
		if c.Custom[one.Name] = one.Values; one.Values == nil {
			c.Custom[one.Name] = []string{} // it was looked for
		}
		if one.Asked != "" {
			if c.CustomAsked == nil {
				c.CustomAsked = map[string]string{}
			}
			c.CustomAsked[one.Name] = one.Asked
		}
	}
}

// custom returns the claims of the identity provider, sorted by name.
func (c *wireClaims) custom() (out []policy.IdentityClaim) {
	for _, name := range slices.Sorted(maps.Keys(c.Custom)) {
		out = append(out, policy.IdentityClaim{Name: name, Values: c.Custom[name], Asked: c.CustomAsked[name]})
	}
	for _, name := range c.CustomUnsaid {
		out = append(out, policy.IdentityClaim{Name: name, Unknown: true})
	}
	slices.SortFunc(out, func(x, y policy.IdentityClaim) int { return strings.Compare(x.Name, y.Name) })
	return out
}

// validateCustom refuses what applications could misread, and a claim that is said to be
// known and unknown.
func (c *wireClaims) validateCustom() error {
	for name, values := range c.Custom {
		if err := printable("name of a claim", name); err != nil {
			return err
		}
		for _, v := range values {
			if err := printable("claim "+name, v); err != nil {
				return err
			}
		}
	}
	for i, name := range c.CustomUnsaid {
		if err := printable("name of a claim", name); err != nil {
			return err
		}
		if _, known := c.Custom[name]; known || slices.Contains(c.CustomUnsaid[:i], name) {
			return errors.New("a claim stands there twice")
		}
	}
	for name, asked := range c.CustomAsked {
		if _, known := c.Custom[name]; !known || asked == "" {
			return errors.New("of a claim that is not there, nothing was asked")
		}
	}
	return nil
}
