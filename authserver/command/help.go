// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// help writes what a command is for, how it is called, examples, and its flags.
func help(c *cobra.Command, _ []string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n", strings.TrimSpace(cmp.Or(c.Long, capital(c.Short)+".")))
	if c.HasAvailableSubCommands() {
		table(&b, c)
	} else {
		fmt.Fprintf(&b, "  %s", c.UseLine())
		if codes := c.Annotations[exitCodes]; codes != "" {
			fmt.Fprintf(&b, "   (exit code: %s)", codes)
		}
		b.WriteByte('\n')
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", strings.TrimRight(c.Example, "\n"))
	}
	if flags := c.LocalFlags(); flags.HasAvailableFlags() {
		flags.SortFlags = false
		fmt.Fprintf(&b, "\nFlags:\n%s", flags.FlagUsages())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nRun '%s COMMAND --help' for examples and the flags of a command.\n", c.CommandPath())
	}
	_, _ = io.WriteString(c.OutOrStdout(), asCalled(c.Root(), b.String())) // there is nobody to tell
}

// column is where the list of commands says what each is for.
const column = 42

// table lists commands.
func table(b *strings.Builder, c *cobra.Command) {
	for _, sub := range c.Commands() {
		if !sub.IsAvailableCommand() && sub.Name() != "help" {
			continue
		}
		line := "  " + c.CommandPath() + " " + strings.TrimSuffix(sub.Use, " [flags]")
		if len(line) > column-2 {
			line += "\n"
		}
		_, last, found := strings.Cut(line, "\n")
		if !found {
			last = line
		}
		fmt.Fprintf(b, "%s%s%s\n", line, strings.Repeat(" ", column-len(last)), sub.Short)
	}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// helpOf is `help COMMAND`.
func helpOf(name string) *cobra.Command {
	return New(&cobra.Command{
		Use: "help [COMMAND]", Short: "Show the help of a command", DisableFlagsInUseLine: true,
		Example: "  " + name + " help explain",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var out []string
			for _, sub := range c.Root().Commands() {
				if len(args) == 0 && sub.IsAvailableCommand() {
					out = append(out, sub.Name()+"\t"+sub.Short)
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Root().Help()
			}
			if !isCommand(c.Root(), args[0]) {
				return unknown(c.Root(), args[0])
			}
			of, _, err := c.Root().Find(args)
			if err != nil {
				return err
			}
			return of.Help()
		},
	}, "")
}

// completion is `completion SHELL`.
func completion(name string) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return New(&cobra.Command{
		Use: "completion SHELL", Short: "Print a completion script for bash, zsh, fish or powershell", DisableFlagsInUseLine: true,
		Long: "Print a script with which a shell completes commands, flags and their values.",
		Example: strings.ReplaceAll(`  # bash, for this session; for all: into /etc/bash_completion.d/NAME
  source <(NAME completion bash)
  # zsh
  NAME completion zsh > "${fpath[1]}/_NAME"
  # fish
  NAME completion fish > ~/.config/fish/completions/NAME.fish
  # PowerShell
  NAME completion powershell | Out-String | Invoke-Expression`, "NAME", name),
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			w := c.OutOrStdout()
			switch strings.Join(args, " ") {
			case "bash":
				return c.Root().GenBashCompletionV2(w, true)
			case "zsh":
				return c.Root().GenZshCompletion(w)
			case "fish":
				return c.Root().GenFishCompletion(w, true)
			case "powershell":
				return c.Root().GenPowerShellCompletionWithDesc(w)
			}
			return Mistake("name one shell: %s", strings.Join(shells, ", "))
		},
	}, "")
}
