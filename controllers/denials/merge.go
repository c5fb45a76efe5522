// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"fmt"
	"sync"

	"github.com/ostiary/ostiary/authserver/telemetry/decisionlog"
)

// A source is one log.
type source interface {
	fmt.Stringer
	// past hands over the lines that there are.
	past(ctx context.Context, each func(line []byte, err error) error) error
	// live hands over those that come after them, until the log ends or ctx is done.
	live(ctx context.Context, each func(line []byte, err error) error) error
}

// A reading is one run over logs.
type reading struct {
	tally
	// wants are the lines to hand over.
	wants func(*decisionlog.Entry) bool
	each  func(*decisionlog.Entry) error
	// failed is told of a log that cannot be read. It is called by several goroutines.
	failed func(source, error)
}

// ahead is how many lines of a log are read before their turn.
const ahead = 64

// past hands over what there is in all logs, by time. Each log is in order but for what
// was decided in the same moment, so that the first line of each is enough to tell.
func (r *reading) past(ctx context.Context, sources []source) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	queues := make([]chan decisionlog.Entry, len(sources))
	for i, s := range sources {
		queue := make(chan decisionlog.Entry, ahead)
		queues[i] = queue
		running.Go(func() {
			defer close(queue)
			if err := s.past(ctx, r.into(ctx, queue)); err != nil && ctx.Err() == nil {
				r.failed(s, err)
			}
		})
	}
	heads := make([]*decisionlog.Entry, len(queues))
	for {
		first := earliest(queues, heads)
		if first < 0 {
			return ctx.Err()
		}
		if err := r.each(heads[first]); err != nil {
			return err
		}
		heads[first] = nil
	}
}

// earliest waits for the next line of each log, and returns the log with the earliest one;
// less than 0: all have ended.
func earliest(queues []chan decisionlog.Entry, heads []*decisionlog.Entry) int {
	first := -1
	for i, queue := range queues {
		if heads[i] == nil {
			if e, ok := <-queue; ok {
				heads[i] = &e
			}
		}
		if heads[i] != nil && (first < 0 || heads[i].Time.Before(heads[first].Time)) {
			first = i
		}
	}
	return first
}

// into returns what reads the lines of one log, and sends those that are wanted.
func (r *reading) into(ctx context.Context, queue chan<- decisionlog.Entry) func([]byte, error) error {
	return func(line []byte, err error) error {
		e, ok := r.parse(line, err)
		if !ok || !r.wants(&e) {
			return ctx.Err()
		}
		select {
		case queue <- e:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
