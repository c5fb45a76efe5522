// SPDX-License-Identifier: Apache-2.0

package evaluation

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/oidc"
	"github.com/ostiary/ostiary/authserver/policy"
)

const (
	// patience is how long a sign-in waits for all answers together.
	patience = 5 * time.Second
	// maxServices bounds how many services are remembered, with their keys and connections.
	maxServices = 256
	// maxAtOnce bounds how many questions are under way.
	maxAtOnce = 256
)

// Options are what a Set is made of.
type Options struct {
	Log     *slog.Logger
	Now     func() time.Time
	Metrics prometheus.Registerer // nil: nothing is counted
	timeout time.Duration         // of one question. Default: patience
}

// A Set asks services. It is safe for concurrent use. A nil *Set asks none.
type Set struct {
	Options
	mu       sync.Mutex
	services map[string]*service // by policy.Evaluation.Key
	asked    *prometheus.CounterVec
	atOnce   chan struct{}
}

// New makes a Set.
func New(o Options) *Set {
	if o.timeout == 0 {
		o.timeout = patience
	}
	s := &Set{Options: o, services: map[string]*service{}, atOnce: make(chan struct{}, maxAtOnce), asked: prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "ostiary_external_evaluations_total",
			Help: "Questions to external evaluation services, by the origin of the service and the result: true, false, unavailable or invalid."},
		[]string{"origin", "result"})}
	if o.Metrics != nil {
		var taken prometheus.AlreadyRegisteredError
		if err := o.Metrics.Register(s.asked); errors.As(err, &taken) {
			s.asked = taken.ExistingCollector.(*prometheus.CounterVec) // it has the same name and labels
		}
	}
	return s
}

// An Inquiry is about one person, who signs in.
type Inquiry struct {
	Ring     *credential.Ring // signs it
	Issuer   string           // of the keys
	Identity Identity
	Now      time.Time
	ID       string // of the request, for the log
}

// Ask asks all services at once about a person, and returns what came of it, for
// policy.Subject.Evaluations, in the same order.
func (s *Set) Ask(ctx context.Context, in *Inquiry, services []policy.Asking) []string {
	out := make([]string, len(services))
	if s == nil {
		for i := range services {
			out[i] = services[i].Outcome(policy.Untold)
		}
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var wg sync.WaitGroup
	for i := range services {
		wg.Go(func() { out[i] = services[i].Outcome(s.ask(ctx, in, &services[i])) })
	}
	wg.Wait()
	return out
}

func (s *Set) ask(ctx context.Context, in *Inquiry, about *policy.Asking) policy.Outcome {
	approves, err := s.answer(ctx, in, about)
	result := "false"
	switch {
	case errors.Is(err, oidc.ErrRejected):
		result = "invalid"
	case err != nil:
		result = "unavailable"
	case approves:
		result = "true"
	}
	s.asked.WithLabelValues(about.Origin(), result).Inc()
	switch {
	case err != nil:
		s.Log.Warn("an external evaluation failed, which counts against whoever signs in", "policy", about.Policy.String(),
			"url", oidc.Printable(about.URL, oidc.MaxText), "error", oidc.Why(err), "requestID", in.ID)
		return policy.Untold
	case approves:
		return policy.Approved
	default:
		return policy.Rejected
	}
}

func (s *Set) answer(ctx context.Context, in *Inquiry, about *policy.Asking) (bool, error) {
	select {
	case s.atOnce <- struct{}{}:
		defer func() { <-s.atOnce }()
	case <-ctx.Done():
		return false, oidc.Fail(oidc.ErrUnavailable, "%d others are being asked", maxAtOnce)
	}
	e, err := s.service(about.Evaluation)
	if err != nil {
		return false, err
	}
	return e.ask(ctx, in)
}

// service returns the service of an evaluation, as it was used before if it was.
func (s *Set) service(e *policy.Evaluation) (*service, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if found := s.services[e.Key()]; found != nil {
		found.used = now
		return found, nil
	}
	made, err := s.newService(e)
	if err != nil {
		return nil, err
	}
	made.used = now
	if len(s.services) >= maxServices {
		s.forgetOldest()
	}
	s.services[e.Key()] = made
	return made, nil
}

func (s *Set) forgetOldest() {
	oldest := ""
	for key, e := range s.services {
		if oldest == "" || e.used.Before(s.services[oldest].used) {
			oldest = key
		}
	}
	s.services[oldest].close()
	delete(s.services, oldest)
}
