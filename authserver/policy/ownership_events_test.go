// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"time"
)

// An event happens to the world. It reports whether it can.
type modelEvent struct {
	name string
	do   func(e *explorer, m *model) bool
}

func (e *explorer) events() []modelEvent {
	var out []modelEvent
	add := func(name string, do func(*explorer, *model) bool) { out = append(out, modelEvent{name, do}) }
	for ns := range e.namespaces {
		for _, mask := range modelMasks {
			name := fmt.Sprintf("%s claims %04b", modelNames[ns], mask)
			add(name, func(_ *explorer, m *model) bool {
				m.policies[ns] = modelPolicy{there: true, mask: mask}
				return true
			})
			if mask == 4 || mask == 8 {
				continue
			}
			add(name+" by Ingresses", func(_ *explorer, m *model) bool { // its generation stays, and so does its status
				p := m.policies[ns]
				m.policies[ns] = modelPolicy{there: true, hostless: true, mask: mask, accepted: p.accepted && p.hostless}
				return true
			})
		}
		add(modelNames[ns]+" has no Ingress yet", func(_ *explorer, m *model) bool {
			m.policies[ns] = modelPolicy{there: true, hostless: true}
			return true
		})
		add(modelNames[ns]+" leaves", func(_ *explorer, m *model) bool {
			was := m.policies[ns].there
			m.policies[ns] = modelPolicy{}
			return was
		})
	}
	add("the leader looks", (*explorer).look)
	add("the leader writes", (*explorer).write)
	add("the leader tells", (*explorer).tell)
	add("another leads", func(_ *explorer, m *model) bool { m.noticed = nil; return true })
	add("the hold passes", func(e *explorer, m *model) bool {
		m.clock += modelHold + 1
		for q := range m.kept {
			m.kept[q] = m.kept[q] && m.claims(q)
		}
		return e.write(m)
	})
	add("the grant comes or goes", func(_ *explorer, m *model) bool {
		m.granted = !m.granted
		for q := range m.guard { // whom nothing recorded, the platform's word comes before
			if m.granted && m.guard[q] == 2 && covers(0, q) && !m.holds(q, m.ledger) {
				m.guard[q] = 0
			}
		}
		return true
	})
	add("the ledger is lost", func(_ *explorer, m *model) bool {
		m.ledger, m.noticed, m.kept = nil, nil, [4]bool{} // while no replica ran: those that run have it in mind
		for q := range m.guard {
			p := m.policies[max(0, m.guard[q]-1)]
			guest := m.granted && m.guard[q] == 2 && m.by[q] == 0
			if !p.accepted || p.hostless || guest {
				m.guard[q] = 0 // nothing is left that tells
			}
		}
		return true
	})
	add("a backup is made", func(_ *explorer, m *model) bool { m.backup = slices.Clone(m.ledger); return len(m.ledger) > 0 })
	add("everything is lost", func(_ *explorer, m *model) bool {
		m.ledger, m.noticed, m.policies, m.guard, m.kept = nil, nil, [3]modelPolicy{}, [4]int{}, [4]bool{}
		return len(m.backup) > 0
	})
	add("the backup is restored", (*explorer).restore)
	return out
}

func (e *explorer) record(m *model, claims []Claim) (out []modelClaim) {
	for _, c := range claims {
		r := modelClaim{
			host:  slices.Index(modelHosts, c.Host),
			ns:    slices.Index(modelNames, c.Namespace),
			since: int(c.Since.Sub(birth) / time.Hour),
		}
		if c.Since.Sub(birth)%time.Hour != 0 {
			r.since++ // later than any before
		}
		if m.clock = max(m.clock, r.since); !c.Released.IsZero() {
			r.released = int(c.Released.Sub(birth) / time.Hour)
		}
		out = append(out, r)
	}
	return out
}

// look: the leader keeps in mind who was first, and writes it down later.
func (e *explorer) look(m *model) bool {
	m.clock++
	v := e.view(m, true)
	m.noticed = append(m.noticed, e.record(m, v.ledger.Fresh(v.table, modelTime(m.clock)))...)
	return true
}

func (e *explorer) write(m *model) bool {
	m.clock++
	v := e.view(m, true)
	claims, _ := v.ledger.Record(v.table, v.policies, modelTime(m.clock))
	m.ledger, m.noticed = e.record(m, claims), nil
	return true
}

// tell: nobody is told that a host is theirs before that is written down.
func (e *explorer) tell(m *model) bool {
	v := e.view(m, true)
	for ns := range m.policies[:e.namespaces] {
		p := &m.policies[ns]
		unwritten := false
		for i := range modelHosts {
			has := slices.ContainsFunc(m.ledger, func(c modelClaim) bool { return c.ns == ns && c.host == i })
			unwritten = unwritten || p.mask>>i&1 == 1 && !has
		}
		if unwritten = unwritten && !e.wrong.tellsFirst; p.there && !unwritten {
			p.accepted = !v.refused[ns]
		}
	}
	return true
}

func (e *explorer) restore(m *model) bool {
	m.ledger = append(m.ledger, m.backup...)
	for q := range m.guard { // whoever was first has it, whoever was there meanwhile
		best, ties := modelClaim{}, map[int]bool{}
		for _, c := range m.ledger {
			if !covers(c.host, q) || m.reserved && c.ns != 0 {
				continue
			}
			exact := func(c modelClaim) bool { return modelHosts[c.host] == modelAsked[q] }
			switch {
			case best.since == 0, c.since < best.since, c.since == best.since && exact(c) && !exact(best):
				best, ties = c, map[int]bool{c.ns: true}
			case c.since == best.since && exact(c) == exact(best):
				ties[c.ns] = true
			}
		}
		if len(ties) == 1 {
			m.guard[q], m.by[q], m.kept[q] = best.ns+1, best.host, false
		}
	}
	return len(m.backup) > 0
}
