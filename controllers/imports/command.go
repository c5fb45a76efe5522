// SPDX-License-Identifier: Apache-2.0

package imports

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/imports/cloudflare"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/gatewayapi"
	"github.com/ostiary/ostiary/controllers/imports/ingressnginx"
	"github.com/ostiary/ostiary/controllers/imports/oauth2proxy"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// A source is a product, and how its files are read into a draft.
type source struct {
	name string
	read func(*draft.Draft, []tree.File) error
}

var sources = []source{
	{"cloudflare", cloudflare.Read},
	{"oauth2-proxy", oauth2proxy.Read},
	{"ingress-nginx", ingressnginx.Read},
	{"httproute-cors", gatewayapi.Read},
}

func names() (out []string) {
	for _, s := range sources {
		out = append(out, s.name)
	}
	return out
}

// Command is `ostiary import`.
func Command() *cobra.Command {
	var namespace, output string
	c := command.New(&cobra.Command{
		Use: "import SOURCE FILE... [flags]", Short: "Make AccessPolicies of what protects applications today",
		Long: `Read the configuration of another product, and print AccessPolicies, and what they need, that say the same.
SOURCE is one of ` + strings.Join(names(), ", ") + `. The file "-" is standard input.
What has no equivalent is listed on standard error, with where it stands and why. Where something is missing, fewer
are admitted than before, and never more. Nothing is applied.`,
		Example:   examples,
		ValidArgs: names(),
		RunE: func(c *cobra.Command, args []string) error {
			if output != "yaml" && output != "json" {
				return command.Mistake("--output %q: yaml or json", output)
			}
			if draft.Label(namespace) != namespace || namespace == "" {
				return command.Mistake("--namespace %q: lower-case letters, digits and hyphens", namespace)
			}
			if len(args) < 2 {
				return command.Mistake("name what to import and a file, as in: ostiary import cloudflare apps.json")
			}
			for _, s := range sources {
				if s.name == args[0] {
					return s.run(c, draft.New(namespace), args[1:], output)
				}
			}
			return command.Unknown("source", args[0], names())
		},
	}, "0 all is translated, 2 usage, 3 something was left out or closed")
	f := c.Flags()
	f.StringVarP(&namespace, "namespace", "n", "default", "the namespace of the policies, where the input names none")
	f.StringVarP(&output, "output", "o", "yaml", "yaml, with notes on standard error, or json")
	command.OneOf(c, "output", "yaml", "json")
	return c
}

const examples = `  ostiary import cloudflare apps.json policies.json groups.json > policies.yaml
  terraform show -json | ostiary import cloudflare - --namespace shop`

// run imports files.
func (s source) run(c *cobra.Command, d *draft.Draft, names []string, output string) error {
	var files []tree.File
	for _, name := range names {
		text, err := load(name, c.InOrStdin())
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files = append(files, tree.File{Name: name, Text: text})
	}
	if err := s.read(d, files); err != nil {
		return err
	}
	d.Finish()
	if err := s.write(c.OutOrStdout(), c.ErrOrStderr(), d, output); err != nil {
		return err
	}
	if d.Count(draft.Left)+d.Count(draft.Closed) > 0 {
		return command.Exit(3)
	}
	return nil
}

func load(name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, errors.Unwrap(err)
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, tree.MaxSize+1))
	if err == nil && len(text) > tree.MaxSize {
		err = fmt.Errorf("it has more than %d MiB", tree.MaxSize>>20)
	}
	return text, err
}

// result is what -o json prints.
type result struct {
	Version int          `json:"version"`
	Source  string       `json:"source"`
	Objects []any        `json:"objects"`
	Notes   []draft.Note `json:"notes"`
	Closed  int          `json:"closed"`
	Left    int          `json:"left"`
}

func (s source) write(stdout, stderr io.Writer, d *draft.Draft, output string) error {
	if output == "json" {
		objects, err := d.Plain()
		if err != nil {
			return err
		}
		notes := append([]draft.Note{}, d.Notes...) // [] in JSON, and not null
		return command.WriteJSON(stdout, result{1, s.name, objects, notes, d.Count(draft.Closed), d.Count(draft.Left)})
	}
	text, err := d.YAML()
	if err != nil {
		return err
	}
	if _, err := stdout.Write(text); err != nil {
		return err
	}
	for _, n := range d.Notes {
		fmt.Fprintln(stderr, policy.Line(n.String()))
	}
	_, err = fmt.Fprintf(stderr, "objects: %d. closed: %d. left out: %d.\n", len(d.Objects()), d.Count(draft.Closed), d.Count(draft.Left))
	return err
}
