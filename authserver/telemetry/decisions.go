// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
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
	log    *slog.Logger
	wanted DecisionLog
	// sample is the part of the decisions that let a request pass of which a line is
	// written, where all are wanted.
	sample   float64
	series   series
	failures failures
	dryRuns  *prometheus.CounterVec
	followed *prometheus.CounterVec
	panics   prometheus.Counter
	tracer   *span.Tracer
}

// Options are what Decisions are made of.
type Options struct {
	// Metrics is where they count; nil: nowhere that can be read.
	Metrics prometheus.Registerer
	Log     *slog.Logger
	Wanted  DecisionLog
	// Sample is the part of the decisions that let a request pass of which a line is
	// written with LogAll, of 1; those that refuse are never left out. Default 0: all.
	Sample float64
	// Tracer makes a span of each decision; nil: nobody wants them.
	Tracer *span.Tracer
}

// New returns Decisions.
func New(o Options) *Decisions {
	d := &Decisions{log: o.Log, wanted: o.Wanted, sample: o.Sample, tracer: o.Tracer}
	d.series.start(o.Metrics)
	d.failures.start(o.Metrics)
	d.dryRuns = counters(o.Metrics, "ostiary_dry_run_decisions_total",
		"What policies with dryRun would have decided, by the policy, the verdict and the reason.", "policy", "verdict", "reason")
	d.followed = counters(o.Metrics, "ostiary_follow_ups_total",
		"Later steps of requests that count at another one: render shows a refusal, nginx-pass and nginx-canary lead a preflight to "+
			"the preflight listener.",
		"dialect")
	d.panics = counter(o.Metrics, "ostiary_panics_total", "Requests that were refused for a defect of Ostiary itself; the log has the stack.")
	return d
}

// Panicked counts a defect.
func (o *Decisions) Panicked() { o.panics.Inc() }

// rehearsed counts what a policy in a dry run would have decided.
func (o *Decisions) rehearsed(w *policy.Would) {
	o.dryRuns.WithLabelValues(w.Source.Namespace+"/"+w.Source.Name, w.Verdict.String(), w.Reason.String()).Inc()
}

// wants reports whether a decision is logged. What passes only since it is a dry run counts
// as refused, and a preflight that is answered does not.
func (o *Decisions) wants(d *policy.Decision, status int, dry bool) bool {
	if o.wanted == LogOff {
		return false
	}
	passes := d.Verdict == policy.Admit && status == 200 || d.Verdict == policy.AnswerPreflight && status != 403
	if !passes || dry && !d.Would.Passes() {
		return true
	}
	return o.wanted == LogAll && (o.sample == 0 || rand.Float64() < o.sample) //nolint:gosec // not a secret
}

// follows reports whether a step belongs to a request whose decision is counted and logged
// at another one: what nginx refused comes to the render listener, and preflights that a
// canary takes come to the preflight listener. A question at nginx-pass that names no Ingress
// is of no canary that we wrote: the application may answer the preflight, and nobody else
// hears of it.
func follows(name string, q *dialect.Ask, d *policy.Decision, status int) bool {
	if d.Verdict != policy.AnswerPreflight || status != 200 {
		return name == "render"
	}
	return name == "render" || name == "nginx-canary" || name == "nginx-pass" && q.Ingress != ""
}

// Decided leaves one count and, if it is wanted, one log line of a decision by a table,
// which took that long.
func (o *Decisions) Decided(d string, q *dialect.Ask, dec *policy.Decision, status int, t *policy.Table, took time.Duration) {
	if follows(d, q, dec, status) {
		o.follow(d, q, dec.Reason, status)
		return
	}
	s := o.series.of(d, dec)
	s.decisions.Inc()
	s.byPolicy.Inc()
	s.seconds.Observe(took.Seconds())
	if dec.Failed != "" {
		o.failures.tell(o.log, dec, q)
	}
	dry := dec.DryRun != policy.DryRunNone
	if dry {
		o.rehearsed(&dec.Would)
	}
	ctx := context.Background()
	if o.tracer != nil {
		ctx = o.trace(d, q, dec, status, t, took)
	}
	if o.wants(dec, status, dry) {
		o.write(ctx, d, q, dec, status, t, took)
	}
}

