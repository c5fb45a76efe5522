// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/ostiary/ostiary/authserver/policy"
)

// codePublicOrigin: policy imports the standard library only, so it does not know the list of public suffixes.
const codePublicOrigin policy.Code = "origin-pattern-public-suffix"

var codes = []policy.CodeDoc{
	{Code: codePublicOrigin, Reason: policy.Unwise,
		Fix: "List the origins one by one; anybody can have a name directly below a public suffix such as github.io."},
}

// Codes lists the codes of what only the translation finds.
func Codes() []policy.CodeDoc { return slices.Clone(codes) }

// origins warns of patterns that hold for names which anybody can register: a "*"
// directly below a public suffix (publicsuffix.org).
func (t *translator) origins(list []string) {
	for i, o := range list {
		if suffix := openTo(o); suffix != "" {
			t.add(fmt.Sprintf("spec.cors.allowedOrigins[%d]", i), policy.Issue{Reason: policy.Unwise, Code: codePublicOrigin,
				Message: strconv.Quote(o) + ": anybody can get a name below " + suffix +
					", and so an origin that matches; list the origins one by one"})
		}
	}
}

// openTo returns the public suffix directly below which the "*" of an origin stands, or "".
func openTo(origin string) string {
	_, rest, _ := strings.Cut(strings.ToLower(origin), "://")
	label, zone, _ := strings.Cut(rest, ".")
	zone, _, _ = strings.Cut(zone, ":")
	if !strings.Contains(label, "*") || !strings.Contains(zone, ".") || policy.CheckOrigin(origin) != "" {
		return ""
	}
	if suffix, _ := publicsuffix.PublicSuffix(zone); suffix != zone {
		return ""
	}
	return zone
}
