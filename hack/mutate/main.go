// SPDX-License-Identifier: Apache-2.0

// Mutate changes the code of a package in one place after the other, and runs its tests
// each time: a change that no test notices survives. All mutants are compiled at once, into
// one test binary that is told by an environment variable which of them to be. Every test
// runs once to see which mutants it reaches; after that, a mutant meets only those tests,
// the fastest first.
//
//	go run . -short ../../authserver/policy
//
// What is known of each mutant is added to a file at once, so a run can be stopped, and the
// next one goes on. A survivor is retried when a file of the package or a setting changed;
// a mutant that was noticed counts as noticed until its function changes. survivors.txt has
// the survivors that are accepted, and why.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

func main() {
	o := options{out: os.Stdout}
	flag.BoolVar(&o.short, "short", false, "run short tests alone")
	flag.IntVar(&o.parallel, "p", 1, "how many mutants are tried at a time")
	flag.StringVar(&o.only, "file", "", "mutate these files alone, in this order: a.go,b.go")
	flag.StringVar(&o.run, "run", ".", "run the tests that match alone")
	flag.IntVar(&o.every, "every", 1, "try every n-th mutant: a sample")
	flag.StringVar(&o.results, "results", "", "the file of what is known of each mutant (default .cache/mutate/PACKAGE.jsonl)")
	flag.StringVar(&o.accepted, "survivors", "", "the list of accepted survivors (default hack/mutate/survivors.txt)")
	flag.Func("env", "NAME=VALUE for the tests, may be repeated: OSTIARY_ORACLE_EVERY=20", func(s string) error {
		o.env = append(o.env, s)
		return nil
	})
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "mutate: name one package folder, such as ./authserver/policy")
		os.Exit(2)
	}
	o.dir = flag.Arg(0)
	if err := o.mutate(); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

type options struct {
	dir, name         string // absolute, and from the root of the module
	only, run         string
	results, accepted string
	env               []string
	short             bool
	parallel, every   int
	out               io.Writer
}

func (o *options) mutate() error {
	if err := o.places(); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	mutants, files, err := o.prepare(work)
	if err != nil {
		return err
	}
	known, err := o.load(mutants)
	if err != nil {
		return err
	}
	defer known.close()
	var todo []*mutant
	for i := 0; i < len(mutants); i += o.every {
		if known.of(mutants[i]) == nil {
			todo = append(todo, mutants[i])
		}
	}
	fmt.Fprintf(o.out, "%d mutants, %d to try\n", len(mutants), len(todo))
	begun := time.Now()
	if len(todo) > 0 {
		binary, err := o.compile(work, files)
		if err != nil {
			return err
		}
		r := &runner{options: o, binary: binary, work: work}
		if err := r.trace(len(mutants)); err != nil {
			return err
		}
		fmt.Fprint(o.out, r.forecast(todo))
		if err := r.tryAll(todo, known); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "%d mutants took %s, and %s of CPU\n", len(todo), time.Since(begun).Round(time.Second), r.spent().Round(time.Second))
	}
	return o.judge(mutants, known)
}

// judge holds the survivors against the list of those that are accepted.
func (o *options) judge(mutants []*mutant, known *results) error {
	accepted, err := o.loadAccepted()
	if err != nil {
		return err
	}
	counts, exists, wrong := map[outcome]int{}, map[string]bool{}, 0
	for i, m := range mutants {
		exists[m.id()] = true
		r := known.of(m)
		if r == nil || i%o.every != 0 {
			continue
		}
		counts[r.Outcome]++
		if _, listed := accepted[m.id()]; r.Outcome.survives() != listed {
			fmt.Fprintln(o.out, o.complaint(m, r))
			wrong++
		}
	}
	wrong += o.outdated(accepted, exists)
	fmt.Fprintf(o.out, "%d mutants were noticed, %d of them by time; %d survive, and no test reaches %d more\n",
		counts[noticed]+counts[timeout], counts[timeout], counts[survived], counts[unreached])
	if wrong > 0 {
		return fmt.Errorf("%d: write the test that notices, or list the survivor in %s with the reason", wrong, o.accepted)
	}
	return nil
}

// outdated complains of what the list has, and the code no more.
func (o *options) outdated(accepted map[string]string, exists map[string]bool) (wrong int) {
	for id := range accepted {
		if file, _, _ := strings.Cut(id, " "); o.mutates(file) && !exists[id] {
			fmt.Fprintf(o.out, "%s: there is no such mutant: %s\n", o.accepted, id)
			wrong++
		}
	}
	return wrong
}

// complaint says what is wrong with a mutant that the list has and should not, or has not.
func (o *options) complaint(m *mutant, r *result) string {
	if r.Outcome.survives() {
		return fmt.Sprintf("%s:%d: %s: %s %s", m.file, m.line, r.Outcome, m.function, m.what)
	}
	return fmt.Sprintf("%s: %s is noticed by %s: strike it out", o.accepted, m.id(), r.By)
}
