// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// An admission refuses in a file what the API server refuses by the schema, and
// package policy could live with: a manifest that passes a check is to pass
// kubectl apply as well. TestSameAsTheAPIServer holds the two together.
type admission struct {
	found []finding
}

type finding struct {
	field, message string
	always         bool // whatever else is said about the field
}

// A shape is what a text must match, or must not.
type shape struct {
	re      *regexp.Regexp
	matches bool
	message string
}

var (
	hostShapes = []shape{
		{regexp.MustCompile(`(^|[.])0x[0-9a-f]*$`), false, "an address is not a host name: no name ends in a number"},
	}
	pathShapes = []shape{
		{regexp.MustCompile(`[<>^{|}\x22\x60]|[$][(]`), false, `a path holds no quotes, backticks, braces, angle brackets, "^", "|" or "$("`},
		{regexp.MustCompile(`[\pC\pZ]`), false, "a path holds no space and no control or invisible character"},
	}
	nameShapes = []shape{
		{regexp.MustCompile(`^[\pL\pM\pN ._:/()+,&@#=-]*$`), true, "a rule name holds letters, digits, spaces and - _ . , : / + & @ # = ( ) only"},
	}
	tokenShapes = []shape{
		{regexp.MustCompile(`^[A-Za-z0-9!%&+.^_~-]+$`), true, "letters, digits and hyphens only: no spaces, quotes, commas or wildcards"},
	}
	emailShapes = []shape{
		{regexp.MustCompile(`[*]`), false, "an email address has no wildcard: use emailDomain for everyone of a domain"},
		{regexp.MustCompile(`[\pC\pZ\x22\x60(),:;<>\[\]\\{}$]`), false, "write the plain address, user@example.com"},
	}
	domainShapes = []shape{
		{regexp.MustCompile(`^[A-Za-z0-9.-]*$`), true, "a domain holds letters, digits, hyphens and dots only"},
		{regexp.MustCompile(`(^|[.])-|-([.]|$)`), false, "no label of a domain begins or ends with a hyphen"},
	}
	durationShapes = []shape{
		{regexp.MustCompile(`^(([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms|us|ns))+)?$`), true, "a duration is a number and its unit, such as 24h, 90m or 1h30m"},
	}
	numericOrigin = regexp.MustCompile(`^(?i:https?)://((?:[^/?#@:\[\]]*[.])?(?:[0-9]+|0[Xx][0-9A-Fa-f]*))(?::[0-9]*)?$`)
)

// admit adds what the API server would refuse to the defects, but for fields
// about which something better is said anyway.
func (o *object) admit() {
	var a admission
	a.spec(&o.api.Spec)
	p := translate.Policy(o.api)
	known := append(slices.Clone(p.Defects), policy.Validate(&p)...)
	for _, f := range a.found {
		if f.always || !slices.ContainsFunc(known, func(i policy.Issue) bool {
			return !i.Warning() && (strings.HasPrefix(i.Source.Field, f.field) || strings.HasPrefix(f.field, i.Source.Field+"."))
		}) {
			o.defect(f.field, "%s", f.message)
		}
	}
}

// maxFound is how many mistakes of one object an admission reports.
const maxFound = 100

func (a *admission) add(field, format string, args ...any) {
	if len(a.found) >= maxFound {
		return
	}
	a.found = append(a.found, finding{field: field, message: fmt.Sprintf(format, args...)})
}

func (a *admission) text(field, value string, longest int, shapes []shape) {
	if utf8.RuneCountInString(value) > longest {
		a.add(field, "%.20q…: longer than %d characters", value, longest)
	}
	for _, s := range shapes {
		if s.re.MatchString(value) != s.matches {
			a.add(field, "%q: %s", value, s.message)
			return
		}
	}
}

// list checks how long a list is, and each of its entries.
func list[S ~string](a *admission, field string, values []S, most, longest int, shapes []shape) {
	a.most(field, len(values), most)
	seen := make(map[S]bool, len(values))
	for i, v := range values {
		at := fmt.Sprintf("%s[%d]", field, i)
		if seen[v] {
			a.add(at, "%q: listed twice", v)
		}
		seen[v] = true
		a.text(at, string(v), longest, shapes)
	}
}

