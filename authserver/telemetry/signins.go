// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// An Outcome is what became of a sign-in at an identity provider, or of what came after it.
type Outcome string

// The outcomes of sign-ins.
const (
	SignInSucceeded Outcome = "succeeded"         // there is a new session at the team host
	WrongPassword   Outcome = "wrong-password"    // or no such user
	WrongCode       Outcome = "wrong-code"        // the second factor: wrong, or used before
	FactorsFailed   Outcome = "factors-failed"    // second factors cannot be read or written
	RateLimited     Outcome = "rate-limited"      // too many, before it was tried
	PasswordsBusy   Outcome = "busy"              // too many passwords were being checked
	ProviderRefused Outcome = "provider-refused"  // the provider says no, in its own words
	ProviderFailed  Outcome = "provider-failed"   // the provider is down, or slow
	AnswerRejected  Outcome = "answer-rejected"   // what the provider says cannot be accepted
	SessionTooLarge Outcome = "session-too-large" // it does not fit into a cookie
	NotPermitted    Outcome = "not-permitted"     // somebody is signed in, and the application's policy refuses them
)

// Outcomes are all of them.
var Outcomes = []Outcome{SignInSucceeded, WrongPassword, WrongCode, FactorsFailed, RateLimited, PasswordsBusy,
	ProviderRefused, ProviderFailed, AnswerRejected,
	SessionTooLarge, NotPermitted}

// What there is of limits, scopes of sign-outs, and results of revocations.
var (
	Limits  = []string{"password", "second-factor", "answer", "evaluation"}
	Scopes  = []string{"application", "team", "everywhere"}
	Results = []string{"done", "failed"}
)

// SignIns count what becomes of sign-ins. A nil *SignIns counts nothing.
type SignIns struct {
	outcomes, limits, signOuts, revocations *prometheus.CounterVec
	took, asked                             *prometheus.HistogramVec
}

// Buckets for readers that do not know native histograms, in seconds.
var (
	remoteBuckets = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	personBuckets = []float64{1, 5, 15, 30, 60, 120, 300, 900, 3600}
)

// NewSignIns returns SignIns that count at r, which may be nil.
func NewSignIns(r prometheus.Registerer) *SignIns {
	s := &SignIns{
		outcomes: counters(r, "ostiary_sign_ins_total",
			"What became of sign-ins, by the identity provider and the outcome.", "provider", "outcome"),
		limits: counters(r, "ostiary_rate_limited_total",
			"Requests that were refused as there were too many, by the limit: password, second-factor, answer or evaluation.", "limit"),
		signOuts: counters(r, "ostiary_sign_outs_total",
			"Sign-outs that people wished for, by where: application, team or everywhere.", "scope"),
		revocations: counters(r, "ostiary_revocations_total",
			"Sign-outs everywhere, which void all sessions of a user, by the result: done or failed.", "result"),
		took: seconds(r, "ostiary_sign_in_duration_seconds",
			"From a sign-in's first step at the application to a session at the team host, with the time people take, by the identity provider.",
			personBuckets, "provider"),
		asked: seconds(r, "ostiary_provider_request_duration_seconds",
			"How long identity providers took to say who came back; of built-in users, how long the password took, the wait included.",
			remoteBuckets, "provider"),
	}
	for vec, values := range map[*prometheus.CounterVec][]string{s.limits: Limits, s.signOuts: Scopes, s.revocations: Results} {
		for _, v := range values {
			vec.WithLabelValues(v) // 0, so that the first one is an increase
		}
	}
	return s
}

// Expect has what becomes of sign-ins at a provider begin at 0.
func (s *SignIns) Expect(provider string) {
	if s == nil {
		return
	}
	for _, o := range Outcomes {
		s.outcomes.WithLabelValues(provider, string(o))
	}
}

// Came counts an outcome.
func (s *SignIns) Came(provider string, o Outcome) {
	if s != nil {
		s.outcomes.WithLabelValues(provider, string(o)).Inc()
	}
}

// Took notes how long a sign-in took that succeeded.
func (s *SignIns) Took(provider string, d time.Duration) {
	if s != nil {
		s.took.WithLabelValues(provider).Observe(max(0, d.Seconds()))
	}
}

// Asked notes how long a provider took.
func (s *SignIns) Asked(provider string, d time.Duration) {
	if s != nil {
		s.asked.WithLabelValues(provider).Observe(max(0, d.Seconds()))
	}
}

// Limited counts a request that a limit refused.
func (s *SignIns) Limited(limit string) {
	if s != nil {
		s.limits.WithLabelValues(limit).Inc()
	}
}

// SignedOut counts a sign-out.
func (s *SignIns) SignedOut(scope string) {
	if s != nil {
		s.signOuts.WithLabelValues(scope).Inc()
	}
}

// Revoked counts a sign-out everywhere.
func (s *SignIns) Revoked(result string) {
	if s != nil {
		s.revocations.WithLabelValues(result).Inc()
	}
}
