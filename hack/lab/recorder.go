// SPDX-License-Identifier: Apache-2.0

package lab

import "sync"

// A Recorder collects what reached applications.
type Recorder[T any] struct {
	mu   sync.Mutex
	hits []T
}

// Add adds one.
func (r *Recorder[T]) Add(hit T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hits = append(r.hits, hit)
}

// Take returns those since it was last called.
func (r *Recorder[T]) Take() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.hits
	r.hits = nil
	return out
}

// All returns those since Take was last called, and keeps them.
func (r *Recorder[T]) All() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]T(nil), r.hits...)
}
