// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Build compiles policies. It never fails as a whole: a policy with a mistake
// denies what it claims, and every mistake is reported. Neither result depends
// on the order of the policies.
func Build(policies []Policy, grants ...Grant) (*Table, []Issue) {
	compiled := make([]*Compiled, len(policies))
	for i := range policies {
		compiled[i] = Compile(&policies[i])
	}
	return Assemble(compiled, grants...)
}

// Assemble is Build for policies that were compiled before, all or most of
// which are the same as last time.
func Assemble(policies []*Compiled, grants ...Grant) (*Table, []Issue) {
	sorted := slices.Clone(policies)
	names := make(map[[2]string]int, len(policies))
	exact, wild := 0, 0
	for _, p := range policies {
		names[p.app.name()]++
		for _, h := range p.hosts {
			if isWild(h) {
				wild++
			} else {
				exact++
			}
		}
	}
	slices.SortFunc(sorted, older)
	b := builder{
		table:  &Table{exact: make(map[string]*routes, exact), wild: make(map[string]*routes, wild), policies: len(policies)},
		hosts:  exact + wild,
		grants: grants,
	}
	b.table.unbound = revision(sorted, grants)
	b.table.built, b.table.revision = b.table.unbound, b.table.unbound
	for _, p := range sorted {
		b.add(p, names[p.app.name()] > 1)
	}
	slices.SortFunc(b.issues, func(x, y Issue) int {
		return cmp.Or(compareSource(x.Source, y.Source), cmp.Compare(x.Reason, y.Reason), cmp.Compare(x.Message, y.Message))
	})
	return b.table, b.issues
}

// older orders policies by who wins an equal claim.
func older(x, y *Compiled) int {
	if c := x.since.Compare(y.since); c != 0 {
		return c
	}
	if c := compareSource(x.app.source, y.app.source); c != 0 {
		return c
	}
	return bytes.Compare(x.digest[:], y.digest[:])
}

func compareSource(x, y Source) int {
	return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name), compareField(x.Field, y.Field))
}

// compareField puts spec.rules[2] before spec.rules[10].
func compareField(x, y string) int {
	for {
		i, j := strings.IndexByte(x, '['), strings.IndexByte(y, '[')
		if i < 0 || i != j || x[:i] != y[:j] {
			return cmp.Compare(x, y)
		}
		x, y = x[i+1:], y[j+1:]
		if c := cmp.Compare(strings.IndexByte(x, ']'), strings.IndexByte(y, ']')); c != 0 {
			return c // the number of more digits is the greater one
		}
	}
}

// routesAtOnce is for how many hosts there is one allocation.
const routesAtOnce = 256

type builder struct {
	table  *Table
	hosts  int      // at most how many will yet be claimed
	room   []routes // for the next hosts: in one piece, for the memory's and the look-ups' sake
	grants []Grant
	issues []Issue
}

func (b *builder) add(c *Compiled, ambiguous bool) {
	b.issues = append(b.issues, c.issues...)
	if ambiguous { // a credential is made for a name
		b.issues = append(b.issues, Issue{c.app.source.at("metadata.name"), Invalid,
			"another policy has the same namespace and name; neither is in force"})
		c = c.denied()
	}
	a, hosts, paths := c.app, c.hosts, c.paths
	if a.cors != nil && a.cors.tokens {
		b.table.takers = append(b.table.takers, a)
	}
	if len(paths) == 0 {
		paths = []Path{{Value: "/"}}
	}
	for i, host := range hosts {
		r, owner := b.own(host, a)
		if owner != "" {
			b.report(a, i, HostOwnedByOtherNamespace,
				"%s belongs to namespace %s, which claimed it first; this claim is not in force. Ask the platform team for a host grant, or choose another host", host, owner)
			continue
		}
		for _, path := range paths {
			if winner := r.add(a.claims(path)); winner != nil && winner != a {
				b.report(a, i, Conflict,
					"%s%s (%s) is already claimed by %s, which is older; this claim is not in force", host, path.Value, path.kind(), winner.source)
			}
		}
	}
}

