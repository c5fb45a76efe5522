// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tiny is a copy of the tiny package.
func tiny(t *testing.T) *options {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/tiny")); err != nil {
		t.Fatal(err)
	}
	return &options{dir: dir, run: ".", parallel: 2, every: 1, results: filepath.Join(dir, "results"), accepted: filepath.Join(dir, "accepted")}
}

// mutates runs it all, and returns what is said.
func mutates(t *testing.T, o *options) (said string, err error) {
	t.Helper()
	var out bytes.Buffer
	o.out = &out
	err = o.mutate()
	t.Log(out.String())
	return out.String(), err
}

// outcomes are what is known of every mutant of the tiny package.
func outcomes(t *testing.T, o *options) map[string]outcome {
	t.Helper()
	var all []*mutant
	_, _, all, err := mutated(filepath.Join(o.dir, "tiny.go"), "tiny.go", 0)
	if err != nil {
		t.Fatal(err)
	}
	known, err := o.load(all)
	if err != nil {
		t.Fatal(err)
	}
	defer known.close()
	out := map[string]outcome{}
	for _, m := range all {
		if r := known.of(m); r != nil {
			out[m.function+" "+m.what] = r.Outcome
		}
	}
	return out
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func contains(t *testing.T, text string, all ...string) {
	t.Helper()
	for _, s := range all {
		if !strings.Contains(text, s) {
			t.Errorf("%q is not in\n%s", s, text)
		}
	}
}

// whatBecomes is what becomes of every mutant.
var whatBecomes = map[string]outcome{
	"big `3 > 2`: > becomes >=":                               survived,
	"big `3 > 2`: > becomes <=":                               noticed,
	"Counter.Add `c.n = c.n + 1`: the assignment is left out": noticed,
	"Both `a && b`: && becomes ||":                            survived,
	"Sum `n > 0`: > becomes >=":                               survived, // and adds 0
	"Sum `n > 0`: > becomes <=":                               noticed,
	"Sum `sum += n`: the assignment is left out":              noticed,
	"Sum `n = n - 1`: the assignment is left out":             timeout,
	"Not `!b`: ! is left out":                                 unreached,
}

// TestMutate: what becomes of mutants; what a run that follows does again; and the list.
func TestMutate(t *testing.T) {
	o := tiny(t)
	said, err := mutates(t, o)
	if got := outcomes(t, o); !maps.Equal(got, whatBecomes) {
		t.Fatalf("got  %v\nwant %v", got, whatBecomes)
	}
	if err == nil || !strings.HasPrefix(err.Error(), "4: ") {
		t.Errorf("survivors that nobody accepted: %v", err)
	}
	contains(t, said, "9 mutants, 9 to try", "tiny.go:13: survived: Both `a && b`: && becomes ||", "unreached: Not",
		"5 mutants were noticed, 1 of them by time; 3 survive, and no test reaches 1 more")

	// All is known: nothing is done again, and a line that was cut short is not in the way.
	before, err := os.ReadFile(o.results)
	if err != nil {
		t.Fatal(err)
	}
	write(t, o.results, string(before)+`{"mutant":"ti`)
	said, _ = mutates(t, o)
	contains(t, said, "9 mutants, 0 to try")
	write(t, o.results, string(before))

	// A test more: survivors are tried again, and no others.
	write(t, filepath.Join(o.dir, "more_test.go"), "package tiny\n\nimport \"testing\"\n\n"+
		"func TestMore(t *testing.T) {\n\tif Both(true, false) || Not(true) {\n\t\tt.Fail()\n\t}\n}\n")
	said, _ = mutates(t, o)
	contains(t, said, "9 mutants, 4 to try", "7 mutants were noticed")

	// The code of one function is another: its mutants are new.
	text, err := os.ReadFile(filepath.Join(o.dir, "tiny.go"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(o.dir, "tiny.go"), strings.Replace(string(text), "func Both(a, b bool) bool { return a && b }", "\nfunc Both(a, b bool) bool { return b && a }", 1))
	said, err = mutates(t, o)
	contains(t, said, "9 mutants, 3 to try") // and the two that survive, as the package changed
	if err == nil || !strings.HasPrefix(err.Error(), "2: ") {
		t.Errorf("%v", err)
	}

	// The list.
	const reason = " — there is no other way to see it\n"
	both := "# why\ntiny.go big `3 > 2`: > becomes >=" + reason + "tiny.go Sum `n > 0`: > becomes >=" + reason
	write(t, o.accepted, strings.ReplaceAll(both, "tiny.go ", "./tiny.go "))
	if _, err := mutates(t, o); err == nil {
		t.Error("other files are accepted")
	}
	write(t, o.accepted, both)
	if _, err := mutates(t, o); err != nil {
		t.Errorf("all survivors are accepted: %v", err)
	}
	write(t, o.accepted, both+"tiny.go Not `!b`: ! is left out"+reason+"tiny.go Gone `a`: ! is left out"+reason+"other/x.go F `a`: ! is left out"+reason)
	said, err = mutates(t, o)
	if err == nil || !strings.HasPrefix(err.Error(), "2: ") {
		t.Errorf("what is no longer a survivor: %v", err)
	}
	contains(t, said, "Not `!b`: ! is left out is noticed by TestMore: strike it out", "there is no such mutant: tiny.go Gone")
	for _, wrong := range []string{"tiny.go F `a`: ! is left out\n", "tiny.go F `a`: ! is left out — \n", both + both} {
		write(t, o.accepted, wrong)
		if _, err := mutates(t, o); err == nil || !strings.Contains(err.Error(), "accepted:") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// TestSample: every third mutant, with some tests.
func TestSample(t *testing.T) {
	o := tiny(t)
	o.every, o.run, o.only = 3, "Both", "tiny.go"
	said, _ := mutates(t, o)
	got := outcomes(t, o)
	contains(t, said, "9 mutants, 3 to try", "1 tests take")
	if len(got) != 3 || got["Both `a && b`: && becomes ||"] != survived {
		t.Errorf("%v", got)
	}
	o.run = "None"
	if _, err := mutates(t, o); err == nil || !strings.Contains(err.Error(), "no tests") {
		t.Errorf("without tests: %v", err)
	}
	write(t, filepath.Join(o.dir, "more_test.go"), "package tiny\n\nimport \"testing\"\n\nfunc TestMore(t *testing.T) { t.Fatal(`as always`) }\n")
	o.run = "."
	if _, err := mutates(t, o); err == nil || !strings.Contains(err.Error(), "TestMore fails without a mutant") {
		t.Errorf("with a test that fails: %v", err)
	}
}

// TestGroups: the fastest first, each process about as dear as those before it, and nothing
// that does not reach the mutant.
func TestGroups(t *testing.T) {
	r := &runner{}
	for i, ms := range []int{1, 1, 2, 90, 90, 300, 400, 5000} {
		r.tests = append(r.tests, test{name: string(rune('a' + i)), cpu: time.Duration(ms) * time.Millisecond, reaches: []byte{0, 1, byte(i % 2), 0}})
	}
	for n, want := range map[int]string{1: "abcde f g h", 2: "bd f h", 3: ""} {
		var got []string
		for _, g := range r.groups(n) {
			name := ""
			for _, t := range g {
				name += t.name
			}
			got = append(got, name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if got := exactly(r.tests[:2]); got != "^(a|b)$" {
		t.Error(got)
	}
}

// TestNames: two mutants never have one name, and lines are not part of it.
func TestNames(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.go")
	code := "package a\n\nfunc F(a, b *int) bool {\n\tif a == b {\n\t\treturn true\n\t}\n\tif a == b {\n\t\treturn false\n\t}\n\treturn !(a == b && a !=\n\t\tb)\n}\n"
	names := func() (out []string) {
		_, _, all, err := mutated(file, "x/a.go", 7)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range all {
			if m.number != 8+i {
				t.Errorf("%s is number %d", m.id(), m.number)
			}
			out = append(out, m.id())
		}
		return out
	}
	write(t, file, code)
	first := names()
	contains(t, strings.Join(first, "\n"), "x/a.go F `a == b`: == becomes !=\n", "x/a.go F `a == b`: == becomes != (3)", "`!(a == b && a != b)`: ! is left out",
		"`return true`: true is turned")
	if sorted := slices.Compact(slices.Sorted(slices.Values(first))); len(sorted) != len(first) {
		t.Errorf("two have one name: %q", first)
	}
	write(t, file, strings.Replace(code, "func", "// A comment.\nfunc", 1))
	if again := names(); !slices.Equal(first, again) {
		t.Errorf("%q\n%q", first, again)
	}
}
