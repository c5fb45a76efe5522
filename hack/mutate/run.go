// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A runner runs the test binary.
type runner struct {
	*options
	binary, work string
	tests        []test // the fastest first
	mu           sync.Mutex
	total        time.Duration
}

// A test is one of the package's, and what it does without a mutant.
type test struct {
	name      string
	cpu, wall time.Duration
	reaches   []byte // not 0 at the number of a mutant
}

// start is about what a process costs by itself.
const start = 20 * time.Millisecond

// trace runs every test alone, to see which mutants it reaches and how long it takes.
func (r *runner) trace(mutants int) error {
	out, err := r.command(context.Background(), "-test.list="+r.run).Output()
	if err != nil {
		return fmt.Errorf("cannot list the tests: %w", err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") && !strings.HasPrefix(name, "Example") {
			continue
		}
		file := filepath.Join(r.work, "reached")
		if err := os.WriteFile(file, make([]byte, mutants+1), 0o600); err != nil {
			return err
		}
		c := r.command(context.Background(), "-test.run="+exactly([]test{{name: name}}))
		c.Env = append(c.Env, envReached+"="+file)
		begun := time.Now()
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s fails without a mutant: %w\n%s", name, err, out)
		}
		t := test{name: name, wall: time.Since(begun), cpu: r.note(c.ProcessState)}
		if t.reaches, err = os.ReadFile(file); err != nil {
			return err
		}
		r.tests = append(r.tests, t)
	}
	if len(r.tests) == 0 {
		return errors.New("there are no tests to run")
	}
	slices.SortStableFunc(r.tests, func(x, y test) int { return cmp.Compare(x.cpu, y.cpu) })
	return nil
}

// exactly is the expression for tests.
func exactly(tests []test) string {
	var names []string
	for _, t := range tests {
		names = append(names, regexp.QuoteMeta(t.name))
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

func (r *runner) command(ctx context.Context, args ...string) *exec.Cmd {
	if r.short {
		args = append(args, "-test.short")
	}
	c := exec.CommandContext(ctx, r.binary, args...)
	c.Dir, c.Env = r.dir, append(os.Environ(), r.env...)
	return c
}

// note adds what a process took to the account.
func (r *runner) note(p *os.ProcessState) time.Duration {
	took := p.UserTime() + p.SystemTime()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total += took
	return took
}

func (r *runner) spent() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// groups are the tests that reach a mutant, a group for each process. A group costs about as
// much as those before it: what a fast test notices costs no slow one, what only a slow test
// notices costs few processes.
func (r *runner) groups(n int) (out [][]test) {
	var group []test
	before, now := start, time.Duration(0)
	for _, t := range r.tests {
		if t.reaches[n] == 0 {
			continue
		}
		if len(group) > 0 && now+t.cpu > max(before, 10*start) {
			out, group, before, now = append(out, group), nil, before+now, 0
		}
		group, now = append(group, t), now+t.cpu
	}
	if len(group) > 0 {
		out = append(out, group)
	}
	return out
}

// forecast is what the mutants will cost: from all noticed by the first process, to none.
func (r *runner) forecast(todo []*mutant) string {
	var least, most time.Duration
	for _, m := range todo {
		for i, g := range r.groups(m.number) {
			cost := start
			for _, t := range g {
				cost += max(0, t.cpu-start/2)
			}
			if most += cost; i == 0 {
				least += cost
			}
		}
	}
	var all time.Duration
	for _, t := range r.tests {
		all += t.cpu
	}
	return fmt.Sprintf("%d tests take %s of CPU; %d mutants will take from %.1f to %.1f minutes of CPU\n",
		len(r.tests), all.Round(time.Millisecond), len(todo), least.Minutes(), most.Minutes())
}

// tryAll tries mutants, and adds what became of each to the results.
func (r *runner) tryAll(todo []*mutant, known *results) error {
	next, wrong := make(chan *mutant), make(chan error, r.parallel)
	var wg sync.WaitGroup
	for range r.parallel {
		wg.Go(func() {
			for m := range next {
				found, err := r.try(m.number)
				if err == nil {
					err = known.add(m, found)
				}
				if err != nil {
					wrong <- err
					return
				}
			}
		})
	}
	defer wg.Wait()
	defer close(next)
	for i, m := range todo {
		select {
		case next <- m:
		case err := <-wrong:
			return err
		}
		if i%100 == 99 {
			fmt.Fprintf(os.Stderr, "%d of %d, %s of CPU\n", i+1, len(todo), r.spent().Round(time.Second))
		}
	}
	return nil
}

// try says what becomes of a mutant.
func (r *runner) try(n int) (result, error) {
	found := result{Outcome: unreached}
	for _, g := range r.groups(n) {
		out, by, took, err := r.attempt(n, g)
		if err != nil {
			return result{}, err
		}
		found.Outcome, found.By = out, by
		found.Millis, found.Ran = found.Millis+took.Milliseconds(), found.Ran+1
		if out != survived {
			break
		}
	}
	return found, nil
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// attempt runs some tests with a mutant. The limit is one of CPU time, as the machine may be
// busy; the one of time is for what waits for ever.
func (r *runner) attempt(n int, tests []test) (out outcome, by string, took time.Duration, err error) {
	var cpu, wall time.Duration
	for _, t := range tests {
		cpu, wall = cpu+t.cpu, wall+t.wall
	}
	limit := 30*time.Second + 20*wall
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := r.command(ctx, "-test.failfast", "-test.run="+exactly(tests))
	c.Env = append(c.Env, envMutant+"="+strconv.Itoa(n), envSeconds+"="+strconv.Itoa(int((5*cpu).Seconds())+2))
	text, err := c.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && ctx.Err() == nil {
		return "", "", 0, fmt.Errorf("cannot run the tests: %w", err)
	}
	took = r.note(c.ProcessState)
	switch {
	case err == nil:
		return survived, "", took, nil
	case ctx.Err() != nil || overtime(failed) || strings.Contains(string(text), "SIGXCPU"):
		return timeout, "time", took, nil
	}
	by = "a panic"
	if found := failure.FindStringSubmatch(string(text)); found != nil {
		by = found[1]
	}
	return noticed, by, took, nil
}

// overtime reports whether the kernel ended a process.
func overtime(e *exec.ExitError) bool {
	status, ok := e.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && (status.Signal() == syscall.SIGXCPU || status.Signal() == syscall.SIGKILL)
}
