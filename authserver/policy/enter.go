// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"time"
)

// redo finds what is in force on a host of which it is known whose it is.
func (a *Assembler) redo(h *hostState, c *contest) {
	in := entering{a: a, host: h, contest: c, above: a.decidesAbove(h)}
	r := in.enter()
	in.warn()
	follows := h.protected
	if r != nil {
		follows = in.finish(r) || follows
	} else if h.protected {
		r = in.shield()
	}
	a.place(h, r)
	a.note(h, c, &in, follows)
}

// place puts what is in force on a host into the table.
func (a *Assembler) place(h *hostState, r *claims) {
	hosts, key := &a.exact, h.name
	switch {
	case isWild(key):
		hosts, key = &a.wild, zoneOf(key)
	case isDeep(key):
		hosts, key = &a.deep, zoneOf(key)
	}
	switch h.claims = r; r {
	case nil:
		hosts.remove(key)
	default:
		hosts.set(key, r)
	}
}

// note keeps what there is to say of a host, and who has to be told.
func (a *Assembler) note(h *hostState, c *contest, in *entering, follows bool) {
	old := hostMore{}
	if h.more != nil {
		old = *h.more
	}
	now := hostMore{issues: in.issues, warnings: old.warnings, followers: old.followers, troubles: old.troubles, unsettled: c.unsettled}
	now.outcome = in.outcome()
	if a.ledger != nil && len(old.troubles) == 0 { // or else warnOwner says
		now.owner = c.unrecorded()
	}
	if c.byAbove && len(c.refused) > 0 {
		now.vain = c.refused
	}
	if now.unsettled || now.vain != nil {
		now.troubling = c.above.origin().at
	}
	if follows {
		now.following = in.above
	}
	if h.more != nil || now.some() {
		a.keep(h, &old, &now)
	}
	a.noteAbove(h, &old, &now)
}

// noteAbove tells the patterns above a host what became of that.
func (a *Assembler) noteAbove(h *hostState, old, now *hostMore) {
	if o := old.troubling; o != nil && o != now.troubling {
		o.extra().troubles = member(o.more.troubles, h, false)
		a.remind(o)
	}
	if o := now.troubling; o != nil {
		o.extra().troubles = member(o.more.troubles, h, true)
		a.remind(o)
	}
	if o := old.following; o != nil && o != now.following {
		o.extra().followers = member(o.more.followers, h, false)
	}
	if o := now.following; o != nil {
		o.extra().followers = member(o.more.followers, h, true)
	}
}

// keep replaces what there was to say of a host.
func (a *Assembler) keep(h *hostState, old, now *hostMore) {
	if old.outcome != nil {
		a.tree.remove(old.outcome, 0)
	}
	if now.outcome != nil {
		a.tree.add(now.outcome, 0)
	}
	h.more = nil
	if now.some() {
		kept := *now
		h.more = &kept
	}
	a.told = member(a.told, h, len(now.issues)+len(now.warnings) > 0)
	a.fresh = member(a.fresh, h, now.owner != "")
}

// some reports whether there is anything to say.
func (m *hostMore) some() bool {
	return len(m.issues)+len(m.warnings)+len(m.followers)+len(m.troubles) > 0 ||
		m.outcome != nil || m.owner != "" || m.unsettled || m.vain != nil || m.following != nil
}

// member adds a host to a set, or takes it out.
func member(set map[*hostState]struct{}, h *hostState, is bool) map[*hostState]struct{} {
	switch {
	case !is:
		delete(set, h)
	case set == nil:
		return map[*hostState]struct{}{h: {}}
	default:
		set[h] = struct{}{}
	}
	return set
}

// An entering puts those claims on a host into force that are.
type entering struct {
	a        *Assembler
	host     *hostState
	contest  *contest
	above    *hostState // the first pattern in the chain of which the table says anything; nil: none
	into     *claims
	admitted bool // a claim is in force, be its paths our own
	issues   []Issue
}

// enter returns what is in force on the host; nil: nobody may claim it, and it is not
// held for anybody either.
func (e *entering) enter() *claims {
	a, h := e.a, e.host
	if len(e.contest.stakes) > 0 {
		e.into = a.newClaims()
	}
	var rehearsing []*Compiled // a claim that is enforced comes before one that is not, whatever their ages
	for _, o := range h.claimants {
		switch {
		case !e.admits(o.used):
			continue
		case o.used.app.dryRun != DryRunNone:
			rehearsing = append(rehearsing, o.used)
		default:
			e.add(o.used)
		}
		e.admitted = true
	}
	for _, p := range rehearsing {
		e.add(p)
	}
	return e.into
}

