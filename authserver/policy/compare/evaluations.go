// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// aboutEvaluation is what a service says of who is signed in, by its url.
const aboutEvaluation = "evaluation"

// evaluation reports whether a service approves of who is signed in.
func (x *explorer) evaluation(in reading, e *policy.Evaluation) (fits bool, q question, open bool) {
	if e == nil || !in.on.Table.Asks(e) {
		return in.unknown, q, false
	}
	if answer, q, open := x.ask(aboutWho, ""); open || answer == notSo {
		return false, q, open
	}
	answer, q, open := x.ask(aboutEvaluation, e.URL)
	if answer == noAnswer {
		return in.unknown, q, open
	}
	return answer == isSo, q, open
}

// findEvaluations notes that services are asked, and says of which it is not known whose
// answers count: no request shows by which keys they are signed.
func (x *explorer) findEvaluations(list []policy.Selector) {
	keys := map[string]string{} // by url
	for i := range list {
		e := list[i].Evaluation
		if e == nil {
			continue
		}
		x.evaluated = true
		if before := cmp.Or(keys[e.URL], e.KeysURL); before != e.KeysURL {
			x.c.cut(x.pair, "was edited and asks "+e.URL+", whose answers are signed by the keys of "+before+" or of "+e.KeysURL+
				": which of them count, no request shows")
		}
		keys[e.URL] = e.KeysURL
	}
}

// evaluate enters what a service says.
func (r *Request) evaluate(url, answer string) {
	switch answer {
	case isSo:
		r.Evaluations = append(r.Evaluations, url+"=true")
	case notSo:
		r.Evaluations = append(r.Evaluations, url+"=false")
	}
}

// outcomes are what came of asking all services that the policies of the host want asked.
func (r *Request) outcomes(t *policy.Table) (out []string) {
	in, _ := t.SignIn(r.target, "")
	for _, e := range in.Evaluations {
		o := policy.Untold
		switch {
		case slices.Contains(r.Evaluations, e.URL+"=true"):
			o = policy.Approved
		case slices.Contains(r.Evaluations, e.URL+"=false"):
			o = policy.Rejected
		}
		out = append(out, e.Outcome(o))
	}
	return out
}

// approvals says what services say, in words.
func (r *Request) approvals() string {
	var out []string
	for _, said := range r.Evaluations {
		url, yes := strings.CutSuffix(said, "=true")
		words := " approves"
		if !yes {
			url, words = strings.TrimSuffix(said, "=false"), " does not approve"
		}
		out = append(out, url+words)
	}
	return strings.Join(out, " and ")
}
