// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
)

// An Assembler keeps a table equal to an Input that changes: Table returns what Build
// would, and costs what the edits since the last one touched. Whose a host is, and which
// claims on it conflict, depends on what is said of that host and of the patterns
// that stand for it; so those are redone (see hostState), and the table shares all else with the
// one before. The zero Assembler has the zero Input. It is not for concurrent use; its
// tables are.
type Assembler struct {
	entries map[string]*entry // by key
	names   map[[2]string]*entry
	hosts   map[string]*hostState // "wiki.example.com"
	wilds   map[string]*hostState // "*.example.com" → "example.com"
	deeps   map[string]*hostState // "**.example.com" → "example.com"
	terms   *terms
	ledger  *Ledger

	bindings     []Binding // sorted
	providers    *Providers
	tokens       *serviceTokens
	tokenIssuers *TokenIssuers
	clients      *OAuthClients
	listing      map[*entry]struct{} // that list clients
	namesTokens  map[*entry]struct{} // that name token issuers
	certificates map[*entry]struct{} // whose rules look at client certificates
	linking      map[*entry]struct{} // that name linked applications
	revoked      *revoked
	revocations  sum
	groups       *groupSet
	groupReads   map[string]*groupReads         // by app.groupKey
	groupUsers   map[string]map[*entry]struct{} // who names a group

	many             int         // hosts are still to come
	states           []hostState // for them
	scratch          contest     // of the host that is being redone
	dirty, dirtyWild []*hostState
	dirtyDeep        []*hostState
	warn             []*hostState // patterns whose owners may have to be told of others
	room             []claims     // for the next hosts: in one piece, for the memory's and the look-ups' sake
	told             map[*hostState]struct{}
	faulty           map[*entry]struct{}
	fresh            map[*hostState]struct{} // whose owners the ledger ought to learn of

	read               shardsEditor[*groupReads]
	exact, wild, deep  shardsEditor[*claims]
	ingresses, byRoute shardsEditor[string]
	policies           int
	takers             []*entry // older first
	tree               tree     // of what makes the revision
	table              *Table   // nil: something changed
}

// An entry is a policy of the input.
type entry struct {
	given *Compiled
	used  *Compiled // given, or what denies all of it
	next  *entry    // of the same name
	// issues are those that have nothing to do with the hosts.
	issues []Issue
}

// Set enters a policy, or replaces the one of that key. A key is any name that stays.
func (a *Assembler) Set(key string, c *Compiled) {
	old := a.entries[key]
	if old != nil && old.given.digest == c.digest {
		return
	}
	a.begin()
	if old != nil {
		a.drop(old)
	}
	e := &entry{given: c}
	a.entries[key] = e
	a.put(e)
}

// Delete takes a policy out, if there is one of that key.
func (a *Assembler) Delete(key string) {
	if e := a.entries[key]; e != nil {
		a.begin()
		delete(a.entries, key)
		a.drop(e)
	}
}

// begin makes the Assembler ready for a change.
func (a *Assembler) begin() {
	a.table = nil
	if a.names == nil {
		a.start(0, 0, 0)
	}
}

// start makes room for so many policies and hosts.
func (a *Assembler) start(policies, exact, wild int) {
	a.entries, a.names = map[string]*entry{}, make(map[[2]string]*entry, policies)
	a.hosts, a.wilds, a.many = make(map[string]*hostState, exact), make(map[string]*hostState, wild), exact+wild
	a.deeps = map[string]*hostState{}
	a.dirty, a.dirtyWild, a.warn = make([]*hostState, 0, exact), make([]*hostState, 0, wild), make([]*hostState, 0, wild)
	a.exact.reserve(exact)
	a.wild.reserve(wild)
	a.namesTokens, a.certificates, a.linking = map[*entry]struct{}{}, map[*entry]struct{}{}, map[*entry]struct{}{}
	a.listing = map[*entry]struct{}{}
	a.told, a.faulty, a.fresh = map[*hostState]struct{}{}, map[*entry]struct{}{}, map[*hostState]struct{}{}
	if a.terms == nil {
		a.terms = newTerms(Terms{})
	}
}

// put enters a policy. To have the name of another one is a mistake of both, as a
// credential is made for a name.
func (a *Assembler) put(e *entry) {
	name := e.given.app.name()
	other := a.names[name]
	e.next, a.names[name] = other, e
	a.policies++
	a.tree.add(&e.given.digest, 0)
	if other != nil && other.next == nil {
		a.withdraw(other)
		a.enact(other, true)
	}
	a.enact(e, other != nil)
}

// drop is the reverse of put.
func (a *Assembler) drop(e *entry) {
	a.withdraw(e)
	a.policies--
	a.tree.remove(&e.given.digest, 0)
	name := e.given.app.name()
	first := a.names[name]
	if first == e {
		first = e.next
	} else {
		o := first
		for o.next != e {
			o = o.next
		}
		o.next = e.next
	}
	if first == nil {
		delete(a.names, name)
		return
	}
	if a.names[name] = first; first.next == nil {
		a.withdraw(first)
		a.enact(first, false)
	}
}