// admits reports whether a claim on the host is in force, and else says why it is not.
func (e *entering) admits(p *Compiled) bool {
	a, c, namespace := e.a, e.contest, p.namespace()
	if e.host.name == a.terms.TeamHost {
		return e.admitsConsole(p)
	}
	if why := a.terms.refusal(e.host.name, namespace); why != "" {
		e.tell(p, why, "%s", a.terms.refuse(why, e.host.name, namespace))
		return false
	}
	if c.owns(namespace) || a.terms.granted(e.host.name, namespace) {
		return true
	}
	c.refused = append(c.refused, p.app.source)
	code, words := c.loses(a.ledger.holds())
	if a.ledger == nil && c.winner == nil {
		words += "; so does metadata.creationTimestamp in the files"
	}
	e.tell(p, code, "%s", words)
	return false
}

// admitsConsole is admits for the team host, which is nobody's: there is no contest about it.
func (e *entering) admitsConsole(p *Compiled) bool {
	if why := e.a.terms.noConsole(p); why != "" {
		e.tell(p, codeTeamHost, "%s", e.a.terms.refuseTeamHost(why))
		return false
	}
	if e.into == nil {
		e.into = e.a.newClaims()
	}
	return true
}

// wholeHost are the paths of a policy that names none.
var wholeHost = []Path{{Value: "/"}}

// add enters the claims of a policy. Those that another one has already are not in force.
func (e *entering) add(p *Compiled) {
	paths := p.paths
	if len(paths) == 0 {
		paths = wholeHost
	}
	for _, path := range paths {
		if e.a.terms.ownPath(path.Value) && e.host.name != e.a.terms.TeamHost {
			continue
		}
		c := p.app.claim(path)
		winner := e.into.add(c)
		switch {
		case winner == nil, winner == p.app:
		case p.app.dryRun != DryRunNone && winner.dryRun == DryRunNone:
			e.tell(p, codeNotEnforced, "%s%s (%s) is already claimed by %s, which is enforced; a dry run (dryRun: %s) "+
				"cannot take its place, so this claim is not active", e.host.name, path.Value, path.kind(), winner.source, p.app.dryRun)
		default:
			e.tell(p, codeClaimed, "%s%s (%s) is already claimed by %s, which is older; this claim is not active",
				e.host.name, path.Value, path.kind(), winner.source)
		}
	}
}

// finish sets the host apart, if it is not plain whose it is. It reports whether the
// policies of the pattern above decide there.
func (e *entering) finish(r *claims) (follows bool) {
	c := e.contest
	d := dispute{contended: len(c.refused) > 0 || c.obscure(), note: c.note(e.admitted)}
	if !e.admitted && c.winner != nil && c.above.owner() == c.winner.namespace { // its own policies
		follows = true
		if w := e.above.claims; !e.foreign(w) {
			r.few, r.many = w.few, w.many
			if !d.contended { // what is said of the pattern is said of the host
				d = w.disputed()
			}
		}
	}
	if d.contended || d.note != "" {
		kept := d
		r.dispute = &kept
	}
	return follows
}

// foreign reports whether there are claims of those among some who may not claim the host.
func (e *entering) foreign(some *claims) (yes bool) {
	some.each(func(c claim) { yes = yes || e.a.terms.refusal(e.host.name, c.app.source.Namespace) != "" })
	return yes
}

// shield returns what is in force on a protected host that nobody claims: nothing, if the
// pattern above it is of those who may not claim it; or else nil.
func (e *entering) shield() *claims {
	if e.above == nil || !e.foreign(e.above.claims) {
		return nil
	}
	return &claims{dispute: &dispute{note: fmt.Sprintf("%s is reserved, so %s does not decide there", e.host.name, e.above.name)}}
}

// outcome is what the revision has to say of the host; nil: it is the plain one, that
// whose host it is claims it first. Who claims it in vain, policies and owner tell.
func (e *entering) outcome() *sum {
	c := e.contest
	owner, obscure := c.owner(), c.obscure()
	if len(c.stakes) == 0 || owner != "" && owner == e.first() && !obscure {
		return nil
	}
	return digested(func(d *digest) { d.outcome(e.host.name, owner, obscure) })
}

func (d *digest) outcome(host, owner string, obscure bool) {
	d.num(tagHost)
	d.str(host)
	d.str(owner)
	d.bools(obscure)
}

// first returns the namespace of the oldest claim that could own the host.
func (e *entering) first() string {
	for _, o := range e.host.claimants {
		if e.a.terms.refusal(e.host.name, o.used.namespace()) == "" {
			return o.used.namespace()
		}
	}
	return ""
}

func (e *entering) tell(p *Compiled, code Code, format string, args ...any) {
	field := "spec.hosts"
	for i, h := range p.hosts {
		if h == e.host.name {
			field = item("spec.hosts", i)
		}
	}
	e.issues = append(e.issues, p.app.issue(field, code, format, args...))
}

func (a *app) issue(field string, code Code, format string, args ...any) Issue {
	return newIssue(a.source.at(field), code, fmt.Sprintf(format, args...))
}

func (c *Compiled) namespace() string { return c.app.source.Namespace }

// holds is for how long hosts are held.
func (l *Ledger) holds() time.Duration {
	if l == nil {
		return 0
	}
	return l.hold
}