func (a *admission) most(field string, n, most int) {
	if n > most {
		a.found = append(a.found, finding{field, fmt.Sprintf("%d entries, and at most %d are allowed: split the policy", n, most), true})
	}
}

func (a *admission) spec(s *v1alpha1.AccessPolicySpec) {
	list(a, "spec.hosts", s.Hosts, 64, 253, hostShapes)
	for i, h := range s.Hosts {
		if below, ok := strings.CutPrefix(string(h), "*."); ok && below != "localhost" && !strings.Contains(below, ".") {
			a.add(fmt.Sprintf("spec.hosts[%d]", i), "%q: \"*.\" must be followed by at least two labels, as in *.example.com", h)
		}
	}
	a.most("spec.paths", len(s.Paths), 64)
	for i := range s.Paths {
		a.text(fmt.Sprintf("spec.paths[%d].path", i), s.Paths[i].Path, 1024, pathShapes)
	}
	a.most("spec.identityProviders", len(s.IdentityProviders), 32)
	a.most("spec.rules", len(s.Rules), 32)
	for i := range s.Rules {
		a.rule(fmt.Sprintf("spec.rules[%d]", i), &s.Rules[i])
	}
	if s.Session != nil {
		a.text("spec.session.duration", string(s.Session.Duration), 16, durationShapes)
	}
	if s.CORS != nil {
		a.cors(s.CORS)
	}
}

func (a *admission) rule(field string, r *v1alpha1.Rule) {
	a.text(field+".name", r.Name, 63, nameShapes)
	a.methods(field+".methods", r.Methods)
	a.text(field+".sessionDuration", string(r.SessionDuration), 16, durationShapes)
	a.selectors(field+".include", r.Include, 128)
	a.selectors(field+".require", r.Require, 32)
	a.selectors(field+".exclude", r.Exclude, 64)
}

func (a *admission) selectors(field string, in []v1alpha1.Selector, most int) {
	a.most(field, len(in), most)
	for i, s := range in {
		at := fmt.Sprintf("%s[%d]", field, i)
		a.text(at+".email", s.Email, 254, emailShapes)
		a.text(at+".emailDomain", s.EmailDomain, 253, domainShapes)
		list(a, at+".ip", s.IP, 32, 43, nil)
	}
}

// methods: those of the Fetch standard that browsers raise to upper case, and
// PATCH, which they do not, are likely meant in upper case.
func (a *admission) methods(field string, in []v1alpha1.Method) {
	list(a, field, in, 64, 64, tokenShapes)
	for i, m := range in {
		upper := strings.ToUpper(string(m))
		if string(m) != upper && slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}, upper) {
			a.add(fmt.Sprintf("%s[%d]", field, i), "%q: methods are case-sensitive; write %s", m, upper)
		}
	}
}

func (a *admission) cors(c *v1alpha1.CORS) {
	const at = "spec.cors"
	if c.Preflight == v1alpha1.PreflightBypass && c.Responses != "" {
		a.add(at+".responses", "preflight: Bypass leaves all of CORS to the application, so no other field may be set")
	}
	list(a, at+".allowedOrigins", c.AllowedOrigins, 1000, 280, nil)
	for i, o := range c.AllowedOrigins {
		if m := numericOrigin.FindStringSubmatch(string(o)); m != nil {
			if addr, err := netip.ParseAddr(m[1]); err != nil || !addr.Is4() {
				a.add(fmt.Sprintf("%s.allowedOrigins[%d]", at, i), "%q: a host that ends in a number is taken for an IPv4 address, and this is none", o)
			}
		}
	}
	a.methods(at+".allowedMethods", c.AllowedMethods)
	list(a, at+".allowedHeaders", c.AllowedHeaders, 128, 128, tokenShapes)
	list(a, at+".exposedHeaders", c.ExposedHeaders, 64, 128, tokenShapes)
}
