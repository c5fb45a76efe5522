// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Countries tells in which country addresses are.
type Countries interface {
	// Country returns the code of an address's country (ISO 3166-1 alpha-2, upper
	// case); empty: it is not known. It allocates nothing.
	Country(netip.Addr) string
}

// country returns where the visitor is; empty: that is not known.
func (v *visitor) country() string {
	if v.request == nil || v.request.Countries == nil || !v.address.IsValid() {
		return ""
	}
	return v.request.Countries.Country(v.request.address())
}

// countryCodes are the codes of ISO 3166-1 alpha-2 that are assigned, the second
// letters by the first one, and XK, by which databases know Kosovo. XX and T1, as
// Cloudflare has them, are none: no database says what they mean.
var countryCodes = [26]string{
	"DEFGILMOQRSTUWXZ", "ABDEFGHIJLMNOQRSTVWYZ", "ACDFGHIKLMNORUVWXYZ", "EJKMOZ", "CEGHRST", "IJKMOR", "ABDEFGHILMNPQRSTUWY",
	"KMNRTU", "DELMNOQRST", "EMOP", "EGHIMNPRWYZ", "ABCIKRSTUVY", "ACDEFGHKLMNOPQRSTUVWXYZ", "ACEFGILOPRUZ", "M", "AEFGHKLMNRSTWY",
	"A", "EOSUW", "ABCDEGHIJKLMNORSTVXYZ", "CDFGHJKLMNORTVWZ", "AGMSYZ", "ACEGINU", "FS", "K", "ET", "AMW",
}

// isCountry reports whether this is the code of a country.
func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && strings.IndexByte(countryCodes[s[0]-'A'], s[1]) >= 0
}

func (s *Selector) checkCountries() problem {
	if len(s.Countries) == 0 {
		return problem{codeNoCountry, "country: name at least one country, such as NL"}
	}
	for i, c := range s.Countries {
		if !isCountry(c) {
			return problem{codeCountry, fmt.Sprintf("country[%d]: %q is not a country: %s", i, c, insteadOf(c))}
		}
	}
	return problem{}
}

// insteadOf says what to write instead of what is no code of a country.
func insteadOf(c string) string {
	switch upper := strings.ToUpper(c); {
	case upper == "UK":
		return "the United Kingdom is GB"
	case upper == "EU":
		return "list the countries of the European Union"
	case upper == "XX" || upper == "T1":
		return "an address of which no country is known matches no rule that admits, and every rule that blocks countries; leave it out"
	case isCountry(upper):
		return "write " + upper
	default:
		return "write two upper-case letters of ISO 3166-1, such as NL"
	}
}

// looksAt reports whether a rule looks at a property.
func (r *rule) looksAt(p Property) bool {
	for _, list := range [...][]Selector{r.include, r.require, r.exclude} {
		for i := range list {
			if list[i].Property == p {
				return true
			}
		}
	}
	return false
}

// looksAt returns the first rule that looks at a property, or nil.
func (a *app) looksAt(p Property) *rule {
	for _, rules := range [...][]rule{a.relaxing, a.identity} {
		for i := range rules {
			if rules[i].looksAt(p) {
				return &rules[i]
			}
		}
	}
	return nil
}

// looksAt reports whether rules of a policy look at a property, or groups that they name.
func (t *Table) looksAt(a *app, p Property) bool {
	return a.looksAt(p) != nil || slices.ContainsFunc(a.groups, func(name string) bool { return t.groups.find(name).looks.has(p) })
}

// withoutCountries says that nothing tells where clients are, if a rule asks.
func (a *app) withoutCountries() []Issue {
	ru := a.looksAt(Country)
	if ru == nil {
		return nil
	}
	return []Issue{a.issue(ru.field, codeNoCountries, "country: %s", noCountries)}
}

const noCountries = "no GeoIP database is configured, so no country is known: it matches nobody in a rule that admits, " +
	"and everybody in a rule that blocks; set --geoip-database"

// country says where the visitor is, if a rule asks.
func (tr *Trace) country(t *Table, a *app, v *visitor) {
	if tr == nil || !t.looksAt(a, Country) {
		return
	}
	switch code := v.country(); {
	case code != "":
		tr.add("country", Source{}, "known", "%s is in %s", v.request.address(), code)
	case !v.address.IsValid():
		tr.add("country", Source{}, "not known", "the client's address is not known, which counts against it")
	case v.request.Countries == nil:
		tr.add("country", Source{}, "not known", "there is no GeoIP database, which counts against the client")
	default:
		tr.add("country", Source{}, "not known", "the GeoIP database has no country for %s, which counts against the client", v.request.address())
	}
}
