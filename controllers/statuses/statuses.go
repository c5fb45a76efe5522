// SPDX-License-Identifier: Apache-2.0

// Package statuses writes the statuses of objects, beside what they are statuses of and never
// in front of it: a slow API server delays no decision. It does not know what they say.
package statuses

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/cluster"
)

// A Writer brings statuses up to date with the latest report, while this replica leads. R is
// a report, and K names an object in it. Reports that come faster than they can be written
// are skipped, and objects wait in a line: each has its turn, however many reports come.
// Objects, Write and Kind must be set.
type Writer[K comparable, R any] struct {
	// Objects are those that a report tells of, in the order in which they are written.
	Objects func(R) []K
	// Write brings the status of one up to date with a report, if it is of the object as the
	// report saw it. One at a time is written.
	Write func(context.Context, R, K) error
	// Kind is what the log calls an object.
	Kind string
	// Pause is how long it is waited after all are written. Default 0.
	Pause time.Duration
	// Again is when a report is looked at again after all are written, though there is no
	// newer one; 0: never. It is asked before they are: what changes while they are written
	// was perhaps not seen. Optional.
	Again func(R) time.Duration
	// FirstRetry and LastRetry are how long it is waited after the API server refused a
	// write: longer each time. Default: those of package cluster.
	FirstRetry, LastRetry time.Duration
	// Log is where it is said what cannot be written. The zero value says nothing.
	Log logr.Logger

	mu      sync.Mutex
	latest  R
	there   bool // latest is a report
	once    sync.Once
	changed chan struct{}
	running chan struct{} // has one term of office at most
}

// Report hands over a report. It does not wait.
func (w *Writer[K, R]) Report(r R) { w.Update(func(R) (R, bool) { return r, true }) }

// Update makes a report of the latest one, which is the zero R before there is any. If it
// returns false, that one stands. It does not wait.
func (w *Writer[K, R]) Update(change func(latest R) (R, bool)) {
	w.mu.Lock()
	r, changed := change(w.latest)
	if changed {
		w.latest, w.there = r, true
	}
	w.mu.Unlock()
	if changed {
		w.wake()
	}
}

// signal is what wakes whoever writes.
func (w *Writer[K, R]) signal() chan struct{} {
	w.once.Do(func() { w.changed, w.running = make(chan struct{}, 1), make(chan struct{}, 1) })
	return w.changed
}

func (w *Writer[K, R]) wake() {
	select {
	case w.signal() <- struct{}{}:
	default: // it is awake already
	}
}

// Run writes until ctx is done: a duty of the leader. It begins with the latest report, as
// what came while another replica led may still be unwritten.
func (w *Writer[K, R]) Run(ctx context.Context) {
	w.wake()
	select {
	case <-ctx.Done():
		return
	case w.running <- struct{}{}: // an earlier term may have been at its last write
	}
	defer func() { <-w.running }()
	w.wake() // that one may have heard the first
	l := line[K]{waits: map[K]bool{}}
	p := pace{first: cmp.Or(w.FirstRetry, cluster.FirstRetry), last: cmp.Or(w.LastRetry, cluster.LastRetry)}
	look := time.NewTimer(p.last)
	defer look.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-w.signal():
		}
		result, next := w.write(ctx, &l)
		pause, again := p.after(result)
		if result == written {
			again = next
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(pause, w.Pause)):
		}
		if look.Stop(); again > 0 {
			look.Reset(again)
		}
	}
}

// A pace says how long to wait after the API server refused a write.
type pace struct{ first, last, wait time.Duration }

// after returns for how long nothing is written, and when to try again after that; 0: not at all.
func (p *pace) after(result outcome) (pause, again time.Duration) {
	if result == nothing || result == written {
		p.wait = 0
		return 0, 0
	}
	if p.wait = min(2*p.wait, p.last); p.wait == 0 {
		p.wait = p.first
	}
	if result == refused {
		return p.wait, time.Nanosecond
	}
	return 0, p.wait
}

// An outcome is how writing went.
type outcome int

const (
	nothing  outcome = iota // there is no report, or no office any more
	written                 // all are as they should be
	leftOver                // some objects have to be tried again
	refused                 // the API server takes no writes now
)

// write brings all statuses up to date with the latest report, and returns when that one
// wants to be looked at again.
func (w *Writer[K, R]) write(ctx context.Context, l *line[K]) (result outcome, again time.Duration) {
	r, again, there := w.queue(l)
	if !there {
		return nothing, 0
	}
	result = written
	for {
		select {
		case <-w.signal(): // there is a newer one
			r, again, _ = w.queue(l)
		default:
		}
		if len(l.keys) == 0 {
			return result, again
		}
		if ctx.Err() != nil {
			return nothing, 0 // whoever leads next does it
		}
		k := l.next()
		err := w.Write(ctx, r, k)
		switch {
		case err == nil, apierrors.IsNotFound(err), ctx.Err() != nil: // gone; or the CRD is of a version without a status
		case apierrors.IsConflict(err): // our cache is behind, and will not be for long
			result = leftOver
		default:
			w.Log.Error(err, "cannot write the status; trying again later", w.Kind, fmt.Sprint(k))
			if result = leftOver; !apierrors.IsInvalid(err) {
				l.add(k) // the next one would fare no better now, and comes first then
				return refused, 0
			}
		}
	}
}

// queue takes the latest report: its objects join the line, and those that it does not tell
// of leave.
func (w *Writer[K, R]) queue(l *line[K]) (r R, again time.Duration, there bool) {
	w.mu.Lock()
	r, there = w.latest, w.there
	w.mu.Unlock()
	if !there {
		return r, 0, false
	}
	l.keep(w.Objects(r))
	if w.Again != nil {
		again = w.Again(r)
	}
	return r, again, true
}

// A line is of objects that wait for their turn.
type line[K comparable] struct {
	keys  []K
	waits map[K]bool
}

func (l *line[K]) add(k K) {
	if !l.waits[k] {
		l.keys, l.waits[k] = append(l.keys, k), true
	}
}

func (l *line[K]) next() K {
	k := l.keys[0]
	l.keys = l.keys[1:]
	delete(l.waits, k)
	return k
}

// keep has those who wait keep their places, if they are still wanted, and adds the others.
func (l *line[K]) keep(wanted []K) {
	if len(l.keys) > 0 {
		still := make(map[K]bool, len(wanted))
		for _, k := range wanted {
			still[k] = true
		}
		l.keys = slices.DeleteFunc(l.keys, func(k K) bool { return !still[k] })
	}
	clear(l.waits)
	for _, k := range l.keys {
		l.waits[k] = true
	}
	for _, k := range wanted {
		l.add(k)
	}
}

// Patch writes a status that changed, if the object did not meanwhile.
func Patch(ctx context.Context, c client.Client, before, after client.Object) error {
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	err := c.Status().Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return fmt.Errorf("writing the status of %s: %w", before.GetName(), err)
	}
	return nil
}
