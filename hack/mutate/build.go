// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Environment variables of the test binary: which mutant it is, the file in which it marks
// the mutants that it reaches, and how many seconds of CPU it may take.
const (
	envMutant  = "OSTIARY_MUTANT"
	envReached = "OSTIARY_MUTANTS_REACHED"
	envSeconds = "OSTIARY_MUTANT_SECONDS"
)

// whichFile is a file that is added to the package. The marks are in a mapped file, so they
// are there however the process ends. A mutant may run for ever, or take all memory there
// is: the limits are set before any code of the package runs. There are no allocations, as
// some tests count them.
const whichFile = `package PACKAGE

import (
	"os"
	"strconv"
	"syscall"
)

var mutateReached []byte

var mutateWhich = func() int {
	if seconds, err := strconv.ParseUint(os.Getenv("` + envSeconds + `"), 10, 64); err == nil {
		_ = syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: seconds, Max: seconds + 1})
		_ = syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 6 << 30, Max: 6 << 30})
	}
	if name := os.Getenv("` + envReached + `"); name != "" {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			panic(err)
		}
		info, err := f.Stat()
		if err != nil {
			panic(err)
		}
		mutateReached, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		if err != nil {
			panic(err)
		}
	}
	n, _ := strconv.Atoi(os.Getenv("` + envMutant + `"))
	return n
}()

func mutateIs(n int) bool {
	if mutateReached != nil {
		mutateReached[n] = 1
	}
	return n == mutateWhich
}

func mutateJoins(and, x bool, y func() bool) bool {
	if and {
		return x && y()
	}
	return x || y()
}
`

// places finds out where the package is in its module, and which files are meant.
func (o *options) places() error {
	c := exec.Command("go", "list", "-f", "{{.Dir}}\n{{.Module.Dir}}", ".")
	c.Dir, c.Stderr = o.dir, os.Stderr
	out, err := c.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", o.dir, err)
	}
	dir, root, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	name, err := filepath.Rel(root, dir)
	if err != nil {
		return err
	}
	o.dir, o.name = dir, filepath.ToSlash(name)
	if o.results == "" {
		o.results = filepath.Join(root, ".cache", "mutate", strings.ReplaceAll(o.name, "/", "-")+".jsonl")
	}
	if o.accepted == "" {
		o.accepted = filepath.Join(root, "hack", "mutate", "survivors.txt")
	}
	return os.MkdirAll(filepath.Dir(o.results), 0o750)
}

// mutates reports whether a file is mutated: a path from the root of the module.
func (o *options) mutates(file string) bool {
	dir, base := path.Split(file)
	return path.Clean(dir) == path.Clean(o.name) && (o.only == "" || slices.Contains(strings.Split(o.only, ","), base))
}

// sources are the files to mutate, in the order that was asked for.
func (o *options) sources() (out []string, err error) {
	if o.only != "" {
		for name := range strings.SplitSeq(o.only, ",") {
			out = append(out, filepath.Join(o.dir, name))
		}
		return out, nil
	}
	files, err := filepath.Glob(filepath.Join(o.dir, "*.go"))
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") && !strings.HasPrefix(filepath.Base(f), "zz_") {
			out = append(out, f)
		}
	}
	return out, err
}

// An overlay is what the compiler reads in place of files.
type overlay map[string]string

// prepare writes the files of the package with all mutants in them.
func (o *options) prepare(work string) (mutants []*mutant, files overlay, err error) {
	sources, err := o.sources()
	if err != nil {
		return nil, nil, err
	}
	if len(sources) == 0 {
		return nil, nil, fmt.Errorf("no Go files in %s", o.dir)
	}
	files, pkg := overlay{}, ""
	for _, f := range sources {
		text, name, found, err := mutated(f, path.Join(o.name, filepath.Base(f)), len(mutants))
		if err != nil {
			return nil, nil, err
		}
		pkg, mutants = name, append(mutants, found...)
		files[f] = filepath.Join(work, strconv.Itoa(len(files))+".go")
		if err := os.WriteFile(files[f], text, 0o600); err != nil {
			return nil, nil, err
		}
	}
	which := filepath.Join(work, "which.go")
	files[filepath.Join(o.dir, "mutate_which.go")] = which
	return mutants, files, os.WriteFile(which, []byte(strings.Replace(whichFile, "PACKAGE", pkg, 1)), 0o600)
}

// compile compiles the tests of the package.
func (o *options) compile(work string, files overlay) (binary string, err error) {
	js, err := json.Marshal(map[string]any{"Replace": files})
	if err != nil {
		return "", err
	}
	at := filepath.Join(work, "overlay.json")
	if err := os.WriteFile(at, js, 0o600); err != nil {
		return "", err
	}
	binary = filepath.Join(work, "mutants.test")
	c := exec.Command("go", "test", "-c", "-overlay", at, "-vet=off", "-o", binary, ".")
	c.Dir = o.dir
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the mutants do not compile: %w\n%s", err, out)
	}
	return binary, nil
}

// settings is a sum over what may let a test notice more: the files of the package, and how
// the tests are run.
func (o *options) settings() (string, error) {
	files, err := filepath.Glob(filepath.Join(o.dir, "*.go"))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, _ = fmt.Fprintln(h, o.short, o.run, o.env)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintln(h, filepath.Base(f), len(text))
		_, _ = h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
