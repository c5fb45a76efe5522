// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Build compiles policies. It never fails as a whole: a policy with a mistake
// denies what it claims, and every mistake is reported. Neither result depends
// on the order of the policies.
func Build(policies []Policy, grants ...Grant) (*Table, []Issue) {
	sorted := slices.Clone(policies)
	slices.SortFunc(sorted, older)
	b := builder{
		table:  &Table{exact: map[string]*routes{}, wild: map[string]*routes{}, policies: len(policies)},
		owners: map[string]string{},
		grants: grants,
	}
	b.table.revision = revision(sorted, grants)
	for i := range sorted {
		b.add(&sorted[i])
	}
	slices.SortFunc(b.issues, func(x, y Issue) int {
		return cmp.Or(compareSource(x.Source, y.Source), cmp.Compare(x.Reason, y.Reason), cmp.Compare(x.Message, y.Message))
	})
	return b.table, b.issues
}

// older orders policies by who wins an equal claim.
func older(x, y Policy) int {
	return cmp.Or(x.Since.Compare(y.Since), compareSource(x.Source, y.Source))
}

func compareSource(x, y Source) int {
	return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name), compareField(x.Field, y.Field))
}

// compareField puts spec.rules[2] before spec.rules[10].
func compareField(x, y string) int {
	if px, py := strings.IndexByte(x, '['), strings.IndexByte(y, '['); px > 0 && px == py && x[:px] == y[:py] {
		return cmp.Or(cmp.Compare(strings.IndexByte(x[px:], ']'), strings.IndexByte(y[py:], ']')), cmp.Compare(x, y))
	}
	return cmp.Compare(x, y)
}

type builder struct {
	table  *Table
	owners map[string]string // host → namespace
	grants []Grant
	issues []Issue
}

func (b *builder) add(p *Policy) {
	issues := append(slices.Clone(p.Defects), Validate(p)...)
	b.issues = append(b.issues, issues...)
	defective := slices.ContainsFunc(issues, func(i Issue) bool { return !i.Warning() })
	a := compile(p, defective)
	hosts, paths := p.Hosts, p.Paths
	if defective {
		hosts, paths = salvageHosts(hosts), salvagePaths(paths)
	}
	if len(paths) == 0 {
		paths = []Path{{Value: "/"}}
	}
	for i, host := range hosts {
		field := fmt.Sprintf("spec.hosts[%d]", i)
		if owner := b.own(host, p.Source.Namespace); owner != "" {
			b.report(p, field, HostOwnedByOtherNamespace,
				"%s belongs to namespace %s, which claimed it first; this claim is not in force. Ask the platform team for a host grant, or choose another host", host, owner)
			continue
		}
		for _, path := range paths {
			if winner := b.claim(host, path, a); winner != nil && winner != a {
				b.report(p, field, Conflict,
					"%s%s (%s) is already claimed by %s, which is older; this claim is not in force", host, path.Value, path.kind(), winner.source)
			}
		}
	}
}

func (b *builder) report(p *Policy, field string, why IssueReason, format string, args ...any) {
	b.issues = append(b.issues, Issue{p.Source.at(field), why, fmt.Sprintf(format, args...)})
}

// own settles whose host it is. It returns the owner if that is someone else.
func (b *builder) own(host, namespace string) string {
	owner, owned := b.owners[host]
	if !owned {
		if _, rest, ok := strings.Cut(host, "."); ok && !isWild(host) {
			owner, owned = b.owners["*."+rest]
		}
	}
	if owned && owner != namespace && !b.granted(host, namespace) {
		return owner
	}
	if _, ok := b.owners[host]; !ok {
		b.owners[host] = namespace
	}
	return ""
}

func (b *builder) granted(host, namespace string) bool {
	return slices.ContainsFunc(b.grants, func(g Grant) bool {
		if g.Namespace != namespace {
			return false
		}
		_, rest, _ := strings.Cut(host, ".")
		return g.Host == host || g.Host == "*."+rest
	})
}

// claim enters a claim, or returns whose it is already.
func (b *builder) claim(host string, path Path, a *app) *app {
	hosts, key := b.table.exact, host
	if isWild(host) {
		hosts, key = b.table.wild, host[2:]
	}
	r := hosts[key]
	if r == nil {
		r = &routes{exact: map[string]*app{}, prefix: map[string]*app{}}
		hosts[key] = r
	}
	claims, value := r.exact, path.Value
	if !path.Exact {
		claims, value = r.prefix, strings.TrimSuffix(path.Value, "/")
		r.longest = max(r.longest, len(value))
	}
	if winner := claims[value]; winner != nil {
		return winner
	}
	claims[value] = a
	return nil
}

func compile(p *Policy, defective bool) *app {
	a := &app{
		source:          p.Source.at(""),
		audience:        Audience(p.Source),
		defective:       defective,
		encodedSlashes:  p.AllowEncodedSlashes,
		cors:            compileCORS(p.CORS),
		duration:        sessionDuration(p.Session.Duration),
		revokedBefore:   p.Session.RevokedBefore,
		unauthenticated: p.Unauthenticated,
	}
	if defective { // so that nothing of it can ever be consulted
		a.cors = nil
		return a
	}
	for i := range p.Rules {
		ru := compileRule(&p.Rules[i], i)
		if ru.action.relaxes() {
			a.relaxing = append(a.relaxing, ru)
		} else {
			a.identity = append(a.identity, ru)
		}
	}
	return a
}

// Audience is what a credential for a policy is made for.
func Audience(s Source) string { return s.Namespace + "/" + s.Name }

func compileRule(r *Rule, index int) rule {
	return rule{
		name:     r.Name,
		field:    fmt.Sprintf("spec.rules[%d]", index),
		action:   r.Action,
		methods:  slices.Clone(r.Methods),
		include:  compileSelectors(r.Include),
		require:  compileSelectors(r.Require),
		exclude:  compileSelectors(r.Exclude),
		duration: r.SessionDuration,
	}
}

func compileSelectors(in []Selector) []Selector {
	out := make([]Selector, len(in))
	for i, s := range in {
		out[i] = Selector{s.Property, strings.ToLower(s.Value), make([]netip.Prefix, len(s.Networks))}
		for j, n := range s.Networks {
			out[i].Networks[j] = n.Masked()
		}
	}
	return out
}

// salvageHosts keeps what a defective policy meant to claim, so that it is
// denied, and not left to whatever else matches.
func salvageHosts(hosts []string) []string {
	var out []string
	for _, h := range hosts {
		h = strings.ToLower(strings.TrimSpace(h))
		if _, after, ok := strings.Cut(h, "://"); ok {
			h = after
		}
		if i := strings.IndexAny(h, "/:?#"); i >= 0 {
			h = h[:i]
		}
		h = strings.TrimSuffix(h, ".")
		if checkHost(h) == "" && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

func salvagePaths(paths []Path) []Path {
	var out []Path
	for _, p := range paths {
		if checkPath(p.Value) != "" {
			v, _, _ := strings.Cut(p.Value, "?")
			v, ok := resolve("/"+strings.TrimLeft(decode(v, true), "/"), true)
			if !ok {
				v = "/"
			}
			p = Path{Value: v}
		}
		out = append(out, p)
	}
	return out
}

func (p Path) kind() string {
	if p.Exact {
		return "Exact"
	}
	return "Prefix"
}

func isWild(host string) bool { return strings.HasPrefix(host, "*.") }
