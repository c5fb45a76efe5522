// SPDX-License-Identifier: Apache-2.0

package console

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// walkOf shows a decision, step by step. Names come from manifests and from requests.
func walkOf(d *policy.Decision, steps []policy.Step, revision string) *web.Walk {
	by := "no policy"
	if d.Source.Name != "" {
		by = strings.TrimSuffix(d.Source.String()+" ("+d.Rule+")", " ()")
	}
	w := &web.Walk{Headline: explain.Headline(d.Verdict, d.Reason), Reason: d.Reason.String(), Decided: policy.Line(by), Revision: revision}
	for _, s := range steps {
		detail := s.Detail
		if s.Source.Name != "" {
			detail = strings.TrimSuffix(s.Source.String()+": "+detail, ": ")
		}
		one := web.WalkStep{What: s.What, Outcome: s.Outcome, Detail: policy.Line(detail), Findings: findingsOf(s.Findings)}
		if s.Fix != nil {
			one.FixField, one.FixLine = s.Fix.Field, policy.Line(s.Fix.Line)
		}
		w.Steps = append(w.Steps, one)
	}
	return w
}

func findingsOf(all []policy.Finding) (out []web.WalkFinding) {
	for _, f := range all {
		outcome := strings.TrimSuffix(f.Matches+", "+f.Detail, ", ")
		if f.Counts != "" {
			outcome += ", which counts as " + f.Counts
		}
		out = append(out, web.WalkFinding{Field: f.Field, Selector: policy.Line(f.Selector), Outcome: policy.Line(outcome),
			Within: findingsOf(f.Within)})
	}
	return out
}

func join(texts []string) string { return strings.Join(texts, ", ") }

// The pages of operators, below the console's path.
var pages = []struct{ own, label string }{{"denials", "Denials"}, {"test", "Tester"}, {"policies", "Policies"}}

// nav are the links to them.
func (h *Handler) nav(current string) (out []web.Link) {
	for _, p := range pages {
		out = append(out, web.Link{Label: p.label, URL: h.consoleURL(p.own), Current: p.own == current})
	}
	return out
}

func (h *Handler) consoleURL(own string) string {
	return h.Origin(h.TeamHost()) + policy.Console(h.PathPrefix) + "/" + own
}

// operatorsRoute finds what answers for an address of ours at the team host.
func (h *Handler) operatorsRoute(own string) func(*public.Exchange) {
	switch own {
	case "why":
		return h.why
	case peerPath:
		return h.answerPeer
	case "console":
		return h.forOperators(func(x *public.Exchange, _ operator) { h.Redirect(x, h.consoleURL(pages[0].own)) })
	case "console/denials":
		return h.forOperators(h.denials)
	case "console/denials/events":
		return h.forOperators(h.denialEvents)
	case "console/test":
		return h.forOperators(h.tester)
	case "console/policies":
		return h.forOperators(h.policies)
	}
	return nil
}
