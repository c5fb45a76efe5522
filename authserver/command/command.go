// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/authserver/policy"
)

// exitCodes is the annotation of a command that says what its exit codes mean.
const exitCodes = "exit"

// New prepares a command as all of ours are: flags in the order in which they are
// defined, and one help. The exit codes are for people: "0 allowed, 1 denied, 2 usage".
func New(c *cobra.Command, exit string) *cobra.Command {
	c.Annotations = map[string]string{exitCodes: exit}
	c.Flags().SortFlags = false
	return c
}

// Root makes the command that holds all others. The version is what --version prints.
func Root(name, short, version string, commands ...*cobra.Command) *cobra.Command {
	cobra.EnableCommandSorting = false // in the order in which they are given
	root := &cobra.Command{
		Short: short, Version: version, SilenceErrors: true, SilenceUsage: true, Args: cobra.ArbitraryArgs,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // ours has one help for all shells
		RunE: func(c *cobra.Command, _ []string) error {
			_ = c.Help() // there is nobody to tell
			return &exit{code: usage}
		},
	}
	displayed(root, name)
	root.SuggestionsMinimumDistance = 2
	root.Flags().Bool("version", false, "print the version of this build") // cobra would take -v as well, which is free for what comes
	root.SetVersionTemplate("{{.Version}}")
	root.SetHelpFunc(help)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(commands...)
	if name == Plugin {
		root.AddCommand(pluginCompletion())
	} else {
		root.AddCommand(completion(name))
	}
	root.SetHelpCommand(helpOf(name))
	root.InitDefaultHelpCmd()
	for _, c := range append(root.Commands(), root) {
		c.InitDefaultHelpFlag()
		_ = c.Flags().MarkHidden("help") // it was defined a line before
	}
	return root
}

// Execute runs a command line, and returns the exit code.
func Execute(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	name, err := root.CommandPath(), error(nil)
	if len(args) > 0 && !isCommand(root, args[0]) {
		err = unknown(root, args[0])
	} else {
		var c *cobra.Command
		if c, err = root.ExecuteContextC(ctx); c != root {
			name = c.CommandPath()
		}
	}
	if err == nil {
		return ok
	}
	var what strings.Builder
	complain(&what, name, err)
	_, _ = io.WriteString(stderr, asCalled(root, what.String())) // there is nobody to tell
	e := &exit{code: usage}
	if errors.As(err, &e) && e.mistake {
		fmt.Fprintf(stderr, "Run '%s --help' for how it is used.\n", name)
	}
	return e.code
}

// isCommand reports whether a word can begin a command line.
func isCommand(root *cobra.Command, word string) bool {
	return slices.Contains([]string{"help", "-h", "--help", "--version", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, word) ||
		slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == word || c.HasAlias(word) })
}

// unknown says that there is no such command, and which may have been meant.
func unknown(root *cobra.Command, word string) error {
	if strings.HasPrefix(word, "-") {
		return Mistake("there is no command %q: flags stand after the command", word)
	}
	if meant := root.SuggestionsFor(word); len(meant) > 0 {
		return Mistake("there is no command %q. Did you mean %s?", word, strings.Join(meant, " or "))
	}
	return Mistake("there is no command %q", word)
}

// complain writes an error, and each of several on a line of its own. Names in it may
// come from manifests and from a cluster.
func complain(w io.Writer, command string, err error) {
	if e, is := err.(*exit); is { //nolint:errorlint // what is in it is next
		if err = e.err; err == nil {
			return
		}
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok && err.Error() == errors.Join(several.Unwrap()...).Error() {
		for _, one := range several.Unwrap() {
			complain(w, command, one)
		}
		return
	}
	fmt.Fprintf(w, "%s: %s\n", command, policy.Line(err.Error()))
}
