// SPDX-License-Identifier: Apache-2.0

package imports

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/check"
)

var update = flag.Bool("update", false, "write what is imported into testdata")

// run is the command.
func run(t testing.TB, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	c := Command()
	c.SetIn(strings.NewReader(stdin))
	code = command.Execute(t.Context(), command.Root("ostiary", "", "", c), append([]string{"import"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// valid holds what was written to `ostiary check`.
func valid(t testing.TB, text string) {
	t.Helper()
	if strings.TrimSpace(text) == "" {
		return
	}
	var b strings.Builder
	ok, err := check.Run(&b, "text", policy.Terms{}, strings.NewReader(text), []string{"-"})
	if err != nil || !ok {
		t.Errorf("check: %v\n%s\n%s", err, b.String(), text)
	}
}

// TestCorpus: what each input becomes stands beside it, is valid, and is the same in JSON. An
// input is a file, or a folder of several.
func TestCorpus(t *testing.T) {
	for _, s := range sources {
		entries, err := os.ReadDir(filepath.Join("testdata", s.name))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range entries {
			if filepath.Ext(e.Name()) == ".golden" {
				continue
			}
			n++
			t.Run(s.name+"/"+e.Name(), func(t *testing.T) { corpus(t, s.name, e) })
		}
		if n < 8 {
			t.Errorf("%s has %d inputs: at least 8", s.name, n)
		}
	}
}

func corpus(t *testing.T, source string, e fs.DirEntry) {
	path := filepath.Join("testdata", source, e.Name())
	files := []string{path}
	if e.IsDir() {
		files, _ = filepath.Glob(filepath.Join(path, "*"))
	}
	args := append([]string{source, "--namespace", "shop"}, files...)
	code, stdout, stderr := run(t, "", args...)
	valid(t, stdout)
	got := fmt.Sprintf("exit code %d\n%s\n%s", code, stderr, stdout)
	golden := path + ".golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != got {
		t.Errorf("%v\n%s\nand not\n%s", err, got, want)
	}
	asJSON(t, code, strings.Count(stdout, "---\n"), append(args, "-o", "json"))
}

// asJSON: the same objects, and each note.
func asJSON(t *testing.T, code, objects int, args []string) {
	t.Helper()
	again, stdout, _ := run(t, "", args...)
	if again != code {
		t.Errorf("exit code %d as JSON, and %d as YAML", again, code)
	}
	if code == 2 {
		return
	}
	var r struct {
		Version int
		Objects []map[string]any
		Notes   []struct{ Effect, File, Reason string }
		Closed  int
		Left    int
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	if r.Version != 1 || len(r.Objects) != objects || (code == 3) != (r.Closed+r.Left > 0) {
		t.Errorf("version %d, %d objects and not %d, %d closed, %d left out, exit code %d",
			r.Version, len(r.Objects), objects, r.Closed, r.Left, code)
	}
	if slices.ContainsFunc(r.Notes, func(n struct{ Effect, File, Reason string }) bool { return n.Reason == "" || n.File == "" }) {
		t.Errorf("a note without a reason or a file: %+v", r.Notes)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args, says string
	}{
		{"", "name what to import and a file"},
		{"cloudflare", "name what to import and a file"},
		{"cloudfare x", "Did you mean cloudflare?"},
		{"cloudflare testdata/nothing", "testdata/nothing: no such file"},
		{"cloudflare testdata", "is a directory"},
		{"cloudflare x -o toml", "yaml or json"},
		{"cloudflare x -n Shop", "--namespace"},
		{"cloudflare x --namespace=", "--namespace"},
	} {
		if code, stdout, stderr := run(t, "", strings.Fields(c.args)...); code != 2 || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: %d %s%s", c.args, code, stdout, stderr)
		}
	}
}
