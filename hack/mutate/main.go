// SPDX-License-Identifier: Apache-2.0

// Mutate changes the code of a package in one place after the other, and runs its tests
// each time: what no test notices is printed. All mutants are compiled at once, into one
// test binary that is told by an environment variable which of them to be.
//
//	go run ./hack/mutate -short ./authserver/policy
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	var o options
	flag.BoolVar(&o.short, "short", false, "run short tests alone")
	flag.IntVar(&o.parallel, "p", 1, "how many mutants are tried at a time")
	flag.StringVar(&o.only, "file", "", "mutate this file alone")
	flag.StringVar(&o.run, "run", "", "run the tests that match alone")
	flag.IntVar(&o.every, "every", 1, "try every n-th mutant: a sample")
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
	dir, only, run  string
	short           bool
	parallel, every int
}

// whichFile is a file that is added to the package.
const whichFile = `package %s

import (
	"os"
	"strconv"
)

var %s = func() int { n, _ := strconv.Atoi(os.Getenv(%q)); return n }()

func %s(and, x bool, y func() bool) bool {
	if and {
		return x && y()
	}
	return x || y()
}
`

// variable names the mutant that the test binary is.
const variable = "OSTIARY_MUTANT"

func (o *options) mutate() error {
	work, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	mutants, binary, err := o.build(work)
	if err != nil {
		return err
	}
	begun := time.Now()
	if out, alive := o.try(binary, 0, 10*time.Minute); !alive {
		return fmt.Errorf("the tests fail without a mutant:\n%s", out)
	}
	limit := 3*time.Since(begun) + 10*time.Second
	fmt.Printf("%d mutants; the tests take %s\n", len(mutants), time.Since(begun).Round(time.Millisecond))
	survivors := o.tryAll(binary, mutants, limit)
	for _, m := range survivors {
		fmt.Printf("%s:%d: %s\n", m.file, m.line, m.what)
	}
	tried := (len(mutants) + o.every - 1) / o.every
	fmt.Printf("%d of %d mutants were noticed, %d were not, in %s\n", tried-len(survivors), tried, len(survivors),
		time.Since(begun).Round(time.Second))
	return nil
}

// build compiles the tests of the package with all mutants in it.
func (o *options) build(work string) (mutants []mutant, binary string, err error) {
	files, err := filepath.Glob(filepath.Join(o.dir, "*.go"))
	if err != nil {
		return nil, "", err
	}
	overlay := map[string]string{}
	name := ""
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || strings.HasPrefix(filepath.Base(f), "zz_") || o.only != "" && filepath.Base(f) != o.only {
			continue
		}
		text, pkg, found, err := mutated(f, len(mutants))
		if err != nil {
			return nil, "", err
		}
		name, mutants = pkg, append(mutants, found...)
		at := filepath.Join(work, strconv.Itoa(len(overlay))+".go")
		if err := os.WriteFile(at, text, 0o600); err != nil {
			return nil, "", err
		}
		if overlay[f], err = at, nil; err != nil {
			return nil, "", err
		}
	}
	if name == "" {
		return nil, "", fmt.Errorf("no Go files in %s", o.dir)
	}
	which := filepath.Join(work, "which.go")
	text := fmt.Sprintf(whichFile, name, identifier, variable, joins)
	if err := os.WriteFile(which, []byte(text), 0o600); err != nil {
		return nil, "", err
	}
	overlay[filepath.Join(o.dir, "mutate_which.go")] = which
	binary = filepath.Join(work, "mutants.test")
	return mutants, binary, compile(o.dir, work, binary, overlay)
}

func compile(dir, work, binary string, overlay map[string]string) error {
	absolute := map[string]string{}
	for from, to := range overlay {
		full, err := filepath.Abs(from)
		if err != nil {
			return err
		}
		absolute[full] = to
	}
	js, err := json.Marshal(map[string]any{"Replace": absolute})
	if err != nil {
		return err
	}
	at := filepath.Join(work, "overlay.json")
	if err := os.WriteFile(at, js, 0o600); err != nil {
		return err
	}
	c := exec.Command("go", "test", "-c", "-overlay", at, "-vet=off", "-o", binary, ".")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("the mutants do not compile: %w\n%s", err, out)
	}
	return nil
}

// tryAll returns the mutants that no test notices.
func (o *options) tryAll(binary string, mutants []mutant, limit time.Duration) []mutant {
	alive := make([]bool, len(mutants))
	next := make(chan int)
	var wg sync.WaitGroup
	for range o.parallel {
		wg.Go(func() {
			for i := range next {
				_, alive[i] = o.try(binary, i+1, limit)
			}
		})
	}
	for i := 0; i < len(mutants); i += o.every {
		next <- i
		if n := i / o.every; n%50 == 49 {
			fmt.Fprintf(os.Stderr, "%d of %d\n", n+1, len(mutants)/o.every)
		}
	}
	close(next)
	wg.Wait()
	var out []mutant
	for i, a := range alive {
		if a {
			out = append(out, mutants[i])
		}
	}
	return out
}

// try reports whether the tests pass with a mutant; 0 is none. What hangs is noticed.
func (o *options) try(binary string, n int, limit time.Duration) (out []byte, passes bool) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	args := []string{"-test.failfast", "-test.run=" + o.run}
	if o.short {
		args = append(args, "-test.short")
	}
	c := exec.CommandContext(ctx, binary, args...)
	c.Dir, c.Env = o.dir, append(os.Environ(), variable+"="+strconv.Itoa(n))
	out, err := c.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "mutate: cannot run the tests:", err)
		os.Exit(1)
	}
	return out, err == nil
}