// enact has a policy claim its hosts. twice: another one has its name.
func (a *Assembler) enact(e *entry, twice bool) {
	if e.used = e.given; twice {
		e.used = e.given.denied()
	}
	a.judge(e, twice)
	a.useGroups(e)
	if len(e.used.tokenUses) > 0 {
		a.namesTokens[e] = struct{}{}
	}
	if o := e.used.app.oauth; o != nil && len(o.Clients) > 0 {
		a.listing[e] = struct{}{}
	}
	if len(e.used.linkUses) > 0 {
		a.linking[e] = struct{}{}
	}
	if e.used.app.looksAt(ClientCertificate) != nil {
		a.certificates[e] = struct{}{}
	}
	if e.used.app.takesTokens() {
		at, _ := slices.BinarySearchFunc(a.takers, e, olderEntry)
		a.takers = slices.Insert(a.takers, at, e)
	}
	for _, name := range e.used.hosts {
		h := a.host(name)
		at, _ := slices.BinarySearchFunc(h.claimants, e, olderEntry)
		h.claimants = slices.Insert(h.claimants, at, e)
		a.touch(h)
	}
}

// withdraw is the reverse of enact.
func (a *Assembler) withdraw(e *entry) {
	delete(a.faulty, e)
	a.leaveGroups(e)
	delete(a.namesTokens, e)
	delete(a.certificates, e)
	delete(a.linking, e)
	delete(a.listing, e)
	is := func(o *entry) bool { return o == e }
	if e.used.app.takesTokens() {
		a.takers = slices.DeleteFunc(a.takers, is)
	}
	for _, name := range e.used.hosts {
		h := a.host(name)
		h.claimants = slices.DeleteFunc(h.claimants, is)
		a.touch(h)
	}
}

// judge notes what is wrong with a policy wherever its hosts are.
func (a *Assembler) judge(e *entry, twice bool) {
	c := e.used
	e.issues = e.given.issues[:len(e.given.issues):len(e.given.issues)]
	if twice {
		e.issues = append(e.issues, newIssue(c.app.source.at("metadata.name"), codeNameTwice,
			"another policy has the same namespace and name; neither is active"))
	}
	for i, path := range c.paths {
		if a.terms.ownPath(path.Value) && !a.terms.saysOperators(c) && !a.terms.toldAtTeamHost(c, path.Value) {
			e.issues = append(e.issues, c.app.issue(item("spec.paths", i), codeOwnPath,
				"%s is Ostiary's own path, on every host (%s): users sign in there; this claim is not active. Remove it",
				path.Value, a.terms.PathPrefix))
		}
	}
	if a.terms.NoCountries {
		e.issues = append(e.issues, c.app.withoutCountries()...)
	}
	if a.terms.UpstreamHeaders != nil {
		e.issues = append(e.issues, c.app.unlisted(a.terms.UpstreamHeaders)...)
	}
	e.issues = append(e.issues, a.terms.unlisted(c.app)...)
	a.judgeGroups(e)
	delete(a.faulty, e)
	if len(e.issues) > 0 {
		a.faulty[e] = struct{}{}
	}
}

func (a *app) takesTokens() bool { return a.cors != nil && a.cors.tokens }

func olderEntry(x, y *entry) int { return older(x.used, y.used) }

// Issues returns what is wrong, in the order of Build. Table has to be called before, for
// those of the last changes.
func (a *Assembler) Issues() []Issue {
	var out []Issue
	out = append(out, a.groupIssues()...)
	out = append(out, a.terms.unlistedInGroups(a.groups)...)
	for e := range a.faulty {
		out = append(out, e.issues...)
	}
	for h := range a.told {
		out = append(out, h.more.issues...)
		out = append(out, h.more.warnings...)
	}
	out = append(out, a.tokenIssues()...)
	out = append(out, a.clientIssues()...)
	out = append(out, a.linkIssues()...)
	out = append(out, a.certificateIssues()...)
	sortIssues(out)
	return out
}

// Table returns the table of what there is now: the same one if nothing changed.
func (a *Assembler) Table() *Table {
	if a.table != nil {
		return a.table
	}
	a.begin()
	a.redoDeeps()
	a.redoWilds()
	a.redoExact()
	a.warnOwners()
	a.table = a.publish()
	return a.table
}

// publish makes the table of hosts that are all redone.
func (a *Assembler) publish() *Table {
	t := &Table{
		exact: a.exact.publish(), wild: a.wild.publish(), deep: a.deep.publish(), policies: a.policies, revoked: a.revoked,
		bindings: a.ingresses.publish(), byRoute: a.byRoute.publish(), providers: a.providers, tokens: a.tokens,
		groups: a.groups, read: a.read.publish(),
		tokenIssuers: a.tokenIssuers, clients: a.clients, evaluators: a.terms.EvaluationOrigins, allEvaluators: a.terms.AllEvaluations,
		linkable: a.linkables(),
	}
	for _, e := range a.takers {
		t.takers = append(t.takers, e.used.app)
	}
	for h := range a.fresh {
		t.unrecorded = append(t.unrecorded, Claim{Host: h.name, Namespace: h.more.owner})
	}
	slices.SortFunc(t.unrecorded, func(x, y Claim) int { return cmp.Compare(x.Host, y.Host) })
	t.revision = a.revision()
	return t
}
