// SPDX-License-Identifier: Apache-2.0

package statuses

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A version is of all objects: each is named by a number.
type version struct{ at, objects int }

// An entry is a write, or an attempt at one.
type entry struct {
	object, at int
	when       time.Duration // when it began
	err        error
}

// A server takes statuses, and takes its time.
type server struct {
	takes   time.Duration
	answer  func(object int) error // what comes of a write; nil: it succeeds
	start   time.Time
	log     []entry
	writing int // right now
	most    int
	late    int // writes that began after the office was lost
}

func (s *server) write(ctx context.Context, r version, object int) error {
	if ctx.Err() != nil {
		s.late++
	}
	s.writing++
	s.most = max(s.most, s.writing)
	defer func() { s.writing-- }()
	e := entry{object: object, at: r.at, when: time.Since(s.start)}
	select {
	case <-ctx.Done():
		e.err = ctx.Err()
	case <-time.After(s.takes):
		if s.answer != nil {
			e.err = s.answer(object)
		}
	}
	s.log = append(s.log, e)
	return e.err
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
	for _, e := range s.log {
		if e.err == nil {
			out[e.object] = e.at
		}
	}
	return out
}

func (s *server) of(object int) (out []entry) {
	for _, e := range s.log {
		if e.object == object {
			out = append(out, e)
		}
	}
	return out
}

var (
	resource    = schema.GroupResource{Resource: "objects"}
	errDown     = errors.New("etcd is full")
	errConflict = apierrors.NewConflict(resource, "x", errors.New("it changed"))
	errGone     = apierrors.NewNotFound(resource, "x")
	errInvalid  = apierrors.NewInvalid(schema.GroupKind{Kind: "Object"}, "x", nil)
)

// TestEachHasItsTurn: however fast reports come, each object is written in the time that all
// of them take, after the next report.
func TestEachHasItsTurn(t *testing.T) {
	for _, c := range []struct {
		objects int
		every   time.Duration // between two reports
	}{{1, time.Millisecond}, {40, time.Microsecond}, {40, time.Millisecond}, {40, 10 * time.Millisecond}, {40, 35 * time.Millisecond},
		{40, 399 * time.Millisecond},
		{40, time.Second}} {
		t.Run(fmt.Sprint(c.objects, " ", c.every), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{takes: 10 * time.Millisecond}
				w := s.writer()
				w.Report(version{1, c.objects})
				end := term(t, w)
				const rounds = 5
				all := time.Duration(c.objects) * s.takes
				n := 1
				for time.Since(s.start) < rounds*max(all, c.every) {
					time.Sleep(c.every)
					n++
					w.Report(version{n, c.objects})
				}
				time.Sleep(2 * all)
				end()
				for i := range c.objects {
					of := s.of(i)
					if len(of) < rounds {
						t.Errorf("object %d was written %d times in %d rounds", i, len(of), rounds)
					}
					last := time.Duration(0)
					for _, e := range of {
						if wait := e.when - last; wait > c.every+all+s.takes {
							t.Errorf("object %d waited %v", i, wait)
						}
						last = e.when
					}
					if of[len(of)-1].at != n {
						t.Errorf("object %d is of report %d, and %d is the latest", i, of[len(of)-1].at, n)
					}
				}
				for i := 1; i < len(s.log); i++ {
					if s.log[i].at < s.log[i-1].at {
						t.Fatalf("report %d was written after report %d", s.log[i].at, s.log[i-1].at)
					}
				}
			})
		})
	}
}

// TestRefused: what the API server refuses is tried again, after a time that doubles up to
// the last one, and no report shortens it. The others are written meanwhile where they can be.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		others bool // written in the same round
		again  bool
	}{"down": {errDown, false, true}, "conflict": {errConflict, true, true},
		"invalid": {errInvalid, true, true}, "gone": {errGone, true, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{takes: time.Millisecond, answer: func(object int) error {
					if object == 0 {
						return c.err
					}
					return nil
				}}
				w := s.writer()
				w.Report(version{1, 3})
				end := term(t, w)
				time.Sleep(100 * time.Millisecond)
				if n := len(s.of(2)); (n == 1) != c.others || n > 1 {
					t.Errorf("another object was written %d times", n)
				}
				time.Sleep(time.Minute)
				tried := s.of(0)
				if c.again != (len(tried) > 5) || len(tried) > 12 {
					t.Fatalf("it was tried %d times in a minute", len(tried))
				}
				least := time.Second
				for i := 1; i < len(tried); i++ {
					if pause := tried[i].when - tried[i-1].when; pause < least || pause > 2*8*time.Second {
						t.Errorf("try %d came after %v", i, pause)
					}
					least = min(2*least, 8*time.Second)
				}
				if is := s.written(); is[1] != 1 || is[2] != 1 {
					t.Errorf("one that cannot be written kept others from it: %v", is)
				}
				end()
			})
		})
	}
}

// TestReportsDoNotHurry: while the API server takes no writes, reports cause none.
func TestReportsDoNotHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{takes: time.Millisecond, answer: func(int) error { return errDown }}
		w := s.writer()
		end := term(t, w)
		for i := range 60_000 {
			w.Report(version{i, 100})
			time.Sleep(time.Millisecond)
		}
		if n := len(s.log); n < 5 || n > 12 {
			t.Errorf("%d tries in a minute", n)
		}
		s.answer = nil
		time.Sleep(10 * time.Second)
		if is := s.written(); len(is) != 100 || is[99] != 59_999 {
			t.Errorf("%d of 100 were written after it", len(is))
		}
		n := len(s.log)
		s.answer = func(int) error { return errDown }
		w.Report(version{60_000, 1})
		time.Sleep(1500 * time.Millisecond)
		if tries := len(s.log) - n; tries != 2 {
			t.Errorf("%d tries: the first wait is long after all was well", tries)
		}
		end()
	})
}

