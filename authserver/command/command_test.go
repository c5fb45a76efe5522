// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/authserver/command"
)

// try runs a command line of a program whose one command ends as it is told.
func try(t *testing.T, ends error, line ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	var where, host string
	c := command.New(&cobra.Command{
		Use: "look PATH [flags]", Short: "what is there", Long: "Look.", Example: "  program look here", Args: command.AtMost(1),
		RunE: func(c *cobra.Command, _ []string) error {
			fmt.Fprintf(c.OutOrStdout(), "%s %s", where, host)
			return ends
		},
	}, "0 yes, 1 no, 2 usage")
	c.Flags().Var(command.Listener(&where), "where-url", "where it is")
	c.Flags().Var(command.TeamHost(&host), "team-url", "where people sign in")
	c.Flags().String("a-last-one", "x", "not sorted")
	command.RenamedFlag(c, "where", "where-url", &where)
	code = command.Execute(t.Context(), command.Root("program", "a program", "1.0\n", command.Renamed(c, "peek")), line, &out, &errs)
	return code, out.String(), errs.String()
}

func TestExecute(t *testing.T) {
	for _, c := range []struct {
		line           string
		ends           error
		code           int
		stdout, stderr string
	}{
		{"look", nil, 0, " ", ""},
		{"look", command.Answer(true), 0, " ", ""},
		{"look", command.Answer(false), 1, " ", ""},
		{"look", errors.New("cannot be read"), 2, " ", "program look: cannot be read\n"},
		{"look", command.Failed(errors.New("the disk is full")), 1, " ", "program look: the disk is full\n"},
		{"look", command.Failed(errors.Join(errors.New("a"), errors.New("b"))), 1, " ", "program look: a\nprogram look: b\n"},
		{"look", command.Mistake("say what"), 2, " ", "program look: say what\nRun 'program look --help' for how it is used.\n"},
		{"look", errors.Join(errors.New("a\nforged: line"), errors.Join(errors.New("b\x1b[31m\u202e"))), 2, " ", "program look: a\\nforged: line\nprogram look: b\\x1b[31m\\u202e\n"},
		{"look", fmt.Errorf("--flag: %w, or %w", errors.New("a"), errors.New("b")), 2, " ", "program look: --flag: a, or b\n"},
		{"look a b", nil, 2, "", "program look: \"b\" is one argument too many\nRun 'program look --help' for how it is used.\n"},
		{"look --were-url=x", nil, 2, "", "program look: unknown flag: --were-url. Did you mean --where-url?\nRun 'program look --help' for how it is used.\n"},
		{"look --nothing-like-it", nil, 2, "", "program look: unknown flag: --nothing-like-it\nRun 'program look --help' for how it is used.\n"},
		{"look --where-url http://a:1", nil, 0, "a:1 ", ""},
		{"look --team-url https://Auth.Example.com./", nil, 0, " auth.example.com", ""},
		{"look --where b:2", nil, 0, "b:2 ", "note: --where is now --where-url; the old name goes away in the release after the next\n"},
		{"peek", nil, 0, " ", "note: peek is now look; the old name goes away in the release after the next\n"},
		{"lok", nil, 2, "", "program: there is no command \"lok\". Did you mean look?\nRun 'program --help' for how it is used.\n"},
		{"nothing", nil, 2, "", "program: there is no command \"nothing\"\nRun 'program --help' for how it is used.\n"},
		{"--where x", nil, 2, "", "program: there is no command \"--where\": flags stand after the command\nRun 'program --help' for how it is used.\n"},
		{"--version", nil, 0, "1.0\n", ""},
	} {
		code, stdout, stderr := try(t, c.ends, strings.Fields(c.line)...)
		if code != c.code || stdout != c.stdout || stderr != c.stderr {
			t.Errorf("%q, %v: exit code %d, want %d\nstdout %q, want %q\nstderr %q\n  want %q", c.line, c.ends, code, c.code, stdout, c.stdout, stderr, c.stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	const want = `Look.

Usage:
  program look PATH [flags]   (exit code: 0 yes, 1 no, 2 usage)

Examples:
  program look here

Flags:
      --where-url string    where it is
      --team-url string     where people sign in
      --a-last-one string   not sorted (default "x")
`
	for _, line := range []string{"look --help", "help look", "look -h x y", "peek --help"} {
		if code, stdout, stderr := try(t, nil, strings.Fields(line)...); code != 0 || stdout != want || stderr != "" {
			t.Errorf("%s: %d\n%s%s", line, code, stdout, stderr)
		}
	}
	for _, line := range []string{"--help", "-h", "help", ""} {
		code, stdout, stderr := try(t, nil, strings.Fields(line)...)
		if (code == 0) != (line != "") || !strings.Contains(stdout, "  program look PATH                       what is there\n") || stderr != "" {
			t.Errorf("%q: %d\n%s%s", line, code, stdout, stderr)
		}
	}
}

func TestURLs(t *testing.T) {
	for s, want := range map[string]string{
		"http://a:1": "a:1", "http://[::1]:80/": "[::1]:80", "http://a": "", "https://a:1": "", "a:1": "", "http://u@a:1": "", "http://a:1/x": "", "http://a:1?x": "", "": "",
	} {
		code, stdout, _ := try(t, nil, "look", "--where-url", s)
		if got := strings.TrimSpace(stdout); got != want || (code == 0) != (want != "") {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// TestCommands holds every command to its shape.
func TestCommands(t *testing.T) {
	root := command.Root("program", "a program", "1.0\n")
	for _, c := range root.Commands() {
		if c.Short == "" || c.Example == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: %q", c.Name(), c.Short)
		}
	}
}
