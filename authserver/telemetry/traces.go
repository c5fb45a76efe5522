// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"time"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
)

// trace makes the span of a decision, which says what its log line says, but for path, email
// and addresses. It returns the context of the line.
func (o *Decisions) trace(d string, q *dialect.Ask, dec *policy.Decision, status int, t *policy.Table, took time.Duration) context.Context {
	s := span.Decision{Parent: q.TraceParent, State: q.TraceState, Dialect: d, Verdict: dec.Verdict.String(), Reason: dec.Reason.String(),
		Method: q.Method, Host: q.Target.Host(), RequestID: q.RequestID, Field: dec.Source.Field, Rule: dec.Rule, Revision: t.Revision(),
		Status: status, Preflight: q.IsPreflight(), Start: q.Now, Took: took}
	if dec.Source.Name != "" {
		s.Policy = dec.Source.Namespace + "/" + dec.Source.Name
	}
	if dec.DryRun != policy.DryRunNone {
		s.DryRun, s.Would = dec.DryRun.String(), dec.Would.String()
	}
	switch {
	case dec.Machine != nil:
		s.User = dec.Machine.Name
	case q.Subject != nil:
		s.User, s.Provider = q.Subject.ID, q.Subject.Provider
	}
	return o.tracer.Decided(&s)
}

// traceRefusal is trace for a question that never got as far as a decision.
func (o *Decisions) traceRefusal(d string, q *dialect.Ask, r *dialect.Refusal) context.Context {
	host, _ := place(q)
	return o.tracer.Decided(&span.Decision{Parent: q.TraceParent, State: q.TraceState, Dialect: d, Verdict: policy.Deny.String(),
		Method: bounded(q.Method), Host: bounded(host),
		Reason: r.Reason.String(), RequestID: q.RequestID, Detail: r.Message, Status: r.Status, Start: time.Now()})
}