// TestLostLease: nothing is written after the office is lost, and the next term writes what
// is left though nothing changed.
func TestLostLease(t *testing.T) {
	for after := range 25 {
		synctest.Test(t, func(t *testing.T) {
			s := &server{takes: 10 * time.Millisecond}
			w := s.writer()
			w.Report(version{1, 20})
			end := term(t, w)
			time.Sleep(time.Duration(after) * 9 * time.Millisecond)
			end()
			n := len(s.log)
			w.Report(version{2, 20})
			time.Sleep(time.Minute)
			if s.late > 0 || len(s.log) != n {
				t.Errorf("%d writes began, and %d ended, without office", s.late, len(s.log)-n)
			}
			end = term(t, w)
			time.Sleep(time.Second)
			end()
			for i := range 20 {
				if is := s.written()[i]; is != 2 {
					t.Errorf("object %d is of report %d", i, is)
				}
			}
		})
	}
}

// TestTermsOneAfterTheOther: a new term waits for the last write of the one before it.
func TestTermsOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{takes: time.Millisecond}
		w := s.writer()
		w.Report(version{1, 50})
		ends := []func(){term(t, w), term(t, w), term(t, w)}
		for _, end := range ends {
			time.Sleep(100 * time.Millisecond)
			end()
		}
		if s.most != 1 || len(s.written()) != 50 {
			t.Errorf("%d were written at a time, %d in all", s.most, len(s.written()))
		}
	})
}

// TestPauseAndAgain: a pause folds reports into one round, and a report that is looked at
// again is written again.
func TestPauseAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{takes: time.Millisecond}
		w := s.writer()
		w.Pause = time.Second
		end := term(t, w)
		for i := range 1000 {
			w.Report(version{i, 1})
			time.Sleep(10 * time.Millisecond)
		}
		end()
		if n := len(s.log); n < 9 || n > 11 {
			t.Errorf("%d writes in ten seconds, with a pause of one", n)
		}
		s = &server{takes: time.Millisecond}
		w = s.writer()
		w.Again = func(r version) time.Duration { return time.Duration(r.at) * time.Second }
		w.Report(version{2, 1})
		end = term(t, w)
		time.Sleep(21 * time.Second)
		if n := len(s.log); n != 11 {
			t.Errorf("%d writes in 21 seconds, one every 2", n)
		}
		w.Report(version{0, 1})
		time.Sleep(time.Minute)
		end()
		if n := len(s.log); n != 12 {
			t.Errorf("%d writes after nobody wanted another", n-11)
		}
	})
}

// TestUpdate: what is unchanged wakes nobody, and a change is of the latest.
func TestUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		w := s.writer()
		end := term(t, w)
		synctest.Wait()
		if len(s.log) > 0 {
			t.Errorf("there is no report, and written was %v", s.log)
		}
		w.Update(func(latest version) (version, bool) {
			latest.objects += 2
			return latest, true
		})
		synctest.Wait()
		w.Update(func(latest version) (version, bool) {
			if latest != (version{0, 2}) {
				t.Errorf("the latest is %v", latest)
			}
			return version{9, 9}, false
		})
		synctest.Wait()
		end()
		if len(s.log) != 2 || s.log[1].at != 0 {
			t.Errorf("written was %v", s.log)
		}
	})
}

// TestAnyCourse: reports, errors, objects that come and go and terms of office in any order:
// one writes at a time, an older report never after a newer one, none without office, and in
// the end each object is as the latest report has it.
func TestAnyCourse(t *testing.T) {
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 11))
			calm := false
			s := &server{takes: time.Duration(1+rng.IntN(5)) * time.Millisecond, answer: func(int) error {
				if calm {
					return nil
				}
				return []error{nil, nil, nil, nil, errConflict, errGone, errInvalid, errDown}[rng.IntN(8)]
			}}
			w := s.writer()
			w.Pause = time.Duration(rng.IntN(3)) * 10 * time.Millisecond
			end, now := term(t, w), version{}
			for range 200 {
				switch rng.IntN(6) {
				case 0:
					end()
					time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
					end = term(t, w)
				default:
					now = version{now.at + 1, rng.IntN(30)}
					w.Report(now)
				}
				time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
			}
			calm = true
			time.Sleep(10 * time.Second)
			now.at++
			w.Report(now)
			time.Sleep(10 * time.Second)
			end()
			if s.most != 1 || s.late > 0 {
				t.Errorf("seed %d: %d wrote at a time, and %d without office", seed, s.most, s.late)
			}
			if !slices.IsSortedFunc(s.log, func(a, b entry) int { return a.at - b.at }) {
				t.Errorf("seed %d: an older report was written after a newer one", seed)
			}
			is := s.written()
			for i := range now.objects {
				if is[i] != now.at {
					t.Errorf("seed %d: object %d is of report %d, and %d is the latest", seed, i, is[i], now.at)
				}
			}
		})
	}
}
