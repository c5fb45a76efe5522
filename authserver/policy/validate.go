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
	v.conditions("spec.rules", p.Rules)
	v.evaluations("spec.rules", p.Rules)
	if p.CORS != nil {
		v.cors(p.CORS)
	}
	v.exempt(p)
	v.dryRun(p.DryRun)
	v.upstreamHeaders(p.UpstreamHeaders)
	v.oauth(p.OAuth)
	v.signIn(p)
	if p.Unauthenticated > Unauthorized {
		v.wrong("spec.unauthenticated", codeUnknownAuth, "one of Auto, Redirect, Unauthorized")
	}
	if v.more > 0 {
		v.issues = append(v.issues, newIssue(v.source.at("spec"), codeTooMany, fmt.Sprintf("and %d more mistakes, which are "+
			"shown once those above are corrected", v.more)))
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

func (v *validator) wrong(field string, code Code, format string, args ...any) {
	if len(v.issues) >= maxIssues {
		v.more++
		return
	}
	v.issues = append(v.issues, newIssue(v.source.at(field), code, fmt.Sprintf(format, args...)))
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

func (v *validator) unwise(field string, code Code, message string) {
	v.issues = append(v.issues, newIssue(v.source.at(field), code, message))
}

func (v *validator) hosts(hosts []string) {
	if len(hosts) == 0 {
		v.unwise("spec.hosts", codeNoHosts, "names no host, and no Ingress names it, so it protects nothing yet")
	}
	twice := repeatsOf(hosts)
	for i, h := range hosts {
		if p := checkHost(h); p.found() {
			v.wrong(item("spec.hosts", i), p.code, "%q: %s", h, p.text)
		} else if twice.again(i) {
			v.wrong(item("spec.hosts", i), codeListedTwice, "%q: listed twice", h)
		}
	}
}

func (v *validator) paths(paths []Path) {
	twice := repeatsOf(paths)
	for i, p := range paths {
		if wrong := checkPath(p.Value); wrong.found() {
			v.wrong(item("spec.paths", i)+".path", wrong.code, "%q: %s", p.Value, wrong.text)
		} else if twice.again(i) {
			v.wrong(item("spec.paths", i), codeListedTwice, "%q (%s): listed twice", p.Value, p.kind())
		}
	}
}

// A check is one thing that can be wrong with a value, and what to do about it.
type check struct {
	wrong func(string) bool
	code  Code
	hint  string
}

// firstProblem is that of the first check that fails.
func firstProblem(checks []check, value string) problem {
	for _, c := range checks {
		if c.wrong(value) {
			return problem{c.code, c.hint}
		}
	}
	return problem{}
}

func anyOf(chars string) func(string) bool {
	return func(s string) bool { return strings.ContainsAny(s, chars) }
}

// CheckHost says what is wrong with a host of a policy; empty: nothing.
func CheckHost(h string) string { return checkHost(h).text }

func checkHost(h string) problem {
	switch h {
	case "":
		return problem{codeHostEmpty, "empty"}
	case "*":
		return problem{codeHostAll, "a policy names its hosts; a leading \"*.\" stands for exactly one label, \"**.\" for one or more"}
	default:
		return firstProblem(hostChecks, trimPattern(h))
	}
}

var hostChecks = []check{
	{func(h string) bool { return strings.Contains(h, "://") }, codeHostScheme, "leave out the scheme"},
	{anyOf("/?#"), codeHostPath, "leave out the path; it goes into spec.paths"},
	{anyOf(":"), codeHostPort, "leave out the port; a policy protects every port of its hosts"},
	{anyOf("*"), codeHostWildcard, "\"*\" can only be the whole first label: \"*.example.com\" is one label below example.com, \"**.example.com\" one or more"},
	{func(h string) bool { return strings.HasSuffix(h, ".") }, codeHostDot, "leave out the trailing dot"},
	{func(h string) bool { return !isASCII(h) }, codeHostUnicode, "write an international name in its xn-- form"},
	{func(h string) bool { return h != strings.ToLower(h) }, codeHostCase, "write it in lower case"},
	{anyOf("_"), codeHostUnderscore, "not a DNS host name: \"_\" is not allowed"},
	{func(h string) bool { return checkLabels(h) != nil || !hyphensInside(h) }, codeHostName,
		"not a DNS name: labels are 1 to 63 of a-z, 0-9 and inner hyphens, 253 bytes in all"},
	{isNumericTLD, codeHostAddress, "an address is not a host name"},
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
func checkPath(p string) problem { return firstProblem(pathChecks, p) }

var pathChecks = []check{
	{func(p string) bool { return !strings.HasPrefix(p, "/") }, codePathSlash, "a path begins with \"/\""},
	{func(p string) bool { return len(p) > 1024 }, codePathLength, "longer than 1024 bytes"},
	{anyOf("?#"), codePathQuery, "leave out the query; only the path is matched"},
	{anyOf("%"), codePathPercent, "write the path decoded, without \"%\""},
	{anyOf("*"), codePathWildcard, "no wildcards: a Prefix already matches everything below it"},
	{anyOf("\\;"), codePathBackslash, "\"\\\" and \";\" mean different things to different servers"},
	{func(p string) bool { return !utf8.ValidString(p) }, codePathUTF8, "not valid UTF-8"},
	{func(p string) bool {
		return strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 })
	}, codePathControl, "spaces and control characters are not allowed"},
	{hasRepeatOrDots, codePathCanonical, "not canonical: leave out empty, \".\" and \"..\" segments"},
}

func (v *validator) duration(field, name string, d time.Duration) {
	if d < 0 || d > MaxSessionDuration {
		v.wrong(field+name, codeDuration, "%s: more than 0 and at most %s", d, MaxSessionDuration)
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
			v.wrong(item("spec.rules", i)+".name", codeRuleName, "%q: another rule of this policy has that name", n)
		}
	}
}

