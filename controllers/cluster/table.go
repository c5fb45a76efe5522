// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TableMetrics say what is in force, whether it comes from a cluster or from files.
type TableMetrics struct {
	built, size prometheus.Gauge
	revision    *prometheus.GaugeVec
	broken      *prometheus.GaugeVec
	building    prometheus.Histogram
	enforced    prometheus.Histogram
	heard       atomic.Int64    // when the first change came that is not in force yet; 0: none
	was         string          // the revision
	known       map[string]bool // of broken
}

// NewTableMetrics registers them at m.
func NewTableMetrics(m prometheus.Registerer) *TableMetrics {
	vec := func(name, help, label string) *prometheus.GaugeVec {
		return Registered(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label}))
	}
	t := &TableMetrics{
		built: Gauge(m, "ostiary_table_built_timestamp_seconds", "When the active table was built."),
		size:  Gauge(m, "ostiary_table_policies", "How many policies the active table was built from."),
		revision: vec("ostiary_table_info",
			"1, with the revision of the active table. Replicas that differ for long do not see the same policies.", "revision"),
		broken: vec("ostiary_policies_not_in_force",
			"1 for each policy, group or file with a mistake: what it claims is denied until it is mended. Its conditions, or the log, say why.", "object"),
		building: Registered(m, prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ostiary_table_build_duration_seconds",
			Help:                        "How long it took to make the active table of what was read.",
			NativeHistogramBucketFactor: 1.1, Buckets: []float64{.001, .005, .025, .1, .5, 2, 10}})),
		enforced: Registered(m, prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ostiary_change_enforcement_duration_seconds",
			Help:                        "From when this replica heard of a change to when a table was in force that has it.",
			NativeHistogramBucketFactor: 1.1, Buckets: []float64{.01, .05, .1, .5, 1, 5, 30}})),
		known: map[string]bool{},
	}
	t.revision.Reset() // of an earlier run
	t.broken.Reset()
	return t
}

// Heard takes down that something changed.
func (t *TableMetrics) Heard() { t.heard.CompareAndSwap(0, time.Now().UnixNano()) }

// Looked returns when the first change came that what is read from now on has. Give it to
// Enforced if that comes to be in force, and to Again if it could not be read.
func (t *TableMetrics) Looked() (heard int64) { return t.heard.Swap(0) }

// Again takes back what Looked returned, as it could not be read.
func (t *TableMetrics) Again(heard int64) {
	if heard != 0 {
		t.heard.Store(heard)
	}
}

// Enforced takes down that a table is in force with the changes since then.
func (t *TableMetrics) Enforced(heard int64) {
	if heard != 0 {
		t.enforced.Observe(time.Since(time.Unix(0, heard)).Seconds())
	}
}

// InForce takes down that a table is in force, which took that long to build.
func (t *TableMetrics) InForce(table *policy.Table, took time.Duration) {
	t.built.SetToCurrentTime()
	t.size.Set(float64(table.Len()))
	t.building.Observe(took.Seconds())
	if now := table.Revision(); now != t.was {
		t.revision.DeleteLabelValues(t.was)
		t.revision.WithLabelValues(now).Set(1)
		t.was = now
	}
}

// NotInForce takes down which objects have mistakes.
func (t *TableMetrics) NotInForce(objects map[string]bool) {
	for name := range t.known {
		if !objects[name] {
			t.broken.DeleteLabelValues(name)
		}
	}
	for name := range objects {
		t.broken.WithLabelValues(name).Set(1)
	}
	t.known = objects
}

// Broken are the objects with issues that keep them out of force.
func Broken(issues []policy.Issue) map[string]bool {
	out := map[string]bool{}
	for _, i := range issues {
		if !i.Warning() {
			source := i.Source
			source.Field = ""
			out[source.String()] = true
		}
	}
	return out
}