// write leaves the log line of a decision. No value is longer than maxLogged bytes.
func (o *Decisions) write(ctx context.Context, d string, q *dialect.Ask, dec *policy.Decision, status int, t *policy.Table,
	took time.Duration) {
	var l line
	l.add("verdict", dec.Verdict.String())
	l.add("reason", dec.Reason.String())
	l.attr(slog.Int("status", status))
	l.add("dialect", d)
	l.at(q)
	if dec.Source.Name != "" {
		l.add("policy", dec.Source.Namespace+"/"+dec.Source.Name)
	}
	l.add("field", dec.Source.Field)
	l.add("rule", dec.Rule)
	l.add("origin", q.Origin)
	if q.Withheld && dec.Reason == policy.NoSession {
		l.add("cookies", "third-party cookies are blocked in this browser")
	}
	if dec.DryRun != policy.DryRunNone {
		l.add("dryRun", dec.DryRun.String())
		l.add("would", dec.Would.String())
		l.add("wouldField", dec.Would.Source.String())
	}
	l.who(q, dec)
	l.from(q)
	l.add("revision", t.Revision())
	l.attr(slog.Int64("latencyMicros", took.Microseconds()))
	l.add("requestID", q.RequestID)
	o.log.LogAttrs(ctx, slog.LevelInfo, "decision", l.attrs[:l.n]...)
}

// A line is what a log line says, in its order.
type line struct {
	attrs [26]slog.Attr
	n     int
}

func (l *line) attr(a slog.Attr) {
	l.attrs[l.n] = a
	l.n++
}

// add adds what a client may have chosen, if there is any.
func (l *line) add(key, value string) {
	if value != "" {
		l.attr(slog.String(key, bounded(value)))
	}
}

// who adds whose request it was: a machine that was admitted, or else whoever presented a
// session that is good, admitted or not.
func (l *line) who(q *dialect.Ask, dec *policy.Decision) {
	switch {
	case dec.Machine != nil:
		l.add("user", dec.Machine.Name)
		l.add("clientID", dec.Machine.ID)
	case q.Subject != nil:
		l.add("user", q.Subject.ID)
		l.add("email", q.Subject.Email)
		l.add("provider", q.Subject.Provider)
		l.add("clientID", q.Subject.Client)
	}
}

// at adds what was asked for, as far as it was read: never the query, which can hold secrets.
func (l *line) at(q *dialect.Ask) {
	host, path := place(q)
	l.add("method", q.Method)
	l.add("host", host)
	l.add("path", path)
	if host == "" {
		l.add("asked", withoutQuery(q.Asked))
	}
}

// place is the host and the path, as far as they were read.
func place(q *dialect.Ask) (host, path string) {
	if q.Target.Host() != "" {
		return q.Target.Host(), q.Target.Path()
	}
	return q.HostPort, withoutQuery(q.URI)
}

// About is what a line says of where a request was for, and from where, as far as it was read.
func About(q *dialect.Ask) []slog.Attr {
	var l line
	l.at(q)
	l.from(q)
	return l.attrs[:l.n:l.n]
}

// Where is About for a request as it is decided; nil: nothing is known.
func Where(r *policy.Request) []slog.Attr {
	if r == nil {
		return nil
	}
	return About(&dialect.Ask{Request: *r})
}

// from adds where the client is, if that is known.
func (l *line) from(q *dialect.Ask) {
	if q.Address.IsValid() {
		l.add("address", q.Address.String())
	}
}

func withoutQuery(uri string) string {
	path, _, _ := strings.Cut(uri, "?")
	path, _, _ = strings.Cut(path, "#")
	return path
}

// bounded is a text as it is logged.
func bounded(s string) string { return policy.Cut(s, maxLogged) }

// follow counts a later step. Where the proxy gave the request no id, what the visitor is
// shown leads to this line, and not to that of the decision.
func (o *Decisions) follow(d string, q *dialect.Ask, r policy.Reason, status int) {
	o.followed.WithLabelValues(d).Inc()
	if o.wanted == LogOff || !q.OwnRequestID {
		return
	}
	var l line
	l.add("dialect", d)
	l.add("reason", r.String())
	l.attr(slog.Int("status", status))
	l.at(q)
	l.from(q)
	l.add("requestID", q.RequestID)
	o.log.LogAttrs(context.Background(), slog.LevelInfo, "shown", l.attrs[:l.n]...)
}

// Refused is Decided for a question that never got as far as a decision. What only a wrong
// configuration can cause is logged whatever is wanted.
func (o *Decisions) Refused(d string, q *dialect.Ask, r *dialect.Refusal) {
	if d == "render" && !r.Operator {
		o.follow(d, q, r.Reason, r.Status)
		return
	}
	o.series.of(d, &policy.Decision{Verdict: policy.Deny, Reason: r.Reason}).decisions.Inc()
	ctx := context.Background()
	if o.tracer != nil {
		ctx = o.traceRefusal(d, q, r)
	}
	level := slog.LevelInfo
	if r.Operator {
		level = slog.LevelWarn
	} else if o.wanted == LogOff {
		return
	}
	var l line
	l.add("dialect", d)
	l.attr(slog.Int("status", r.Status))
	l.add("reason", r.Reason.String())
	l.add("why", r.Message)
	l.at(q)
	l.add("origin", q.Origin)
	l.from(q)
	l.add("requestID", q.RequestID)
	o.log.LogAttrs(ctx, level, "refused", l.attrs[:l.n]...)
}
