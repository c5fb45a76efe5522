// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// The model is a cluster in which namespaces claim, edit and leave, one replica
// leads, records and tells, and everything can be lost or brought back. Whatever
// happens: a rule of one namespace never decides a host that another has in force,
// or that is held for it.

var (
	modelHosts = []string{"a.x", "*.x", "b.x", "x", "**.x"}
	modelAsked = []string{"a.x", "b.x", "c.x", "x"}
	modelNames = []string{"a", "b", "c"}
	// What a policy claims, in bits: hosts alone, and two at once.
	modelMasks = []uint8{1, 2, 4, 8, 16, 3}
)

const modelHold = 10

// A mutant is a mistake that the model has to find.
type mutant struct {
	byObjectAge   bool // as it was once: the older object wins
	noHold        bool
	trustHostless bool // a status counts for what Ingresses add later
	forgetful     bool // the ledger is never read
	tellsFirst    bool // statuses are written before the ledger
}

type modelPolicy struct {
	there, hostless, accepted bool
	mask                      uint8
}

type modelClaim struct {
	host, ns, since int
	released        int // 0: not
}

type model struct {
	policies          [3]modelPolicy
	ledger, noticed   []modelClaim // noticed: by the leader, and not yet written
	backup            []modelClaim
	granted, reserved bool    // a.x to b; everything below x to a
	guard             [4]int  // who has each of the asked in force, or has it held: 1 is "a"
	by                [4]int  // which of its hosts makes it so
	kept              [4]bool // that was written down, and its hold has not passed
	clock             int
}

func (m *model) clone() *model {
	c := *m
	c.ledger, c.noticed, c.backup = slices.Clone(m.ledger), slices.Clone(m.noticed), slices.Clone(m.backup)
	return &c
}

