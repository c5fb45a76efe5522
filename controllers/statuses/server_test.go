// SPDX-License-Identifier: Apache-2.0

package statuses

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// A server takes statuses, and takes its time.
type server struct {
	mu      sync.Mutex
	takes   time.Duration
	answer  func(object int) error // what comes of a write; nil: it succeeds
	start   time.Time
	log     []entry
	writing int // right now
	most    int
	late    int // writes that began after the office was lost
}

func (s *server) write(ctx context.Context, r version, object int) error {
	s.mu.Lock()
	if ctx.Err() != nil {
		s.late++
	}
	s.writing++
	s.most = max(s.most, s.writing)
	s.mu.Unlock()
	e := entry{object: object, at: r.at, when: time.Since(s.start)}
	select {
	case <-ctx.Done():
		e.err = ctx.Err()
	case <-time.After(s.takes):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.err == nil && s.answer != nil {
		e.err = s.answer(object)
	}
	s.writing--
	s.log = append(s.log, e)
	return e.err
}

func (s *server) entries() []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

func (s *server) lates() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

func (s *server) atOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

func (s *server) answers(answer func(object int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *server) writer() *Writer[int, version] {
	s.start = time.Now()
	return &Writer[int, version]{Kind: "object", Write: s.write, FirstRetry: time.Second, LastRetry: 8 * time.Second,
		Objects: func(r version) []int {
			out := make([]int, r.objects)
			for i := range out {
				out[i] = i
			}
			return out
		}}
}

// term runs the writer until end is called.
func term(t *testing.T, w *Writer[int, version]) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		w.Run(ctx)
		close(ended)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// written are the versions of all objects, as the server has them.
func (s *server) written() map[int]int {
	out := map[int]int{}
	for _, e := range s.entries() {
		if e.err == nil {
			out[e.object] = e.at
		}
	}
	return out
}

func (s *server) of(object int) (out []entry) {
	for _, e := range s.entries() {
		if e.object == object {
			out = append(out, e)
		}
	}
	return out
}