func (b *builder) report(a *app, host int, why IssueReason, format string, args ...any) {
	b.issues = append(b.issues, Issue{a.source.at(item("spec.hosts", host)), why, fmt.Sprintf(format, args...)})
}

// own settles whose host it is. It returns the routes to enter a claim in, or
// the owner if that is someone else.
func (b *builder) own(host string, a *app) (*routes, string) {
	hosts, key, above := b.table.exact, host, (*routes)(nil)
	if isWild(host) {
		hosts, key = b.table.wild, host[2:]
	} else if _, rest, ok := strings.Cut(host, "."); ok {
		above = b.table.wild[rest]
	}
	if a.salvaged { // owns nothing, and is stopped by no owner
		return b.routes(hosts, key), ""
	}
	owner := hosts[key].ownerBelow(above)
	if owner != nil {
		theirs, ours := owner.source.Namespace, a.source.Namespace
		if theirs != "" && theirs != ours && !b.granted(host, ours) {
			return nil, theirs
		}
	}
	r := b.routes(hosts, key)
	if owner == nil { // a granted claim makes nobody an owner
		r.owner = a
	}
	return r, ""
}

// ownerBelow returns who owns a host below a wildcard's.
func (r *routes) ownerBelow(wild *routes) *app {
	switch {
	case r != nil && r.owner != nil:
		return r.owner
	case wild != nil:
		return wild.owner
	default:
		return nil
	}
}