func (v *validator) rule(field string, r *Rule) {
	if r.Action == NoAction || int(r.Action) >= len(actionNames) {
		v.wrong(field+".action", codeAction, "one of Allow, Block, Bypass, ServiceAuth")
	}
	if len(r.Include) == 0 {
		v.wrong(field+".include", codeInclude, "at least one selector; everyone: {} for all")
	}
	for i, m := range r.Methods {
		p := checkMethod(m)
		if m == "*" {
			p = problem{codeRuleMethodAll, "for every method, leave methods out"}
		}
		if p.found() {
			v.wrong(item(field+".methods", i), p.code, "%q: %s", m, p.text)
		}
	}
	v.selectors(field, ".include", r.Action, r.Include)
	v.selectors(field, ".require", r.Action, r.Require)
	v.selectors(field, ".exclude", r.Action, r.Exclude)
	v.duration(field, ".sessionDuration", r.SessionDuration)
	if r.Action.relaxes() && r.SessionDuration != 0 {
		v.unwise(field+".sessionDuration", codeDurationUnused, "a "+r.Action.String()+" rule asks for no session, so this has no effect")
	}
}

// asksPeople reports whether rules with the action admit no machine. A group has no action:
// rules of any name it.
func (a Action) asksPeople() bool { return a != ServiceAuth && a != NoAction }

// selectors, like duration, takes its field in two parts: to join them is worth
// it only for a mistake.
func (v *validator) selectors(field, list string, a Action, selectors []Selector) {
	for i, s := range selectors {
		if s.Property.ofMachine() && a.asksPeople() {
			v.wrong(item(field+list, i), codeServiceAuth, "%s: only a rule with action: ServiceAuth admits machines, and "+
				"asks nobody to sign in; put it into one", s.Property)
		}
		if a == Bypass && s.Property == ClientCertificate {
			v.wrong(item(field+list, i), codeCertificateBypass, "certificate: a Bypass rule asks for no credential; "+
				"use ServiceAuth, which tells the application who is calling")
		}
		if a.relaxes() && s.identifies() {
			v.wrong(item(field+list, i), codeNoIdentity, "%s: a %s rule never sees an identity; use Allow", s.Property, a)
		}
		if p := s.check(); p.found() {
			v.wrong(item(field+list, i), p.code, "%s", p.text)
		} else if s.Property == JWT && len(s.JWT.Claims) == 0 && list != ".exclude" {
			v.unwise(item(field+list, i)+".jwt", codeJWTAnybody, "without claims, this matches every token that the issuer makes for the "+
				"audience; many issuers, GitHub among them, make one for anybody who asks")
		}
	}
}

func (s *Selector) check() problem {
	switch s.Property {
	case Everyone, AnyToken:
		return problem{}
	case Token:
		return s.checkServiceToken()
	case Email:
		if !isMail(s.Value) {
			return problem{codeEmail, fmt.Sprintf("email: %q is not an address like ann@example.com", s.Value)}
		}
	case EmailDomain:
		if !isMailDomain(s.Value) {
			return problem{codeEmailDomain, fmt.Sprintf("emailDomain: %q is not a domain like example.com", s.Value)}
		}
	case IdPGroup, AuthMethod, LoginMethod, Client:
		return s.checkSaid()
	case Address:
		return s.checkNetworks()
	case Country, ClientCertificate:
		return s.checkProved()
	case Expression:
		return s.checkCondition()
	case AccessGroup, JWT, ExternalEvaluation, OIDCClaim, LinkedApp:
		return s.checkNamed()
	default: // NoProperty, or one that this version does not know
		return problem{codeSelector, "exactly one of " + selectorNames("or")}
	}
	return problem{}
}

func (s *Selector) checkNetworks() problem {
	if len(s.Networks) == 0 {
		return problem{codeNoNetwork, "ip: name at least one network, such as 10.0.0.0/8"}
	}
	if i := slices.IndexFunc(s.Networks, func(n netip.Prefix) bool { return !n.IsValid() }); i >= 0 {
		return problem{codeNetwork, fmt.Sprintf("ip[%d]: not a network", i)}
	}
	return problem{}
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
