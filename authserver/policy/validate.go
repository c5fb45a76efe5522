// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Validate reports everything that is wrong with one policy by itself. The API
// server refuses nearly all of it at admission; files, and objects older than
// the rule they break, come here.
func Validate(p *Policy) []Issue {
	v := validator{source: p.Source}
	v.hosts(p.Hosts)
	v.paths(p.Paths)
	for i := range p.Rules {
		v.rule(item("spec.rules", i), &p.Rules[i])
	}
	v.ruleNames(p.Rules)
	if p.CORS != nil {
		v.cors(p.CORS)
	}
	v.signIn(p)
	if p.Unauthenticated > Unauthorized {
		v.wrong("spec.unauthenticated", "one of Auto, Redirect, Unauthorized")
	}
	if v.more > 0 {
		v.issues = append(v.issues, Issue{v.source.at("spec"), Invalid, fmt.Sprintf("and %d more mistakes, which are shown once those above are corrected", v.more)})
	}
	return v.issues
}

// maxIssues is how many mistakes of one policy are reported: a list of 60 000 wrong
// hosts has one mistake, and nobody reads the others.
const maxIssues = 1000

type validator struct {
	source Source
	issues []Issue
	more   int // mistakes beyond maxIssues
}

func (v *validator) wrong(field, format string, args ...any) {
	if len(v.issues) >= maxIssues {
		v.more++
		return
	}
	v.issues = append(v.issues, Issue{v.source.at(field), Invalid, fmt.Sprintf(format, args...)})
}

// A repeats finds what stands in a list twice. It costs nothing for the short lists
// that policies have.
type repeats[T comparable] struct {
	list []T
	seen map[T]bool
}

// fewEntries is up to how many a scan is faster than a map.
const fewEntries = 32

func repeatsOf[T comparable](list []T) repeats[T] {
	r := repeats[T]{list: list}
	if len(list) > fewEntries {
		r.seen = make(map[T]bool, len(list))
	}
	return r
}

// again reports whether the entry at i stands before it, too. It is asked of each
// entry in turn.
func (r *repeats[T]) again(i int) bool {
	if r.seen == nil {
		return slices.Contains(r.list[:i], r.list[i])
	}
	if r.seen[r.list[i]] {
		return true
	}
	r.seen[r.list[i]] = true
	return false
}

func (v *validator) unwise(field, message string) {
	v.issues = append(v.issues, Issue{v.source.at(field), Unwise, message})
}

func (v *validator) hosts(hosts []string) {
	if len(hosts) == 0 {
		v.unwise("spec.hosts", "names no host, and no Ingress names it, so it guards nothing yet")
	}
	twice := repeatsOf(hosts)
	for i, h := range hosts {
		if problem := CheckHost(h); problem != "" {
			v.wrong(item("spec.hosts", i), "%q: %s", h, problem)
		} else if twice.again(i) {
			v.wrong(item("spec.hosts", i), "%q: listed twice", h)
		}
	}
}

func (v *validator) paths(paths []Path) {
	twice := repeatsOf(paths)
	for i, p := range paths {
		if problem := checkPath(p.Value); problem != "" {
			v.wrong(item("spec.paths", i)+".path", "%q: %s", p.Value, problem)
		} else if twice.again(i) {
			v.wrong(item("spec.paths", i), "%q (%s): listed twice", p.Value, p.kind())
		}
	}
}

// A check is one thing that can be wrong with a value, and what to do about it.
type check struct {
	wrong func(string) bool
	hint  string
}

// firstHint returns the hint of the first check that fails; empty: none does.
func firstHint(checks []check, value string) string {
	for _, c := range checks {
		if c.wrong(value) {
			return c.hint
		}
	}
	return ""
}

func anyOf(chars string) func(string) bool {
	return func(s string) bool { return strings.ContainsAny(s, chars) }
}

// CheckHost says what is wrong with a host of a policy; empty: nothing.
func CheckHost(h string) string {
	switch h {
	case "":
		return "empty"
	case "*":
		return "a policy names its hosts; a leading \"*.\" stands for exactly one label"
	default:
		return firstHint(hostChecks, strings.TrimPrefix(h, "*."))
	}
}

var hostChecks = []check{
	{func(h string) bool { return strings.Contains(h, "://") }, "leave out the scheme"},
	{anyOf("/?#"), "leave out the path; it goes into spec.paths"},
	{anyOf(":"), "leave out the port; a policy protects every port of its hosts"},
	{anyOf("*"), "\"*\" can only be the whole first label, as in \"*.example.com\""},
	{func(h string) bool { return strings.HasSuffix(h, ".") }, "leave out the trailing dot"},
	{func(h string) bool { return !isASCII(h) }, "write an international name in its xn-- form"},
	{func(h string) bool { return h != strings.ToLower(h) }, "write it in lower case"},
	{anyOf("_"), "not a DNS host name: \"_\" is not allowed"},
	{func(h string) bool { return checkLabels(h) != nil || !hyphensInside(h) },
		"not a DNS name: labels are 1 to 63 of a-z, 0-9 and inner hyphens, 253 bytes in all"},
	{isNumericTLD, "an address is not a host name"},
}