// routes returns those of a host, new ones if there are none.
func (b *builder) routes(hosts map[string]*routes, key string) *routes {
	r := hosts[key]
	if r == nil {
		if len(b.room) == 0 {
			b.room = make([]routes, min(max(1, b.hosts), routesAtOnce))
			b.hosts -= len(b.room)
		}
		r, b.room = &b.room[0], b.room[1:]
		hosts[key] = r
	}
	return r
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

func (a *app) name() [2]string { return [...]string{a.source.Namespace, a.source.Name} }

func (a *app) claims(p Path) claim {
	if p.Exact {
		return claim{p.Value, true, a}
	}
	return claim{strings.TrimSuffix(p.Value, "/"), false, a}
}

// A Compiled is what depends on one policy alone. It does not change, and can be
// part of many tables.
type Compiled struct {
	app    *app
	since  time.Time
	digest [sha256.Size]byte
	hosts  []string
	paths  []Path
	issues []Issue
}

// Compile checks and compiles one policy.
func Compile(p *Policy) *Compiled {
	issues := append(slices.Clone(p.Defects), Validate(p)...)
	defective := p.Salvaged || slices.ContainsFunc(issues, func(i Issue) bool { return !i.Warning() })
	c := &Compiled{
		app:   compile(p, defective),
		since: p.Since, digest: digestOf(p),
		hosts: slices.Clone(p.Hosts), paths: slices.Clone(p.Paths), issues: issues,
	}
	if defective {
		return c.denied()
	}
	return c
}

// denied returns a copy that claims all that the policy may have meant to, and
// denies it.
func (c *Compiled) denied() *Compiled {
	d := *c
	d.app = &app{source: c.app.source, audience: c.app.audience, defective: true, salvaged: c.app.salvaged}
	d.hosts, d.paths = salvageHosts(c.hosts), salvagePaths(c.paths)
	return &d
}

func compile(p *Policy, defective bool) *app {
	a := &app{
		source:    p.Source.at(""),
		audience:  Audience(p.Source),
		defective: defective,
		salvaged:  p.Salvaged,
	}
	if defective { // so that nothing of it can ever be consulted
		return a
	}
	a.encodedSlashes = p.AllowEncodedSlashes
	a.cors = compileCORS(p.CORS)
	a.revokedBefore = p.Session.RevokedBefore
	a.unauthenticated = p.Unauthenticated
	a.signIn = compileSignIn(p)
	rules := make([]rule, 0, len(p.Rules)) // in one piece, as they are read one after the other
	parts := newParts(p.Rules)
	parts.duration = p.Session.Duration
	for i := range p.Rules {
		if p.Rules[i].Action.relaxes() {
			rules = append(rules, parts.rule(&p.Rules[i], i))
		}
	}
	n := len(rules)
	for i := range p.Rules {
		if act := p.Rules[i].Action; act == Block || act == Allow {
			rules = append(rules, parts.rule(&p.Rules[i], i))
		}
	}
	a.relaxing, a.identity = rules[:n:n], rules[n:]
	return a
}

// Audience is what a credential for a policy is made for.
func Audience(s Source) string { return s.Namespace + "/" + s.Name }

// parts is room for what the rules of a policy are made of, each kind in one
// piece: a table holds a tenth as many objects, and a walk touches fewer pages.
type parts struct {
	selectors []Selector
	networks  []netip.Prefix
	methods   []string
	duration  time.Duration // of rules that say nothing
}

func newParts(rules []Rule) *parts {
	selectors, networks, methods := 0, 0, 0
	for i := range rules {
		methods += len(rules[i].Methods)
		for _, list := range rules[i].lists() {
			selectors += len(list)
			for j := range list {
				networks += len(list[j].Networks)
			}
		}
	}
	return &parts{make([]Selector, 0, selectors), make([]netip.Prefix, 0, networks), make([]string, 0, methods), 0}
}

func (r *Rule) lists() [3][]Selector { return [...][]Selector{r.Include, r.Require, r.Exclude} }

func (p *parts) rule(r *Rule, index int) rule {
	out := rule{name: r.Name, field: ruleField(index), action: r.Action, duration: cmp.Or(r.SessionDuration, p.duration)}
	n := len(p.methods)
	p.methods = append(p.methods, r.Methods...)
	out.methods = slices.Clip(p.methods[n:])
	out.include, out.require, out.exclude = p.list(r.Include), p.list(r.Require), p.list(r.Exclude)
	return out
}

func (p *parts) list(in []Selector) []Selector {
	start := len(p.selectors)
	for _, s := range in {
		n := len(p.networks)
		for _, network := range s.Networks {
			p.networks = append(p.networks, unmap(network).Masked())
		}
		p.selectors = append(p.selectors, Selector{s.Property, s.Value, slices.Clip(p.networks[n:])})
	}
	return slices.Clip(p.selectors[start:])
}

// ruleFields are the names that all but the longest policies need, shared.
var ruleFields = func() (out [32]string) {
	for i := range out {
		out[i] = item("spec.rules", i)
	}
	return out
}()

func ruleField(i int) string {
	if i < len(ruleFields) {
		return ruleFields[i]
	}
	return item("spec.rules", i)
}

// unmap makes an IPv4 network of ::ffff:10.0.0.0/104: addresses come unmapped.
func unmap(n netip.Prefix) netip.Prefix {
	if n.Addr().Is4In6() && n.Bits() >= 96 {
		return netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n
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
		// Whatever a request can name is kept, be it no proper DNS name.
		if checkLabels(strings.TrimPrefix(h, "*.")) == nil && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

func salvagePaths(paths []Path) []Path {
	var out []Path
	for _, p := range paths {
		if checkPath(p.Value) != "" {
			p = Path{Value: salvagePath(p.Value)}
		}
		out = append(out, p)
	}
	return out
}

// salvagePath reads a path as its author may have meant it, as a Prefix. Where
// that cannot be told it is the whole host.
func salvagePath(v string) string {
	if i := strings.IndexAny(v, "?#*"); i >= 0 { // "/admin/*" meant /admin and all below
		v = v[:i]
	}
	v, ok := resolve(mergeSlashes("/" + decode(v, true)))
	if !ok {
		return "/"
	}
	return v
}

func (p Path) kind() string {
	if p.Exact {
		return "Exact"
	}
	return "Prefix"
}

func isWild(host string) bool { return strings.HasPrefix(host, "*.") }
