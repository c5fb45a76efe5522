// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/policy"
)

// OneOf completes the values of a flag that has but a few.
func OneOf(c *cobra.Command, flag string, values ...string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag is not there: a defect
	}
}

// NoArguments refuses arguments.
func NoArguments(c *cobra.Command, args []string) error { return AtMost(0)(c, args) }

// AtMost refuses more than n arguments.
func AtMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return Mistake("%q is one argument too many", args[n])
		}
		return nil
	}
}

// Renamed lets a command be called by its old names for one release, and says so.
func Renamed(c *cobra.Command, old ...string) *cobra.Command {
	c.Aliases = append(c.Aliases, old...)
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if c.CalledAs() != c.Name() {
			renamed(c.ErrOrStderr(), c.CalledAs(), c.Name())
		}
		return run(c, args)
	}
	return c
}

// RenamedFlag lets a flag be called by its old name for one release, and says so. What
// it used to mean goes where it went.
func RenamedFlag(c *cobra.Command, old, now string, into *string) {
	f := c.Flags()
	f.Func(old, "the old name of --"+now, func(s string) error {
		renamed(c.ErrOrStderr(), "--"+old, "--"+now)
		*into = s
		return nil
	})
	_ = f.MarkHidden(old) // it was defined a line before
}

func renamed(w io.Writer, old, now string) {
	fmt.Fprintf(w, "note: %s is now %s; the old name goes away in the release after the next\n", old, now)
}

// flagError says which flag may have been meant.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if meant := nearestFlag(c.Flags(), unknown.GetSpecifiedName()); meant != "" {
			return Mistake("%w. Did you mean --%s?", err, meant)
		}
	}
	return Mistake("%w", err)
}

// nearestFlag returns the name of the flag that a misspelled one is closest to.
func nearestFlag(f *pflag.FlagSet, name string) string {
	var names []string
	f.VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			names = append(names, flag.Name)
		}
	})
	return Nearest(name, names)
}

// Unknown is the mistake of an argument that is none of the names.
func Unknown(what, word string, names []string) error {
	if meant := Nearest(word, names); meant != "" {
		return Mistake("there is no %s %q. Did you mean %s?", what, word, meant)
	}
	return Mistake("there is no %s %q: there are %s", what, word, strings.Join(names, ", "))
}

// Nearest returns the name that a misspelled one is closest to; "": to none.
func Nearest(word string, names []string) string {
	best, least := "", max(len(word)/3, 2)+1
	for _, name := range names {
		if d := policy.Distance(word, name); d < least && d < len(name)-1 {
			best, least = name, d
		}
	}
	return best
}
