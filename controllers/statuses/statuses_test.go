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
					synctest.Wait()
					n++
					w.Report(version{n, c.objects})
				}
				time.Sleep(2 * all)
				synctest.Wait()
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
				for i := 1; i < len(s.entries()); i++ {
					if s.entries()[i].at < s.entries()[i-1].at {
						t.Fatalf("report %d was written after report %d", s.entries()[i].at, s.entries()[i-1].at)
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
				synctest.Wait()
				if n := len(s.of(2)); (n == 1) != c.others || n > 1 {
					t.Errorf("another object was written %d times", n)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
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
			synctest.Wait()
		}
		if n := len(s.entries()); n < 5 || n > 12 {
			t.Errorf("%d tries in a minute", n)
		}
		s.answers(nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if is := s.written(); len(is) != 100 || is[99] != 59_999 {
			t.Errorf("%d of 100 were written after it", len(is))
		}
		n := len(s.entries())
		s.answers(func(int) error { return errDown })
		w.Report(version{60_000, 1})
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if tries := len(s.entries()) - n; tries != 2 {
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
			synctest.Wait()
			end()
			n := len(s.entries())
			w.Report(version{2, 20})
			time.Sleep(time.Minute)
			synctest.Wait()
			if s.lates() > 0 || len(s.entries()) != n {
				t.Errorf("%d writes began, and %d ended, without office", s.lates(), len(s.entries())-n)
			}
			end = term(t, w)
			time.Sleep(time.Second)
			synctest.Wait()
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
			synctest.Wait()
			end()
		}
		if s.atOnce() != 1 || len(s.written()) != 50 {
			t.Errorf("%d were written at a time, %d in all", s.atOnce(), len(s.written()))
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
			synctest.Wait()
		}
		end()
		if n := len(s.entries()); n < 9 || n > 11 {
			t.Errorf("%d writes in ten seconds, with a pause of one", n)
		}
		s = &server{takes: time.Millisecond}
		w = s.writer()
		w.Again = func(r version) time.Duration { return time.Duration(r.at) * time.Second }
		w.Report(version{2, 1})
		end = term(t, w)
		time.Sleep(21 * time.Second)
		synctest.Wait()
		if n := len(s.entries()); n != 11 {
			t.Errorf("%d writes in 21 seconds, one every 2", n)
		}
		w.Report(version{0, 1})
		time.Sleep(time.Minute)
		synctest.Wait()
		end()
		if n := len(s.entries()); n != 12 {
			t.Errorf("%d writes after nobody wanted another", n-11)
		}
	})
}

// TestTurnsUpWhileWritten: what a report waits for may turn up at any time, between the look
// at it and the question when to look again as well: its status says so soon.
func TestTurnsUpWhileWritten(t *testing.T) {
	for at := range 50 * time.Millisecond / time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			s := &server{takes: 10 * time.Millisecond}
			w := s.writer()
			there := func() bool { return time.Since(s.start) >= at*time.Millisecond+time.Microsecond }
			said := map[int]bool{}
			w.Write = func(ctx context.Context, r version, object int) error {
				said[object] = there()
				return s.write(ctx, r, object)
			}
			w.Again = func(version) time.Duration {
				if there() {
					return time.Hour
				}
				return time.Second
			}
			w.Report(version{1, 2})
			end := term(t, w)
			time.Sleep(3 * time.Second)
			synctest.Wait()
			end()
			if !said[0] || !said[1] {
				t.Errorf("there since %d ms, and said to be: %v", at, said)
			}
		})
	}
}

// TestUpdate: what is unchanged wakes nobody, and a change is of the latest.
func TestUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		w := s.writer()
		end := term(t, w)
		synctest.Wait()
		if len(s.entries()) > 0 {
			t.Errorf("there is no report, and written was %v", s.entries())
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
		if len(s.entries()) != 2 || s.entries()[1].at != 0 {
			t.Errorf("written was %v", s.entries())
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
			luck := rand.New(rand.NewPCG(seed, 11+1000)) // the server's
			s := &server{takes: time.Duration(1+rng.IntN(5)) * time.Millisecond, answer: func(int) error {
				return []error{nil, nil, nil, nil, errConflict, errGone, errInvalid, errDown}[luck.IntN(8)]
			}}
			w := s.writer()
			w.Pause = time.Duration(rng.IntN(3)) * 10 * time.Millisecond
			end, now := term(t, w), version{}
			for range 200 {
				switch rng.IntN(6) {
				case 0:
					end()
					time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
					synctest.Wait()
					end = term(t, w)
				default:
					now = version{now.at + 1, rng.IntN(30)}
					w.Report(now)
				}
				time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
				synctest.Wait()
			}
			s.answers(nil)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			now.at++
			w.Report(now)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			end()
			if s.atOnce() != 1 || s.lates() > 0 {
				t.Errorf("seed %d: %d wrote at a time, and %d without office", seed, s.atOnce(), s.lates())
			}
			if !slices.IsSortedFunc(s.entries(), func(a, b entry) int { return a.at - b.at }) {
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
