// SPDX-License-Identifier: Apache-2.0

package userlist

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/idp/config"
)

// flags are the command lines of user.
type flags struct {
	file, email, output string
	groups              []string
	cost                int
	stdin               bool
	// factor is that a second factor is reset, of a user of the provider.
	factor   bool
	provider string
}

// Command is `ostiary user`.
func Command() *cobra.Command {
	c := command.New(&cobra.Command{
		Use: "user COMMAND", Short: "Edit the list of built-in users",
		Long: "Edit the list of built-in users: a file users.yaml, or the manifest of the Secret that holds one. No cluster is asked.",
		Args: command.NoArguments,
	}, "")
	c.AddCommand(addCommand(), resetCommand(), listCommand(), removeCommand())
	return c
}

func (o *flags) add(c *cobra.Command) {
	c.Flags().StringVarP(&o.file, "file", "f", "", "the list, or the manifest of its Secret, which is edited")
	c.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	command.OneOf(c, "output", "text", "json")
}

func (o *flags) addPassword(c *cobra.Command) {
	c.Flags().BoolVar(&o.stdin, "password-stdin", false, "read the password from the first line of the standard input (default: make one)")
	c.Flags().IntVar(&o.cost, "cost", 12, "the cost of bcrypt, 10 to 14: each step more takes twice the time")
}

func (o *flags) check(needsFile bool) error {
	switch {
	case o.output != "text" && o.output != "json":
		return command.Mistake("--output %q: text or json", o.output)
	case needsFile && o.file == "":
		return command.Mistake("name the list, as in: --file users.yaml")
	case o.cost != 0 && (o.cost < 10 || o.cost > 14):
		return command.Mistake("--cost %d: 10 to 14", o.cost)
	}
	return nil
}

func one(verb string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return command.Mistake("name one user, as in: ostiary user %s ann --file users.yaml", verb)
		}
		return nil
	}
}

func addCommand() *cobra.Command {
	var o flags
	c := command.New(&cobra.Command{
		Use: "add NAME [flags]", Short: "Add a built-in user, and print their new password",
		Long: "Add a user to the list, and print their new password, once: only its hash is kept. Without --file, print a list of that\n" +
			"user alone, and the password to the standard error.",
		Example: `  ostiary user add ann --email ann@example.com --group staff --file users.yaml
  ostiary user add ann > users.yaml`,
		Args: one("add"),
		RunE: func(c *cobra.Command, args []string) error {
			l := &list{users: &yaml.Node{Kind: yaml.SequenceNode}}
			err := o.check(false)
			if err == nil && o.file != "" {
				l, err = load(o.file, true)
			}
			if err != nil {
				return err
			}
			if other, err := l.find(args[0]); err == nil {
				return command.Mistake("there is a user %q, whom %q would be taken for: reset gives them another password", other.Shown, args[0])
			}
			entry := &yaml.Node{Kind: yaml.MappingNode}
			set(entry, "name", args[0], "email", o.email)
			if len(o.groups) > 0 {
				groups := &yaml.Node{}
				if err := groups.Encode(o.groups); err != nil {
					return command.Failed(err)
				}
				groups.Style = yaml.FlowStyle
				entry.Content = append(entry.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "groups"}, groups)
			}
			l.users.Content = append(l.users.Content, entry)
			l.users.Style = 0
			return o.givePassword(c, l, entry, args[0], "added")
		},
	}, "")
	c.Flags().StringVar(&o.email, "email", "", "their address, by which they can sign in as well")
	c.Flags().StringSliceVar(&o.groups, "group", nil, "a group that they are in; several times, or with commas")
	o.addPassword(c)
	o.add(c)
	return c
}

func resetCommand() *cobra.Command {
	var o flags
	c := command.New(&cobra.Command{
		Use: "reset NAME --file FILE [flags]", Short: "Give a built-in user another password, or take a lost second factor away",
		Long: "Give a user of the list another password, and print it, once. Their sessions go on: ostiary revoke ends them.\n" +
			"With --second-factor, take away what the user has set up besides the password: FILE is the Secret that the identity provider\n" +
			"names for it, as kubectl get prints it, or a file of a server without a cluster.",
		Example: `  ostiary user reset ann --file users.yaml
  ostiary user reset ann --file users.yaml --password-stdin < password.txt
  ostiary user reset ann --second-factor --provider people --file factors.yaml`,
		Args: one("reset"),
		RunE: func(c *cobra.Command, args []string) error {
			if o.factor || o.provider != "" {
				return o.resetFactor(c, args[0])
			}
			l, who, err := o.open(args[0])
			if err != nil {
				return err
			}
			return o.givePassword(c, l, l.users.Content[who.Entry()-1], who.Shown, "reset")
		},
	}, "")
	c.Flags().BoolVar(&o.factor, "second-factor", false, "take away the app, passkeys and recovery codes instead")
	c.Flags().StringVar(&o.provider, "provider", "", "with --second-factor: the name of the identity provider")
	o.addPassword(c)
	o.add(c)
	return c
}

