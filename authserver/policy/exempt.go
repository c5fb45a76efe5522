// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// An exemption is an exact path that needs no session, and where the policy says so.
type exemption struct{ path, field string }

func compileExempt(paths []string) []exemption {
	if len(paths) == 0 {
		return nil
	}
	out := make([]exemption, len(paths))
	for i, p := range paths {
		out[i] = exemption{p, item("spec.exempt", i)}
	}
	return out
}

// exempted returns the exemption that a request falls under, or nil. It is for what
// browsers load without a session: a GET or HEAD, which is no WebSocket.
func (a *app) exempted(r *Request) *exemption {
	if r.Method != "GET" && r.Method != "HEAD" || r.WebSocket {
		return nil
	}
	for i := range a.exempt {
		if a.exempt[i].path == r.Target.path {
			return &a.exempt[i]
		}
	}
	return nil
}

// decideExempt reports whether an exemption decides: it admits, unless a Block rule denies
// any visitor without a session. Who has one is not asked, so that all get the same answer.
func (t *Table) decideExempt(a *app, r *Request, d *Decision, tr *Trace) bool {
	e := a.exempted(r)
	if e == nil {
		return false
	}
	if doubt := r.doubt(); doubt != NoReason {
		d.Reason = doubt // without it, the request would have passed
		tr.exempt(a, e, "skipped")
		return false
	}
	nobody := visitor{table: t}.asking(r)
	for i := range a.identity {
		ru := &a.identity[i]
		m := ru.match(r.Method, &nobody)
		nobody.report(a, ru, d, tr)
		if ru.action == Block && m == yes {
			tr.rule(a, ru, m, r.Method, &nobody)
			d.deny(ru, Blocked)
			return true
		}
		if ru.action == Allow && m != no {
			break // what stands below it, such a visitor does not reach
		}
	}
	tr.exempt(a, e, "exempt")
	d.Source.Field, d.Rule, d.Verdict, d.Reason = e.field, "", Admit, Bypassed
	return true
}

func (tr *Trace) exempt(a *app, e *exemption, outcome string) {
	if tr == nil {
		return
	}
	why := e.path + " needs no session"
	if outcome == "skipped" {
		why = e.path + " is exempt, but only as a canonical path, where the proxy names the host"
	}
	tr.add("exempt", a.source.at(e.field), outcome, "%s", why)
}

// exempt checks the exempt paths. One that the policy does not claim does nothing.
func (v *validator) exempt(p *Policy) {
	twice := repeatsOf(p.Exempt)
	for i, path := range p.Exempt {
		at := item("spec.exempt", i)
		if wrong := checkPath(path); wrong.found() {
			v.wrong(at, wrong.code, "%q: %s", path, wrong.text)
		} else if twice.again(i) {
			v.wrong(at, codeListedTwice, "%q: listed twice", path)
		} else if !claimsPath(p.Paths, path) {
			v.unwise(at, codeExemptElsewhere, path+": no path of this policy covers it, so this has no effect")
		}
	}
}

// claimsPath reports whether a path is one of those that a policy claims.
func claimsPath(paths []Path, path string) bool {
	return len(paths) == 0 || slices.ContainsFunc(paths, func(p Path) bool {
		c := (&app{}).claim(p)
		return c.covers(path)
	})
}