// key tells states apart. Of times, only their order counts.
func (m *model) key() string {
	times := []int{m.clock}
	for _, list := range [][]modelClaim{m.ledger, m.noticed, m.backup} {
		for _, c := range list {
			times = append(times, c.since)
			if c.released > 0 {
				times = append(times, c.released)
			}
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	at := func(t int) int { return slices.Index(times, t) }
	var b strings.Builder
	fmt.Fprint(&b, m.policies, m.granted, m.guard, m.by, m.kept)
	for _, list := range [][]modelClaim{m.ledger, m.noticed, m.backup} {
		lines := make([]string, len(list))
		for i, c := range list {
			lines[i] = fmt.Sprint(c.host, c.ns, at(c.since), c.released > 0)
		}
		slices.Sort(lines)
		fmt.Fprint(&b, lines, "|")
	}
	return b.String()
}

// An explorer runs the model, and remembers what tables decide.
type explorer struct {
	namespaces int
	wrong      mutant
	compiled   map[[2]int]*Compiled
	memo       map[string]*modelView
	targets    []Target
}

// A modelView is what one replica makes of the world.
type modelView struct {
	decides  [4][4]bool // asked, by: 0 is whoever decides where the route is not known
	unpinned [4]int
	refused  [3]bool // the policy is told that it does not own all it claims
	ledger   *Ledger
	table    *Table
	policies []*Compiled
}

func newExplorer(t testing.TB, namespaces int, wrong mutant) *explorer {
	e := &explorer{namespaces: namespaces, wrong: wrong, compiled: map[[2]int]*Compiled{}, memo: map[string]*modelView{}}
	for _, h := range modelAsked {
		e.targets = append(e.targets, mustTarget(t, "https://"+h+"/"))
	}
	for ns := range namespaces {
		for mask := range 1 << len(modelHosts) {
			// The younger the namespace in this list, the older its object.
			p := Policy{Source: Source{Namespace: modelNames[ns], Name: "p"}, Since: birth.Add(-time.Duration(ns) * time.Hour), Rules: does(Bypass)}
			for i, h := range modelHosts {
				if mask>>i&1 == 1 {
					p.Hosts = append(p.Hosts, h)
				}
			}
			e.compiled[[2]int{ns, mask}] = Compile(&p)
		}
	}
	return e
}

func modelTime(t int) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return birth.Add(time.Duration(t) * time.Hour)
}

func (m *model) terms() Terms {
	var t Terms
	if m.granted {
		t.Grants = []Grant{{"a.x", "b"}}
	}
	if m.reserved {
		t.Reservations = []Grant{{"*.x", "a"}}
	}
	return t
}

// view is what a replica makes of the world, be it the one that leads.
func (e *explorer) view(m *model, leads bool) *modelView {
	claims := m.ledger
	if leads {
		claims = slices.Concat(claims, m.noticed)
	}
	if e.wrong.forgetful {
		claims = nil
	}
	key := fmt.Sprint(m.policies, claims, m.granted, m.reserved)
	if v := e.memo[key]; v != nil {
		return v
	}
	v := &modelView{}
	var written []Claim
	for _, c := range claims {
		written = append(written, Claim{modelHosts[c.host], modelNames[c.ns], modelTime(c.since), modelTime(c.released)})
	}
	for ns, p := range m.policies[:e.namespaces] {
		if !p.there {
			continue
		}
		v.policies = append(v.policies, e.compiled[[2]int{ns, int(p.mask)}])
		for i, h := range modelHosts {
			if p.mask>>i&1 == 1 && p.accepted && (!p.hostless || e.wrong.trustHostless) {
				written = append(written, Claim{Host: h, Namespace: modelNames[ns]})
			}
		}
	}
	hold := modelHold * time.Hour
	if e.wrong.noHold {
		hold = 0
	}
	in := Input{Policies: v.policies, Terms: m.terms()}
	if v.ledger = NewLedger(written, hold); !e.wrong.byObjectAge {
		in.Ledger = v.ledger
	}
	for _, ns := range modelNames[:e.namespaces] {
		in.Bindings = append(in.Bindings, Binding{ns + "/i", ns + "/p"})
	}
	var issues []Issue
	v.table, issues = Build(in)
	for _, i := range issues {
		if !i.Warning() {
			v.refused[slices.Index(modelNames, i.Source.Namespace)] = true
		}
	}
	for q := range e.targets {
		for by := range e.namespaces + 1 {
			r := Request{Target: e.targets[q], Method: "GET", Now: now}
			if by > 0 {
				r.Ingress = modelNames[by-1] + "/i"
			}
			if d := v.table.Decide(r); d.Verdict == Admit {
				ns := slices.Index(modelNames, d.Source.Namespace) + 1
				v.decides[q][ns] = true
				if by == 0 {
					v.unpinned[q] = ns
				}
			}
		}
	}
	e.memo[key] = v
	return v
}

// covers reports whether a host of a policy is one that was asked about, or a pattern above
// it.
func covers(host, asked int) bool {
	return modelHosts[host] == modelAsked[asked] || isPattern(host) && modelAsked[asked] != "x"
}

func isPattern(host int) bool { return modelHosts[host][0] == '*' }

// records reports whether what is written or noticed holds a host for its guard.
func (m *model) records(q int) bool {
	return m.holds(q, m.ledger) || m.holds(q, m.noticed)
}

func (m *model) holds(q int, claims []modelClaim) bool {
	return slices.ContainsFunc(claims, func(c modelClaim) bool { return c.ns+1 == m.guard[q] && c.host == m.by[q] })
}

// claims reports whether the guard of a host still claims what makes it that.
func (m *model) claims(q int) bool {
	p, host := m.policies[max(0, m.guard[q]-1)], m.by[q]
	void := m.reserved && m.guard[q] != 1 && host != 3 && !(m.granted && m.guard[q] == 2 && host == 0)
	return m.guard[q] > 0 && p.there && p.mask>>host&1 == 1 && !void
}

// check holds the world against what must never be, and notes who has what.
func (e *explorer) check(m *model) string {
	for q := range m.guard {
		if m.guard[q] > 0 && !m.claims(q) && !m.records(q) && !m.kept[q] {
			m.guard[q] = 0 // it went away, and its time is over, or nobody had written it down
		}
	}
	for _, leads := range []bool{false, true} {
		v := e.view(m, leads)
		for q := range m.guard {
			for ns := 1; ns <= e.namespaces; ns++ {
				granted := m.granted && ns == 2 && modelAsked[q] == "a.x" || m.reserved && ns == 1
				unwritten := !leads && !m.claims(q) && !m.holds(q, m.ledger) && !m.kept[q] // one replica alone has it in mind
				if v.decides[q][ns] && m.guard[q] > 0 && m.guard[q] != ns && !granted && !unwritten {
					return fmt.Sprintf("a rule of %s decides %s, which is %s's (leader: %v)", modelNames[ns-1], modelAsked[q], modelNames[m.guard[q]-1], leads)
				}
				if m.reserved && ns != 1 && v.decides[q][ns] && modelAsked[q] != "x" && !granted {
					return fmt.Sprintf("a rule of %s decides %s, which is reserved", modelNames[ns-1], modelAsked[q])
				}
			}
			if by := e.contenders(m, q); by > 1 && v.unpinned[q] > 0 {
				return fmt.Sprintf("%d namespaces claim %s, and it is decided for anybody", by, modelAsked[q])
			}
		}
	}
	v, leader := e.view(m, false), e.view(m, true)
	for q := range m.guard {
		m.kept[q] = m.kept[q] || m.guard[q] > 0 && m.holds(q, m.ledger)
		for ns := 1; ns <= e.namespaces; ns++ {
			if !v.decides[q][ns] || !leader.decides[q][ns] || m.guard[q] != 0 {
				continue // only the leader knows yet who was first
			}
			m.guard[q], m.by[q] = ns, slices.Index(modelHosts, modelAsked[q])
			if m.by[q] < 0 || m.policies[ns-1].mask>>m.by[q]&1 == 0 {
				if m.by[q] = 1; m.policies[ns-1].mask>>1&1 == 0 {
					m.by[q] = 4
				}
			}
			if m.granted && ns == 2 && m.by[q] == 0 && !m.holds(q, m.ledger) { // it is there by the grant
				m.guard[q] = 0
			}
			m.kept[q] = m.guard[q] > 0 && m.holds(q, m.ledger)
		}
	}
	return ""
}

// contenders counts the namespaces that claim a host by its name, no grant or
// reservation between them.
func (e *explorer) contenders(m *model, q int) (n int) {
	host := slices.Index(modelHosts, modelAsked[q])
	for ns, p := range m.policies[:e.namespaces] {
		granted := m.granted && ns == 1 && host == 0 || m.reserved && modelAsked[q] != "x"
		if host >= 0 && p.there && p.mask>>host&1 == 1 && !granted {
			n++
		}
	}
	return n
}

// explore visits every world that can be reached in so many events. It returns what
// went wrong, and how it came to that.
func (e *explorer) explore(start model, depth int) (wrong string, worlds int) {
	type step struct {
		m    *model
		path []string
	}
	seen := map[string]bool{start.key(): true}
	level := []step{{&start, nil}}
	events := e.events()
	for range depth {
		var next []step
		for _, s := range level {
			for _, ev := range events {
				m := s.m.clone()
				if !ev.do(e, m) {
					continue
				}
				if problem := e.check(m); problem != "" {
					problem += fmt.Sprintf("\n%+v", *m)
					return strings.Join(append(slices.Clone(s.path), ev.name), ", ") + ": " + problem, len(seen)
				}
				if key := m.key(); !seen[key] {
					seen[key] = true
					next = append(next, step{m, append(slices.Clip(s.path), ev.name)})
				}
			}
		}
		level = next
	}
	return "", len(seen)
}

// walk takes one way at random.
func (e *explorer) walk(rng *rand.Rand, start model, steps int) string {
	m, path, events := &start, []string{}, e.events()
	for range steps {
		ev := events[rng.IntN(len(events))]
		if !ev.do(e, m) {
			continue
		}
		path = append(path, ev.name)
		if problem := e.check(m); problem != "" {
			return fmt.Sprintf("%s: %s\n%+v", strings.Join(path, ", "), problem, *m)
		}
	}
	return ""
}

// TestOwnershipModel: attack: host taken by age.
func TestOwnershipModel(t *testing.T) {
	depth, walks := 4, 3000/every(6)
	if testing.Short() {
		depth = 3
	}
	for name, start := range map[string]model{"first come": {clock: 1}, "reserved": {clock: 1, reserved: true}} {
		t.Run(name, func(t *testing.T) {
			wrong, worlds := newExplorer(t, 2, mutant{}).explore(start, depth)
			if wrong != "" {
				t.Error(wrong)
			}
			t.Logf("%d worlds", worlds)
			e, rng := newExplorer(t, 3, mutant{}), rand.New(rand.NewPCG(8, 1))
			for range walks {
				if wrong := e.walk(rng, start, 25); wrong != "" {
					t.Fatal(wrong)
				}
				if len(e.memo) > 50_000 {
					clear(e.memo)
				}
			}
		})
	}
}

// TestOwnershipModelFinds: the model finds what was wrong once, and what could be.
func TestOwnershipModelFinds(t *testing.T) {
	all := []struct {
		name  string
		wrong mutant
	}{
		{"age of objects", mutant{byObjectAge: true}}, {"no hold", mutant{noHold: true}}, {"statuses of Ingresses", mutant{trustHostless: true}},
		{"no ledger", mutant{forgetful: true}}, {"status before ledger", mutant{tellsFirst: true}},
	}
	for i := 0; i < len(all); i += every(1) {
		problem, _ := newExplorer(t, 2, all[i].wrong).explore(model{clock: 1}, 5)
		if problem == "" {
			t.Errorf("%s: nothing is found", all[i].name)
		}
		t.Logf("%s: %s", all[i].name, problem)
	}
}
