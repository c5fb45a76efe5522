// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/policy"
)

// maxPolicies is how many policies are counted by name. Others, of which there may be some
// after many were replaced, are counted together.
const maxPolicies = 1000

// otherPolicies is the name of those beyond maxPolicies.
const otherPolicies = "(others)"

// series are the metrics of decisions, each looked up once and then found by what was
// decided, without an allocation. What visitors choose is no part of it: there are as many
// as there are dialects, reasons and policies.
type series struct {
	decisions, byPolicy *prometheus.CounterVec
	seconds             *prometheus.HistogramVec
	known               sync.Map // seriesKey → *oneSeries
	mu                  sync.Mutex
	policies            map[[2]string]bool
}

type seriesKey struct {
	dialect, namespace, name string
	verdict                  policy.Verdict
	reason                   policy.Reason
}

type oneSeries struct {
	decisions, byPolicy prometheus.Counter
	seconds             prometheus.Observer
}

func (s *series) start(r prometheus.Registerer) {
	s.decisions = counters(r, "ostiary_decisions_total",
		"Decisions, by the dialect that asked, the verdict and the reason.", "dialect", "verdict", "reason")
	s.byPolicy = counters(r, "ostiary_policy_decisions_total",
		"Decisions, by the policy that decided, the verdict and the reason; at most 1000 policies by name, and (others).",
		"policy", "verdict", "reason")
	s.seconds = seconds(r, "ostiary_decision_duration_seconds",
		"How long decisions took, from a question that was read to an answer that is ready, by the dialect that asked.",
		decisionBuckets, "dialect")
	s.policies = map[[2]string]bool{}
}

func (s *series) of(dialect string, d *policy.Decision) *oneSeries {
	key := seriesKey{dialect, d.Source.Namespace, d.Source.Name, d.Verdict, d.Reason}
	if one, ok := s.known.Load(key); ok {
		return one.(*oneSeries) // the map holds nothing else
	}
	return s.add(key)
}

func (s *series) add(key seriesKey) *oneSeries {
	one := &oneSeries{s.decisions.WithLabelValues(key.dialect, key.verdict.String(), key.reason.String()),
		s.byPolicy.WithLabelValues(s.policy(key), key.verdict.String(), key.reason.String()), s.seconds.WithLabelValues(key.dialect)}
	s.known.Store(key, one)
	return one
}

// policy is the label of a policy; empty: none decided.
func (s *series) policy(key seriesKey) string {
	if key.name == "" {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := [2]string{key.namespace, key.name}
	if !s.policies[name] && len(s.policies) >= maxPolicies {
		return otherPolicies
	}
	s.policies[name] = true
	return key.namespace + "/" + key.name
}

// Buckets for readers that do not know native histograms, in seconds.
var decisionBuckets = []float64{.00001, .00005, .0001, .0005, .001, .005, .025, .1, 1}

// native is how much wider each bucket of a native histogram is than the one before.
const native = 1.1

// maxNative bounds the buckets of one native histogram.
const maxNative = 160

func seconds(r prometheus.Registerer, name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return registered(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: native, NativeHistogramMaxBucketNumber: maxNative}, labels))
}

func counters(r prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	return registered(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
}

func counter(r prometheus.Registerer, name, help string) prometheus.Counter {
	return registered(r, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
}

// registered registers a collector, or returns the one of its name that another of this
// process did: it has the same labels. Without a Registerer, nobody reads it.
func registered[C prometheus.Collector](r prometheus.Registerer, c C) C {
	if r == nil {
		return c
	}
	var taken prometheus.AlreadyRegisteredError
	if err := r.Register(c); errors.As(err, &taken) {
		if there, ok := taken.ExistingCollector.(C); ok {
			return there
		}
	}
	return c
}

// Gauge has a gauge be read when metrics are. The one of its name that another of this
// process registered gives way.
func Gauge(r prometheus.Registerer, name, help string, read func() float64) {
	replace(r, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Counter is Gauge for what only grows.
func Counter(r prometheus.Registerer, name, help string, read func() float64) {
	replace(r, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

func replace(r prometheus.Registerer, c prometheus.Collector) {
	r.Unregister(c)
	_ = r.Register(c) // it was taken out
}

// Build tells which build this is.
func Build(r prometheus.Registerer, version, commit, goVersion string) {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "ostiary_build_info",
		Help: "1, with the version, the commit and the version of Go of this build."}, []string{"version", "commit", "goversion"})
	info.WithLabelValues(version, commit, goVersion).Set(1)
	replace(r, info)
}
