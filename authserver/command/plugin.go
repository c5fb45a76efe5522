// SPDX-License-Identifier: Apache-2.0

package command

import (
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Program is what the binary is called, unless its file says otherwise.
const Program = "ostiary"

// Plugin is what it is called as a plugin of kubectl: kubectl finds it by the name of its
// file, kubectl-access, and what completes its command line by that of
// kubectl_complete-access. Both can be links to one binary.
const (
	Plugin        = "kubectl access"
	pluginFile    = "kubectl-access"
	completerFile = "kubectl_complete-access"
)

// Called reads the words that a process was started with: what the program was called, for
// Root, and the arguments.
func Called(words []string) (name string, args []string) {
	if len(words) == 0 {
		return Program, nil
	}
	file := filepath.Base(words[0])
	if end := filepath.Ext(file); strings.EqualFold(end, ".exe") {
		file = strings.TrimSuffix(file, end)
	}
	switch args = words[1:]; file {
	case pluginFile:
		return Plugin, behind(args)
	case completerFile:
		return Plugin, append([]string{cobra.ShellCompRequestCmd}, args...)
	}
	return Program, args
}

// flagsInFront are those of kubectl that people write in front of a command, as they do
// for kubectl's own.
var flagsInFront = []string{"--kubeconfig", "--context", "--namespace", "-n"}

// behind moves such flags to the end of a command line, where commands read them.
func behind(args []string) []string {
	end := 0
	for end < len(args) {
		name, _, valued := strings.Cut(args[end], "=")
		if !slices.Contains(flagsInFront, name) {
			break
		}
		if end++; !valued {
			end++
		}
	}
	if end == 0 || end >= len(args) {
		return args
	}
	flags, rest := args[:end], args[end:]
	at := slices.Index(rest, "--")
	if at < 0 {
		at = len(rest)
	}
	return slices.Concat(rest[:at], flags, rest[at:])
}

// displayed makes a root known by a name of two words.
func displayed(root *cobra.Command, name string) {
	root.Use = strings.ReplaceAll(name, " ", "-")
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: name}
}

// Name is what the program of a command was called.
func Name(c *cobra.Command) string {
	if name := c.Root().Annotations[cobra.CommandDisplayNameAnnotation]; name != "" {
		return name
	}
	return Program
}

// asCalled puts the name by which the program was called into a text that tells people
// which of its commands to run.
func asCalled(root *cobra.Command, text string) string {
	name := Name(root)
	if name == Program {
		return text
	}
	var names []string
	for _, c := range root.Commands() {
		names = append(names, regexp.QuoteMeta(c.Name()))
	}
	return regexp.MustCompile(`\b`+Program+` (`+strings.Join(names, "|")+`)\b`).ReplaceAllString(text, name+" $1")
}

// completer is what lets kubectl complete the command line of its plugin.
const completer = `#!/bin/sh
# Lets kubectl complete the command line of "kubectl access". kubectl runs it if it is in
# the PATH, may be executed, and is called kubectl_complete-access.
exec kubectl access __complete "$@"
`

// pluginCompletion is `kubectl access completion`.
func pluginCompletion() *cobra.Command {
	return New(&cobra.Command{
		Use: "completion", Short: "Print the script by which kubectl completes this plugin", Args: NoArguments, DisableFlagsInUseLine: true,
		Long: "Print a script with which kubectl completes commands, flags and their values, in every shell that completes kubectl.\n" +
			"It belongs into the PATH, under the name " + completerFile + ".",
		Example: `  kubectl access completion > ~/.local/bin/kubectl_complete-access
  chmod +x ~/.local/bin/kubectl_complete-access`,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := io.WriteString(c.OutOrStdout(), completer)
			return err
		},
	}, "")
}
