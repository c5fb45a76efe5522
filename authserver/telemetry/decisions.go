// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// maxLogged bounds what a client can put into a log line; a policy's origins are
// no longer.
const maxLogged = 512

// DecisionLog says which decisions are logged.
type DecisionLog string

// Which decisions are logged.
const (
	LogRefused DecisionLog = "refused" // all but those that let a request pass
	LogAll     DecisionLog = "all"
	LogOff     DecisionLog = "off"
)

// Parse reads which decisions are logged.
func Parse(s string) (DecisionLog, error) {
	switch l := DecisionLog(s); l {
	case LogRefused, LogAll, LogOff:
		return l, nil
	}
	return "", fmt.Errorf("%q: refused, all or off", s)
}

// Decisions tell what was decided. They count without looking up labels by hash on every
// request.
type Decisions struct {
	log      *slog.Logger
	wanted   DecisionLog
	vec      *prometheus.CounterVec
	counters sync.Map // decisionKey → prometheus.Counter
	failures failures
	dryRuns  *prometheus.CounterVec
}

type decisionKey struct {
	dialect string
	verdict policy.Verdict
	reason  policy.Reason
}

// New returns Decisions that count at r, which may be nil, and write to a log what of
// them is wanted.
func New(r prometheus.Registerer, log *slog.Logger, wanted DecisionLog) *Decisions {
	o := &Decisions{log: log, wanted: wanted, vec: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ostiary_decisions_total",
		Help: "Decisions, by the dialect that asked, the verdict and the reason.",
	}, []string{"dialect", "verdict", "reason"})}
	o.failures.start(r)
	o.dryRuns = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ostiary_dry_run_decisions_total",
		Help: "What policies with dryRun would have decided, by the policy, the verdict and the reason.",
	}, []string{"policy", "verdict", "reason"})
	if r != nil {
		o.vec, o.dryRuns = registered(r, o.vec), registered(r, o.dryRuns)
	}
	return o
}

// registered registers a vector, or returns the one of its name that another of this
// process did: it has the same labels.
func registered(r prometheus.Registerer, vec *prometheus.CounterVec) *prometheus.CounterVec {
	var taken prometheus.AlreadyRegisteredError
	if err := r.Register(vec); errors.As(err, &taken) {
		if there, ok := taken.ExistingCollector.(*prometheus.CounterVec); ok {
			return there
		}
	}
	return vec
}

// rehearsed counts what a policy in a dry run would have decided.
func (o *Decisions) rehearsed(w *policy.Would) {
	o.dryRuns.WithLabelValues(w.Source.Namespace+"/"+w.Source.Name, w.Verdict.String(), w.Reason.String()).Inc()
}

// wants reports whether a decision is logged. What passes only since it is a dry run counts
// as refused.
func (o *Decisions) wants(d *policy.Decision, status int, dry bool) bool {
	passes := d.Verdict == policy.Admit && status == 200 && (!dry || d.Would.Passes())
	return o.wanted == LogAll || o.wanted != LogOff && !passes
}

// Decided leaves one count and, if it is wanted, one log line of a decision by a table.
func (o *Decisions) Decided(d string, q *dialect.Ask, dec *policy.Decision, status int, t *policy.Table) {
	o.count(d, dec.Verdict, dec.Reason)
	if dec.Failed != "" {
		o.failures.tell(o.log, dec, q)
	}
	dry := dec.DryRun != policy.DryRunNone
	if dry {
		o.rehearsed(&dec.Would)
	}
	if !o.wants(dec, status, dry) {
		return
	}
	var attrs [18]slog.Attr
	n := 0
	add := func(key, value string) {
		if value != "" {
			attrs[n] = slog.String(key, value)
			n++
		}
	}
	add("verdict", dec.Verdict.String())
	add("reason", dec.Reason.String())
	attrs[n] = slog.Int("status", status)
	n++
	add("dialect", d)
	add("method", q.Method)
	add("host", q.Target.Host())
	add("path", q.Target.Path()) // never the query: it can hold secrets
	if dec.Source.Name != "" {
		add("policy", dec.Source.Namespace+"/"+dec.Source.Name)
	}
	add("field", dec.Source.Field)
	add("origin", q.Origin[:min(len(q.Origin), maxLogged)])
	if q.Withheld && dec.Reason == policy.NoSession {
		add("cookies", "third-party cookies are blocked in this browser")
	}
	if dec.Machine != nil {
		add("user", dec.Machine.Name)
	}
	if dry {
		add("dryRun", dec.DryRun.String())
		add("would", dec.Would.String())
		add("wouldField", dec.Would.Source.String())
	}
	if dec.Identified {
		add("user", q.Subject.ID)
		add("provider", q.Subject.Provider)
	}
	add("revision", t.Revision())
	add("requestID", q.RequestID)
	o.log.LogAttrs(context.Background(), slog.LevelInfo, "decision", attrs[:n]...)
}

// Refused is Decided for a question that never got as far as a decision. What only a wrong
// configuration can cause is logged whatever is wanted.
func (o *Decisions) Refused(d string, q *dialect.Ask, r *dialect.Refusal) {
	o.count(d, policy.Deny, r.Reason)
	level := slog.LevelInfo
	if r.Operator {
		level = slog.LevelWarn
	} else if o.wanted == LogOff {
		return
	}
	o.log.LogAttrs(context.Background(), level, "refused", slog.String("dialect", d),
		slog.Int("status", r.Status), slog.String("reason", r.Reason.String()),
		slog.String("why", r.Message), slog.String("requestID", q.RequestID))
}

func (o *Decisions) count(d string, v policy.Verdict, r policy.Reason) {
	key := decisionKey{d, v, r}
	if counter, ok := o.counters.Load(key); ok {
		counter.(prometheus.Counter).Inc() // the map holds nothing else
		return
	}
	counter := o.vec.WithLabelValues(d, v.String(), r.String())
	o.counters.Store(key, counter)
	counter.Inc()
}
