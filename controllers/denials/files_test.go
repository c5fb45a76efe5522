// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// writeLog writes a log, and returns its path.
func writeLog(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ostiary.log")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFilters: only what is asked for is shown, of files whose lines others have put
// something in front of.
func TestFilters(t *testing.T) {
	log := writeLog(t,
		denied(7200, "0", "host", "old.example.org"),
		denied(9, "1", "host", "a.example.com", "user", "u1", "email", "Ann@example.com"),
		"[pod/ostiary-1/ostiary] "+denied(8, "2", "host", "b.a.example.com", "reason", "origin-not-allowed", "policy", "team/b"),
		"2026-11-28T00:00:00.1Z stderr F "+denied(7, "3", "verdict", "challenge", "reason", "no-session", "host", "a.example.com"),
		denied(6, "4", "verdict", "allow", "reason", "dry-run", "dryRun", "Open", "would", "deny no-rule-matched", "clientID", "abc.access"),
		denied(5, "5", "verdict", "allow", "reason", "dry-run", "dryRun", "Open", "would", "allow signed-in"),
		denied(4, "6", "verdict", "allow", "reason", "signed-in", "user", "u1"),
		`{"time":"`+start.Format(time.RFC3339)+`","msg":"refused","dialect":"nginx","status":403,"reason":"ambiguous-path",`+
			`"why":"the path leads above the root","requestID":"7"}`,
		`{"time":"2026-11-28T00:00:00Z","msg":"shown","dialect":"render","status":403,"reason":"blocked","requestID":"8"}`,
		`{"time":"2026-11-28T00:00:00Z","msg":"sign-in failed","reason":5}`,
		"", "time=2026-11-28T00:00:00Z msg=decision", `{"msg":"decision","verdict":`, `{"msg":"decision","status":"403"}`,
		strings.Repeat("x", 2*maxLine)+denied(1, "9"))
	for args, want := range map[string]string{
		"":                            "0 1 2 3 4 7",
		"--since 1h":                  "1 2 3 4 7",
		"--host a.example.com":        "1 3",
		"--host A.Example.com":        "1 3",
		"--host *.example.com":        "1 2 3 4",
		"--host *.a.example.com":      "2",
		"--host *example.com":         "",
		"--user ann@EXAMPLE.com":      "1",
		"--user u1":                   "1",
		"--user abc.access":           "4",
		"--reason no-session,dry-run": "3 4",
		"--reason ambiguous-path":     "7",
		"-n team":                     "2",
		"-n shop --reason no-session": "3",
		"--host old.example.org":      "0",
		"-n sho":                      "",
	} {
		code, stdout, stderr := run(t.Context(), t, nil, append(strings.Fields(args), "-o", "json", "--log", log)...)
		if got := ids(t, stdout); got != want || code != 0 {
			t.Errorf("%s: exit code %d: %q, want %q\n%s", args, code, got, want, stderr)
		}
		if !strings.Contains(stderr, "not JSON: 4 lines;") || strings.Contains(stderr, "nothing was refused") != (stdout == "") {
			t.Errorf("%s: %s", args, stderr)
		}
	}
}

// TestMistakesOfTheCommandLine are said before anything is read.
func TestMistakesOfTheCommandLine(t *testing.T) {
	for args, want := range map[string]string{
		"x.log":                `for files, write --log x.log`,
		"-o yaml":              `--output "yaml": text or json`,
		"--since -1m":          "--since -1m0s",
		"--reason no-sesion":   `there is no reason "no-sesion". Did you mean no-session?`,
		"--since x":            "--since",
		"--log nowhere.log -f": "note: nowhere.log cannot be read",
	} {
		code, stdout, stderr := run(t.Context(), t, nil, strings.Fields(args)...)
		want2 := map[bool]int{true: 1, false: 2}[strings.HasPrefix(want, "note")]
		if code != want2 || !strings.Contains(stderr, want) || strings.Contains(stdout, "deny") {
			t.Errorf("%s: exit code %d\n%s", args, code, stderr)
		}
	}
	root := command.Root("ostiary", "x", "", Command())
	var errs fixture.LogBuffer
	code := command.Execute(t.Context(), root, []string{"denials", "--log", writeLog(t, denied(1, "1"))}, full{}, &errs)
	if code != 2 || !strings.Contains(errs.String(), errFull.Error()) {
		t.Errorf("exit code %d\n%s", code, errs.String())
	}
}

// TestTable: what people see. Nothing of what visitors choose moves a cursor or makes a line.
func TestTable(t *testing.T) {
	log := writeLog(t,
		`{"time":"2026-11-28T00:00:01.5Z","msg":"decision","verdict":"challenge","reason":"no-session","status":401,"method":"GET",`+
			`"host":"app.example.com","path":"/","policy":"shop/app","field":"spec.rules","requestID":"r1"}`,
		`{"time":"2026-11-28T00:00:02Z","msg":"decision","verdict":"deny","reason":"no-rule-matched","status":403,"method":"GET\u001b[2J",`+
			`"host":"app.example.com","path":"/a\nforged\u202e","policy":"shop/app","field":"spec.rules[0]","rule":"staff",`+
			`"origin":"https://\u0007x.example","user":"u1","email":"ann@example.com","requestID":"r2"}`,
		`{"time":"2026-11-28T00:00:03Z","msg":"decision","verdict":"allow","reason":"dry-run","status":200,"method":"GET",`+
			`"host":"new.example.com","path":"/","user":"u2","dryRun":"Open","would":"deny blocked","requestID":"r3"}`,
		`{"time":"2026-11-28T00:00:04Z","msg":"refused","dialect":"nginx","status":403,"reason":"ambiguous-path",`+
			`"why":"the path leads above the root","requestID":"r4"}`)
	want := `TIME VERDICT REASON METHOD URL ORIGIN USER POLICY RULE ID
2026-11-28T00:00:01Z challenge no-session GET app.example.com/ - - shop/app spec.rules r1
2026-11-28T00:00:02Z deny no-rule-matched GET\x1b[2J app.example.com/a\nforged\u202e https://\x07x.example ann@example.com shop/app staff r2
2026-11-28T00:00:03Z allow (dry run: deny) dry-run GET new.example.com/ - u2 - - r3
2026-11-28T00:00:04Z refused ambiguous-path - (the path leads above the root) - - - - r4
`
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	code, stdout, stderr := run(t.Context(), t, nil, "--log", log)
	if code != 0 || words(stdout) != words(want) || stderr != "" {
		t.Errorf("exit code %d\n%s\nwant\n%s\n%s", code, stdout, want, stderr)
	}
	rows := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if len(rows) != 5 {
		t.Fatalf("%d lines", len(rows))
	}
	for _, r := range rows[1:] { // columns stand below their headings
		for _, at := range []int{strings.Index(rows[0], "REASON"), strings.Index(rows[0], "POLICY"), strings.Index(rows[0], "ID")} {
			if r[at-1] != ' ' || r[at-2] != ' ' || r[at] == ' ' {
				t.Errorf("%d of %q", at, r)
			}
		}
	}
	one, two := writeLog(t), writeLog(t)
	for logs, want := range map[string]string{one: one, one + "," + two: one + ", " + two, "-": "-"} {
		code, stdout, stderr = run(t.Context(), t, strings.NewReader(""), "--log", logs)
		if code != 0 || stdout != "" || stderr != "note: nothing was refused, as far as one can see in "+want+"\n" {
			t.Errorf("exit code %d, %q, %s", code, stdout, stderr)
		}
	}
	_, stdout, _ = run(t.Context(), t, nil, "-o", "json", "--log", writeLog(t, `{"msg":"decision","host":"`+"\u202e\u009b"+`"}`))
	if stdout != "{\"msg\":\"decision\",\"host\":\"\\u202e\\u009b\"}\n" {
		t.Errorf("%q", stdout)
	}
}

// TestStandardInput is read once, to its end, followed or not.
func TestStandardInput(t *testing.T) {
	for _, args := range [][]string{{"--log", "-"}, {"-f", "--log", "-"}, {"-f", "--log", "-", "--since", "1h"}} {
		in := strings.NewReader(denied(3, "1") + "\n" + denied(2, "2") + "\n" + denied(1, "3"))
		code, stdout, stderr := run(t.Context(), t, in, append(args, "-o", "json")...)
		if got := ids(t, stdout); got != "1 2 3" || code != 0 || stderr != "" {
			t.Errorf("%q: exit code %d, %q\n%s", args, code, got, stderr)
		}
	}
}

// TestMerge: lines of several files come by time, whatever is in which, and none is lost.
func TestMerge(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 20 {
		files := make([][]string, 1+rnd.IntN(5))
		var want []string
		for i, n := 0, rnd.IntN(3000); i < n; i++ {
			to := rnd.IntN(len(files))
			files[to] = append(files[to], denied(n-i, fmt.Sprint(i)))
			want = append(want, fmt.Sprint(i))
		}
		args := []string{"-o", "json"}
		for _, lines := range files {
			args = append(args, "--log", writeLog(t, lines...))
		}
		code, stdout, stderr := run(t.Context(), t, nil, args...)
		if got := strings.Fields(ids(t, stdout)); !slices.Equal(got, want) || code != 0 {
			t.Fatalf("seed %d: exit code %d, %d lines of %d\n%s", seed, code, len(got), len(want), stderr)
		}
	}
}

// TestFollowFile: a file that grows, is renamed and made anew, or is emptied.
func TestFollowFile(t *testing.T) {
	log := writeLog(t, denied(9, "1"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs fixture.LogBuffer
	root := command.Root("ostiary", "x", "", Command())
	var done sync.WaitGroup
	done.Go(func() {
		command.Execute(ctx, root, []string{"denials", "-f", "-o", "json", "--log", log}, &out, &errs)
	})
	expect := func(want string) {
		t.Helper()
		fixture.Eventually(t, want, func() error {
			if got := ids(t, out.String()); got != want {
				return fmt.Errorf("%q\n%s", got, errs.String())
			}
			return nil
		})
	}
	add := func(flag int, text string) {
		t.Helper()
		f, err := os.OpenFile(log, flag|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	expect("1")
	line := denied(8, "2") + "\n"
	add(os.O_APPEND, line[:20])
	add(os.O_APPEND, line[20:])
	expect("1 2")
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	add(os.O_CREATE, denied(7, "3")+"\n")
	expect("1 2 3")
	add(os.O_TRUNC, "\n"+denied(6, "4")[:10])
	add(os.O_TRUNC, "")
	add(os.O_APPEND, "")
	fixture.Eventually(t, "the file is read from its beginning again", func() error {
		add(os.O_TRUNC, denied(5, "5")+"\n")
		if got := ids(t, out.String()); !strings.HasSuffix(got, " 5") {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
	cancel()
	done.Wait()
}