// open reads the list and finds a user in it.
func (o *flags) open(name string) (*list, *config.User, error) {
	if err := o.check(true); err != nil {
		return nil, nil, err
	}
	l, err := load(o.file, false)
	if err != nil {
		return nil, nil, err
	}
	who, err := l.find(name)
	return l, who, err
}

// A result is what the command prints. As JSON it is of a version, in which what is there
// keeps its meaning.
type result struct {
	Version  int    `json:"version"`
	Done     string `json:"done"`
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
	File     string `json:"file,omitempty"`
	// Users is the list, where no file has it.
	Users string `json:"users,omitempty"`
}

// givePassword ends add and reset.
func (o *flags) givePassword(c *cobra.Command, l *list, entry *yaml.Node, name, done string) error {
	r := result{Version: 1, Done: done, Name: name, File: o.file}
	password := newPassword()
	if o.stdin {
		typed, err := readPassword(c.InOrStdin())
		if err != nil {
			return err
		}
		password = typed
	} else {
		r.Password = password
	}
	hash, err := hashOf(password, o.cost)
	if err != nil {
		return err
	}
	set(entry, "passwordHash", hash)
	return o.finish(c, l, name, &r)
}

// finish writes the list, and says so.
func (o *flags) finish(c *cobra.Command, l *list, mustKnow string, r *result) error {
	text, err := l.write(mustKnow)
	if err != nil {
		return err
	}
	said := c.OutOrStdout()
	if o.file != "" {
		if err := save(o.file, text); err != nil {
			return err
		}
	} else {
		r.Users = string(text)
	}
	if o.output == "json" {
		return command.WriteJSON(said, r)
	}
	if o.file == "" {
		if _, err := said.Write(text); err != nil {
			return command.Failed(err)
		}
		said = c.ErrOrStderr()
	}
	lines := fmt.Sprintf("%s: %s\n", r.Name, r.Done)
	if r.Password != "" {
		lines += "password: " + r.Password + "\n"
	}
	_, err = io.WriteString(said, lines)
	return err
}

func removeCommand() *cobra.Command {
	var o flags
	c := command.New(&cobra.Command{
		Use: "remove NAME --file FILE [flags]", Short: "Remove a built-in user from the list",
		Long:    "Remove a user from the list. Their sessions end as soon as the server reads it.",
		Example: `  ostiary user remove ann --file users.yaml`,
		Args:    one("remove"),
		RunE: func(c *cobra.Command, args []string) error {
			l, who, err := o.open(args[0])
			if err != nil {
				return err
			}
			if len(l.users.Content) == 1 {
				return command.Mistake("%s is the last user, and a list has at least one: delete the file and its provider", who.Shown)
			}
			l.users.Content = slices.Delete(l.users.Content, who.Entry()-1, who.Entry())
			return o.finish(c, l, "", &result{Version: 1, Done: "removed", Name: who.Shown, File: o.file})
		},
	}, "")
	o.add(c)
	return c
}

// A listed user is what list prints of one: no hash.
type listed struct {
	Name   string   `json:"name"`
	Email  string   `json:"email,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

func listCommand() *cobra.Command {
	var o flags
	c := command.New(&cobra.Command{
		Use: "list --file FILE [flags]", Short: "Print the built-in users, and what is wrong with the list",
		Long:    "Print who can sign in by a list, without hashes, and the entries that the server leaves out.",
		Example: `  ostiary user list --file users.yaml -o json`,
		Args:    command.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(true); err != nil {
				return err
			}
			l, err := load(o.file, false)
			if err != nil {
				return err
			}
			return o.print(c.OutOrStdout(), l)
		},
	}, "0 all entries can sign in, 1 some cannot, 2 usage")
	o.add(c)
	return c
}

func (o *flags) print(w io.Writer, l *list) error {
	users, issues, err := l.known()
	if err != nil {
		return err
	}
	all, problems := []listed{}, []string{}
	if users != nil {
		for _, one := range users.All() {
			all = append(all, listed{one.Shown, one.Email, one.Groups})
		}
	}
	for _, i := range issues {
		problems = append(problems, i.Message)
	}
	if o.output == "json" {
		err = command.WriteJSON(w, map[string]any{"version": 1, "users": all, "problems": problems})
	} else {
		var b strings.Builder
		for _, one := range all {
			fmt.Fprintf(&b, "%s  %s  %s\n", one.Name, cmp.Or(one.Email, "-"), cmp.Or(strings.Join(one.Groups, ","), "-"))
		}
		for _, p := range problems {
			fmt.Fprintf(&b, "left out: %s\n", p)
		}
		_, err = io.WriteString(w, b.String())
	}
	if err != nil {
		return command.Failed(err)
	}
	return command.Answer(len(problems) == 0)
}
