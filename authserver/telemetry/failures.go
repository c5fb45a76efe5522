// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Bounds of what is logged of expressions that have no answer, as visitors can cause it.
const (
	failureEvery = time.Minute // of one policy
	failuresMost = 1000        // policies that are remembered
)

// failures tell of policies whose expressions have no answer: each is counted, and the log
// has a line of each policy now and then, whatever of decisions is wanted in it.
type failures struct {
	counter prometheus.Counter
	mu      sync.Mutex
	last    map[[2]string]time.Time // by namespace and name
}

func (f *failures) start(r prometheus.Registerer) {
	f.last = map[[2]string]time.Time{}
	f.counter = counter(r, "ostiary_expression_failures_total",
		"Requests for which an expression (cel) of a policy had no answer, which counted against the visitor.")
}

func (f *failures) tell(log *slog.Logger, d *policy.Decision, q *dialect.Ask) {
	f.counter.Inc()
	if !f.due([2]string{d.Source.Namespace, d.Source.Name}, q.Now) {
		return
	}
	var l line
	l.add("policy", d.Source.Namespace+"/"+d.Source.Name)
	l.add("failed", d.Failed)
	l.at(q)
	l.from(q)
	l.add("requestID", q.RequestID)
	log.LogAttrs(context.Background(), slog.LevelWarn, "expression has no answer", l.attrs[:l.n]...)
}

// due reports whether a line of the policy is to be written.
func (f *failures) due(name [2]string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if last, ok := f.last[name]; ok && now.Sub(last) < failureEvery {
		return false
	}
	if len(f.last) >= failuresMost {
		clear(f.last)
	}
	f.last[name] = now
	return true
}
