// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ostiary/ostiary/authserver/telemetry/span"
)

const (
	// minRenewal is the least time between two attempts to fetch what was there
	// already: made-up key IDs do not become requests.
	minRenewal = 10 * time.Second
	minBackoff = time.Second
	maxBackoff = 30 * time.Second
)

// A document of an issuer is fetched when it is first asked for, and again from
// time to time. All who wait share one attempt, which goes on when one of them
// gives up. The last good value is in use for as long as there is no newer one:
// an issuer that is down does not void its own keys.
type document[T any] struct {
	fetch   func(context.Context) (T, error)
	now     func() time.Time
	tracer  *span.Tracer
	name    string // of the span of an attempt that is part of no trace
	timeout time.Duration
	fresh   time.Duration // for how long a value is not asked for again

	mu       sync.Mutex
	value    T
	got      bool
	at       time.Time     // when it was fetched
	due      time.Time     // when the value is to be asked for again
	next     time.Time     // no attempt before
	failures int           // in a row
	err      error         // of the last attempt
	attempt  chan struct{} // closed at the end of the one under way; nil: none is
}

// get returns the value, if need be an old one.
func (d *document[T]) get(ctx context.Context) (T, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if d.got {
		if d.attempt == nil && !now.Before(d.due) && !now.Before(d.next) {
			d.start(ctx)
		}
		return d.value, nil
	}
	if d.attempt == nil {
		if d.err != nil && now.Before(d.next) {
			return d.value, d.err
		}
		d.start(ctx)
	}
	return d.wait(ctx)
}

// renew returns a newer value, as the one of get lacks something. If it is too
// early for another attempt, it is the same one.
func (d *document[T]) renew(ctx context.Context) (T, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.attempt == nil {
		if d.now().Before(d.next) {
			return d.value, d.err
		}
		d.start(ctx)
	}
	return d.wait(ctx)
}

// wait waits for the attempt under way. The lock is held before and after.
func (d *document[T]) wait(ctx context.Context) (T, error) {
	attempt := d.attempt
	d.mu.Unlock()
	select {
	case <-attempt:
		d.mu.Lock()
		return d.value, d.err
	case <-ctx.Done():
		d.mu.Lock()
		return d.value, AsFailure("the provider", ctx.Err())
	}
}

// start begins an attempt, which outlives whoever asks for it, and belongs to their trace,
// or has one of its own.
func (d *document[T]) start(asks context.Context) {
	attempt := make(chan struct{})
	d.attempt = attempt
	go func() {
		ctx, cancel := context.WithTimeout(span.Detached(asks), d.timeout)
		defer cancel()
		ctx, step := d.tracer.Begin(ctx, d.name)
		value, err := d.fetch(ctx)
		switch {
		case errors.Is(err, ErrRejected):
			span.Failed(step, "rejected")
		case err != nil:
			span.Failed(step, "unavailable")
		}
		step.End()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.end(value, err)
		close(attempt)
	}()
}

func (d *document[T]) end(value T, err error) {
	now := d.now()
	d.attempt, d.err = nil, err
	if err != nil {
		d.next = now.Add(min(minBackoff<<min(d.failures, 8), maxBackoff))
		d.failures++
		return
	}
	d.value, d.got, d.at, d.failures = value, true, now, 0
	d.due, d.next = now.Add(d.fresh), now.Add(minRenewal)
}

// state returns the value that there is, since when, and the error of the last attempt.
func (d *document[T]) state() (value T, at time.Time, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.value, d.at, d.err
}
