// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// decideStepUp finds out of somebody who is denied whether a stronger sign-in would help: the
// rules are walked once more for each method that their provider can be asked for and that they
// lack. It only ever makes a denial a question; who has not proved it stays outside.
func (t *Table) decideStepUp(a *app, r *Request, v visitor, d *Decision, tr *Trace) {
	if d.Verdict != Deny || v.subject == nil || v.unattended {
		return
	}
	methods := t.providers.stepUpOf(v.subject)
	for i := range methods {
		if slices.Contains(v.subject.AMR, methods[i]) {
			continue // and it did not help
		}
		would := *d
		v.stepUp = &methods[i]
		if t.decideRules(a, r, v, NoSession, &would, nil); would.Verdict == Deny && would.Reason != SessionExpired {
			continue // on OPTIONS, what is too old is denied, too
		}
		d.Source.Field, d.Rule, d.StepUp = would.Source.Field, would.Rule, methods[i]
		d.Verdict, d.Reason = Challenge, InsufficientAuthentication
		if r.Method == "OPTIONS" {
			d.Verdict = Deny
		}
		tr.stepUp(v.subject, d)
		return
	}
}

// stepUpOf are the methods that the provider of a subject can be asked for.
func (p *Providers) stepUpOf(s *Subject) []string {
	if p == nil || p.byName[s.Provider] == nil {
		return nil
	}
	return p.byName[s.Provider].stepUp
}

func (tr *Trace) stepUp(s *Subject, d *Decision) {
	if tr != nil {
		tr.add("stepUp", d.Source, "insufficient", "this session has %s; with %s, which %s can be asked for, the rule would decide otherwise",
			shownList(s.AMR), shown(d.StepUp), shown(s.Provider))
	}
}
