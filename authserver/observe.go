// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// maxLogged bounds what a client can put into a log line; a policy's origins are
// no longer.
const maxLogged = 512

// observe leaves one count and, if it is wanted, one log line a decision.
func (s *Server) observe(d dialect.Dialect, q *dialect.Ask, dec *policy.Decision, status int, t *policy.Table) {
	s.decisions.count(d.String(), dec.Verdict, dec.Reason)
	if name := d.String(); name != "render" && name != "preflight" { // these show what was refused or led there, not that anybody asks
		s.Witnesses.Saw(q.Ingress, q.Pin, dec.Source)
	}
	if s.DecisionLog == LogOff || s.DecisionLog != LogAll && dec.Verdict == policy.Admit && status == 200 {
		return
	}
	var attrs [15]slog.Attr
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
	add("dialect", d.String())
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
	if dec.Identified {
		add("user", q.Subject.ID)
		add("provider", q.Subject.Provider)
	}
	add("revision", t.Revision())
	add("requestID", q.RequestID)
	s.Log.LogAttrs(context.Background(), slog.LevelInfo, "decision", attrs[:n]...)
}

// decisionCounters counts without looking up labels by hash on every request.
type decisionCounters struct {
	vec      *prometheus.CounterVec
	counters sync.Map // decisionKey → prometheus.Counter
}

type decisionKey struct {
	dialect string
	verdict policy.Verdict
	reason  policy.Reason
}

func newDecisionCounters(r prometheus.Registerer) *decisionCounters {
	c := &decisionCounters{vec: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ostiary_decisions_total",
		Help: "Decisions, by the dialect that asked, the verdict and the reason.",
	}, []string{"dialect", "verdict", "reason"})}
	if r == nil {
		return c
	}
	var taken prometheus.AlreadyRegisteredError
	if err := r.Register(c.vec); errors.As(err, &taken) { // by another Server of this process
		c.vec = taken.ExistingCollector.(*prometheus.CounterVec) // it has the same name and labels
	}
	return c
}

func (c *decisionCounters) count(d string, v policy.Verdict, r policy.Reason) {
	key := decisionKey{d, v, r}
	if counter, ok := c.counters.Load(key); ok {
		counter.(prometheus.Counter).Inc() // the map holds nothing else
		return
	}
	counter := c.vec.WithLabelValues(d, v.String(), r.String())
	c.counters.Store(key, counter)
	counter.Inc()
}
