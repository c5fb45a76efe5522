// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/authserver/command"
)

// TestCalled: the name of the file says what the program is, and flags of kubectl may stand
// in front of a command.
func TestCalled(t *testing.T) {
	for _, c := range []struct{ words, name, args string }{
		{"", "ostiary", ""},
		{"ostiary", "ostiary", ""},
		{"/ostiary serve -n x", "ostiary", "serve -n x"},
		{"./renamed -n x who", "ostiary", "-n x who"},
		{"kubectl-access", "kubectl access", ""},
		{"/a/kubectl-access who app", "kubectl access", "who app"},
		{"kubectl-access.exe who app", "kubectl access", "who app"},
		{"kubectl-access.EXE who app", "kubectl access", "who app"},
		{"kubectl-access.sh who app", "ostiary", "who app"},
		{"kubectl-access -n shop who app", "kubectl access", "who app -n shop"},
		{"kubectl-access --context=a --kubeconfig b --namespace c who app", "kubectl access", "who app --context=a --kubeconfig b --namespace c"},
		{"kubectl-access -n shop who -- app", "kubectl access", "who -n shop -- app"},
		{"kubectl-access -n", "kubectl access", "-n"},
		{"kubectl-access -n shop", "kubectl access", "-n shop"},
		{"kubectl-access --as x who", "kubectl access", "--as x who"},
		{"/a/kubectl_complete-access wh", "kubectl access", "__complete wh"},
	} {
		words := strings.Fields(c.words)
		if len(words) > 0 {
			words[0] = filepath.FromSlash(words[0])
		}
		before := slices.Clone(words)
		name, args := command.Called(words)
		if name != c.name || strings.Join(args, " ") != c.args || !slices.Equal(before, words) {
			t.Errorf("%q: %q %q", c.words, name, args)
		}
	}
}

// asPlugin runs a command line of a plugin.
func asPlugin(t *testing.T, line ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	look := command.New(&cobra.Command{
		Use: "look PATH [flags]", Short: "what is there, as ostiary look says", Example: "  ostiary look here\n  ostiary serve",
		RunE: func(c *cobra.Command, _ []string) error {
			return command.Mistake("%s: write ostiary look PATH, or ostiary lookup", command.Name(c))
		},
	}, "")
	code = command.Execute(t.Context(), command.Root(command.Plugin, "a plugin", "1.0\n", look), line, &out, &errs)
	return code, out.String(), errs.String()
}

// TestPluginSpeaksOfItself: whatever names a command of the plugin names it as people call it.
func TestPluginSpeaksOfItself(t *testing.T) {
	for _, c := range []struct {
		line           string
		code           int
		stdout, stderr string // parts
	}{
		{"", 2, "  kubectl access look PATH  ", ""},
		{"help look", 0, "Usage:\n  kubectl access look PATH [flags]\n\nExamples:\n  kubectl access look here\n  ostiary serve\n", ""},
		{"help", 0, "what is there, as kubectl access look says", ""},
		{"look", 2, "", "kubectl access look: kubectl access: write kubectl access look PATH, or ostiary lookup\n" +
			"Run 'kubectl access look --help' for how it is used.\n"},
		{"lok", 2, "", "kubectl access: there is no command \"lok\". Did you mean look?\n"},
		{"--version", 0, "1.0\n", ""},
		{"completion", 0, "exec kubectl access __complete \"$@\"\n", ""},
		{"completion bash", 2, "", "\"bash\" is one argument too many"},
		{"__complete l", 0, "look\twhat is there", ""},
	} {
		code, stdout, stderr := asPlugin(t, strings.Fields(c.line)...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: exit code %d\n%s\n%s", c.line, code, stdout, stderr)
		}
	}
}
