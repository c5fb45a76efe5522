// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// A DryRun is how far a policy is enforced. The zero DryRun is wholly.
type DryRun uint8

// How far a policy is enforced.
const (
	DryRunNone         DryRun = iota
	DryRunOpen                // nothing is
	DryRunAuthenticate        // a valid session is asked for, and no more
)

var dryRunNames = [...]string{"None", "Open", "Authenticate"}

func (m DryRun) String() string { return name(dryRunNames[:], int(m)) }

// Would is what a policy would have decided if it were no dry run.
type Would struct {
	Verdict Verdict
	Reason  Reason
	Source  Source
	Rule    string
}

// String is "deny no-rule-matched". It allocates nothing.
func (w Would) String() string {
	if int(w.Verdict) < len(wouldTexts) && int(w.Reason) < Reasons {
		return wouldTexts[w.Verdict][w.Reason]
	}
	return "invalid"
}

var wouldTexts = func() (out [len(verdictNames)][Reasons]string) {
	for v := range out {
		for r := range out[v] {
			out[v][r] = verdictNames[v] + " " + reasonNames[r]
		}
	}
	return out
}()

// Passes reports whether the request would have got what it asked for.
func (w Would) Passes() bool { return w.Verdict == Admit || w.Verdict == AnswerPreflight }

// guard finds the policy that decides on a path of a host, among whose claims r it is, and
// the dry run that the path falls under, if it does. A dry run takes nothing from a policy
// that is enforced: where one would decide without it, on the host or on a pattern that
// stands for it, the nearest does. What denies a part of the chain ends the search.
func (t *Table) guard(r *claims, host, path string) (a, dry *app) {
	a = r.lookup(path)
	if a == nil || a.dryRun == DryRunNone {
		return a, nil
	}
	if other := r.lookupEnforced(path); other != nil {
		return other, a
	}
	if other := t.enforcedAbove(host, path); other != nil {
		return other, a
	}
	return a, a
}

// enforcedAbove finds the nearest claim that is enforced on the patterns that stand for a host.
func (t *Table) enforcedAbove(host, path string) (found *app) {
	t.eachAbove(host, func(c *claims) bool {
		found = c.lookupEnforced(path)
		return found == nil && !c.empty()
	})
	return found
}

// rehearsed is a decision by a where dry is in a dry run: the same policy, or one whose
// place a takes. Then it passes only what both let pass.
func (t *Table) rehearsed(a, dry *app, d Decision, r *Request, tr *Trace) Decision {
	would := d
	if a != dry {
		would = t.enforced(dry, NoReason, r, nil)
	}
	told := Would{would.Verdict, would.Reason, would.Source, would.Rule}
	switch {
	case a == dry:
		t.loosen(a, &d, r)
	case dry.dryRun == DryRunAuthenticate && d.Verdict == Admit:
		if t.loosen(dry, &would, r); would.Verdict != Admit {
			d = would
		}
	}
	d.DryRun, d.Would = dry.dryRun, told
	tr.rehearsed(a, dry, &d)
	return d
}

// loosen makes of what a policy would decide what its dry run does.
func (t *Table) loosen(a *app, d *Decision, r *Request) {
	subject, refused := t.identify(a, r)
	machine := r.Token.present() || t.links(a, r)
	if machine { // it is a machine's, and a session beside it does not count
		subject = nil
	}
	if a.dryRun == DryRunOpen {
		d.ManageResponses, d.CORS = false, CORSHeaders{}
		if d.Verdict != Admit {
			d.pass(subject)
		}
		return
	}
	switch {
	case d.Verdict != Deny && d.StepUp == "", r.IsPreflight(), d.Reason == AmbiguousPath, machine:
		// a denial that has nothing to do with sessions stays one
	case subject == nil:
		d.challenge(&rule{field: "spec.dryRun"}, refused, r.Method)
	case a.outlives(subject, r.Now, r.SessionDuration):
		d.challenge(&rule{field: "spec.dryRun"}, SessionExpired, r.Method)
	default:
		d.pass(subject)
	}
}

// pass lets a request through that is only refused in earnest.
func (d *Decision) pass(subject *Subject) {
	d.Verdict, d.Reason, d.Identified = Admit, DryRunPassed, subject != nil
	d.Source.Field, d.Rule, d.StepUp, d.CORS = "spec.dryRun", "", "", CORSHeaders{}
}

// narrow returns those of some providers that the dry run accepts, too, if it asks for a
// session beside the policy that decides. Where that would be nobody, they stay.
func (a *app) narrow(decides *app, providers []string) []string {
	if a == nil || a == decides || a.dryRun != DryRunAuthenticate || a.signIn == nil || len(a.signIn.providers) == 0 {
		return providers
	}
	s := a.signIn
	if len(providers) == 0 {
		return slices.Clone(s.providers)
	}
	var out []string
	for _, p := range providers {
		if slices.Contains(s.providers, p) {
			out = append(out, p)
		}
	}
	if out == nil {
		return providers
	}
	return out
}

func (tr *Trace) rehearsed(a, dry *app, d *Decision) {
	if tr == nil {
		return
	}
	at := dry.source.at("spec.dryRun")
	if a != dry {
		tr.add("dryRun", at, "would "+d.Would.String(), "dryRun: %s; %s is enforced here, and decides", dry.dryRun, a.source)
		return
	}
	does := "nothing is enforced"
	if dry.dryRun == DryRunAuthenticate {
		does = "any valid session passes"
	}
	tr.add("dryRun", at, "would "+d.Would.String(), "dryRun: %s: %s", dry.dryRun, does)
}

func (v *validator) dryRun(m DryRun) {
	switch m {
	case DryRunNone:
	case DryRunOpen:
		v.issues = append(v.issues, newIssue(v.source.at("spec.dryRun"), codeDryRun,
			"Open: nothing of this policy is enforced; every request passes"))
	case DryRunAuthenticate:
		v.issues = append(v.issues, newIssue(v.source.at("spec.dryRun"), codeDryRun,
			"Authenticate: the rules are not enforced; everybody who can sign in passes"))
	default:
		v.wrong("spec.dryRun", codeUnknownDryRun, "one of None, Open, Authenticate")
	}
}