func isNumericTLD(host string) bool {
	return strings.Trim(host[strings.LastIndexByte(host, '.')+1:], "0123456789") == ""
}

func hyphensInside(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// checkPath says what is wrong with a path of a policy; empty: nothing.
func checkPath(p string) string { return firstHint(pathChecks, p) }

var pathChecks = []check{
	{func(p string) bool { return !strings.HasPrefix(p, "/") }, "a path begins with \"/\""},
	{func(p string) bool { return len(p) > 1024 }, "longer than 1024 bytes"},
	{anyOf("?#"), "leave out the query; only the path is matched"},
	{anyOf("%"), "write the path decoded, without \"%\""},
	{anyOf("*"), "no wildcards: a Prefix already matches everything below it"},
	{anyOf("\\;"), "\"\\\" and \";\" mean different things to different servers"},
	{func(p string) bool { return !utf8.ValidString(p) }, "not valid UTF-8"},
	{func(p string) bool {
		return strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 })
	}, "spaces and control characters are not allowed"},
	{hasRepeatOrDots, "not canonical: leave out empty, \".\" and \"..\" segments"},
}

func (v *validator) duration(field, name string, d time.Duration) {
	if d < 0 || d > MaxSessionDuration {
		v.wrong(field+name, "%s: more than 0 and at most %s", d, MaxSessionDuration)
	}
}

func (v *validator) ruleNames(rules []Rule) {
	names := make([]string, len(rules))
	for i := range rules {
		names[i] = rules[i].Name
	}
	twice := repeatsOf(names)
	for i, n := range names {
		if twice.again(i) && n != "" {
			v.wrong(item("spec.rules", i)+".name", "%q: another rule of this policy has that name", n)
		}
	}
}

func (v *validator) rule(field string, r *Rule) {
	if r.Action == NoAction || int(r.Action) >= len(actionNames) {
		v.wrong(field+".action", "one of Allow, Block, Bypass, ServiceAuth")
	}
	if len(r.Include) == 0 {
		v.wrong(field+".include", "at least one selector; everyone: {} for all")
	}
	for i, m := range r.Methods {
		problem := checkMethod(m)
		if m == "*" {
			problem = "for every method, leave methods out"
		}
		if problem != "" {
			v.wrong(item(field+".methods", i), "%q: %s", m, problem)
		}
	}
	v.selectors(field, ".include", r.Action, r.Include)
	v.selectors(field, ".require", r.Action, r.Require)
	v.selectors(field, ".exclude", r.Action, r.Exclude)
	v.duration(field, ".sessionDuration", r.SessionDuration)
	if r.Action == Bypass && r.SessionDuration != 0 {
		v.unwise(field+".sessionDuration", "a Bypass rule asks for no session, so this has no effect")
	}
}

// selectors, like duration, takes its field in two parts: to join them is worth
// it only for a mistake.
func (v *validator) selectors(field, list string, a Action, selectors []Selector) {
	for i, s := range selectors {
		if a.relaxes() && s.Property.identifies() {
			v.wrong(item(field+list, i), "%s: a %s rule never sees an identity; use Allow", s.Property, a)
		}
		if problem := s.check(); problem != "" {
			v.wrong(item(field+list, i), "%s", problem)
		}
	}
}

func (s *Selector) check() string {
	switch s.Property {
	case Everyone:
		return ""
	case Email:
		if !isMail(s.Value) {
			return fmt.Sprintf("email: %q is not an address like ann@example.com", s.Value)
		}
	case EmailDomain:
		if !isMailDomain(s.Value) {
			return fmt.Sprintf("emailDomain: %q is not a domain like example.com", s.Value)
		}
	case IdPGroup, AuthMethod, LoginMethod:
		return s.checkSaid()
	case Address:
		return s.checkNetworks()
	default: // NoProperty, or one that this version does not know
		return "exactly one of everyone, email, emailDomain, ip, idpGroup, loginMethod, authMethod"
	}
	return ""
}

func (s *Selector) checkNetworks() string {
	if len(s.Networks) == 0 {
		return "ip: name at least one network, such as 10.0.0.0/8"
	}
	if i := slices.IndexFunc(s.Networks, func(n netip.Prefix) bool { return !n.IsValid() }); i >= 0 {
		return fmt.Sprintf("ip[%d]: not a network", i)
	}
	return ""
}

func isMail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && isPrintable(local) && isMailDomain(domain)
}

func isMailDomain(s string) bool {
	return checkLabels(s) == nil && isPrintable(s)
}

func isPrintable(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '"' || r == '\\' || r == ','
	})
}
