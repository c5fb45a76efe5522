// SPDX-License-Identifier: Apache-2.0

package review

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/feed"
)

// Who is `ostiary who`.
func Who() *cobra.Command {
	var source feed.Source
	var output, team, prefix string
	var sessions time.Duration
	c := command.New(&cobra.Command{
		Use: "who HOST[/PATH] [flags]", Short: "Show who can reach a host or a path of it",
		Long: "Print the policy that decides about a host and a path, and whom its rules admit, in plain words.\n" +
			"Reads the policies of the cluster with the settings of its installation, or files (--policies).",
		Example: `  ostiary who app.example.com
  ostiary who app.example.com/admin --policies policies/
  ostiary who app.example.com -o json`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return command.Mistake("name a host, as in: ostiary who app.example.com/admin")
			}
			if output != "text" && output != "json" {
				return command.Mistake("--output %q: text or json", output)
			}
			target, err := targetOf(args[0])
			if err != nil {
				return command.Mistake("%q: %w", args[0], err)
			}
			if err := source.Open(c.Context(), c.Flags(), args[1:], c.ErrOrStderr()); err != nil {
				return err
			}
			host := ""
			if team != "" {
				u, err := command.ParseTeamURL(team)
				if err != nil {
					return fmt.Errorf("--team-url: %w", err)
				}
				host = command.HostOf(u)
			}
			reading, err := source.Read(c.Context(), host, prefix, c.ErrOrStderr())
			if err != nil {
				return err
			}
			w := whoCan(&reading, target, sessions)
			if err := w.write(c.OutOrStdout(), output); err != nil {
				return err
			}
			return command.Answer(w.Policy != nil)
		},
	}, "0 a policy decides, 1 none does: all is denied, 2 usage")
	f := c.Flags()
	f.StringVarP(&output, "output", "o", "text", "text or json")
	source.Add(f)
	f.StringVar(&team, "team-url", "", "the team host, where users sign in: no policy may claim it (default: not known)")
	f.StringVar(&prefix, "path-prefix", contract.DefaultPathPrefix, "Ostiary's own path on every host")
	f.DurationVar(&sessions, "session-duration", policy.DefaultSessionDuration, "the lifetime of a session where the policy sets none")
	command.OneOf(c, "output", "text", "json")
	return c
}

// targetOf reads HOST[/PATH], and a URL, too.
func targetOf(arg string) (policy.Target, error) {
	if strings.Contains(arg, "://") {
		return policy.ParseTarget(arg)
	}
	host, path, _ := strings.Cut(arg, "/")
	return policy.NewTarget(host, "/"+path)
}

// who is what the command prints. As JSON it is of a version, in which what is there keeps
// its meaning.
type who struct {
	Version int    `json:"version"`
	Host    string `json:"host"`
	Path    string `json:"path"`
	// Policy decides; nil: none does.
	Policy *policy.Source `json:"policy"`
	// Why says by which claim, or why none does.
	Why string `json:"why"`
	// Methods are the methods, together those for which the same rules count.
	Methods []methodRules `json:"methods,omitempty"`
	CORS    *crossOrigin  `json:"cors,omitempty"`
	// Providers are those that people may come from; empty: all.
	Providers []string `json:"identityProviders,omitempty"`
	Session   string   `json:"session,omitempty"`
	Exempt    bool     `json:"exempt,omitempty"`
	// DryRun is the policy in whose dry run the path is: what it refuses may pass.
	DryRun *policy.Source `json:"dryRun,omitempty"`
}

// methodRules are the rules for some methods, in the order in which they are tried.
type methodRules struct {
	Methods string      `json:"methods"`
	Rules   []plainRule `json:"rules"`
}

// A plainRule is a rule in words.
type plainRule struct {
	Field  string `json:"field"`
	Name   string `json:"name,omitempty"`
	Action string `json:"action"`
	Who    string `json:"who"`
	// Session is how old a session may be for the rule.
	Session string `json:"session,omitempty"`
}

// crossOrigin is which pages of other origins may call.
type crossOrigin struct {
	Preflight   string   `json:"preflight"`
	Origins     []string `json:"origins,omitempty"`
	Methods     []string `json:"methods,omitempty"`
	Headers     []string `json:"headers,omitempty"`
	Credentials bool     `json:"credentials,omitempty"`
	Tokens      bool     `json:"tokens,omitempty"`
	// Cookies of other sites are enough (crossSite: Allow).
	AnySite bool `json:"anySite,omitempty"`
}

// whoCan finds what is said of a target.
func whoCan(r *feed.Reading, target policy.Target, sessions time.Duration) *who {
	w := &who{Version: version, Host: target.Host(), Path: target.Path()}
	by, ok := r.Table.Guarding(target)
	guards, contended := r.Table.Guards(target.Host())
	switch {
	case !ok && len(guards) == 0:
		w.Why = cmp.Or(r.Table.Disputed(target.Host()), "no policy claims "+target.Host())
		return w
	case !ok:
		w.Why = "policies claim " + target.Host() + ", and none of them this path"
		return w
	}
	w.Policy, w.Why = &by.Policy, claimed(r.Table, target, guards)
	if contended {
		w.Why += "; " + cmp.Or(r.Table.Disputed(target.Host()), "another namespace claims the host, too")
	}
	if by.DryRun.Name != "" {
		w.DryRun = &by.DryRun
	}
	if by.Defective {
		w.Why += "; it has mistakes, so that everything is denied"
		return w
	}
	i := slices.IndexFunc(r.Policies, func(p policy.Policy) bool {
		return p.Source.Namespace == by.Policy.Namespace && p.Source.Name == by.Policy.Name
	})
	if i >= 0 {
		w.describe(&r.Policies[i], sessions)
	}
	return w
}

// claimed says by which claim a policy decides.
func claimed(t *policy.Table, target policy.Target, guards []policy.Guard) string {
	host := target.Host()
	out := "it claims " + host
	if _, exact := slices.BinarySearch(t.Hosts(), host); !exact {
		_, rest, _ := strings.Cut(host, ".")
		out = "it claims *." + rest + ", and no policy claims " + host
	}
	for _, g := range guards {
		base := strings.TrimSuffix(g.Path.Value, "/")
		covers := target.Path() == g.Path.Value || !g.Path.Exact && (target.Path() == base || strings.HasPrefix(target.Path(), base+"/"))
		if !covers {
			continue
		}
		kind := map[bool]string{true: "Exact", false: "Prefix"}[g.Path.Exact]
		if g.Path.Value == "/" && !g.Path.Exact {
			return out + ", every path that no other policy has"
		}
		return fmt.Sprintf("%s, path %s (%s): the most specific of %d claims there", out, g.Path.Value, kind, len(guards))
	}
	return out
}

// describe puts a policy into words.
func (w *who) describe(p *policy.Policy, sessions time.Duration) {
	w.Exempt = slices.Contains(p.Exempt, w.Path)
	w.Providers = p.IdentityProviders
	w.Session = age(cmp.Or(p.Session.Duration, sessions))
	w.CORS = crossOriginOf(p)
	var named []string
	for _, r := range p.Rules {
		named = append(named, r.Methods...)
	}
	slices.Sort(named)
	for _, m := range append(slices.Compact(named), "") {
		rules := rulesFor(p, m)
		words := cmp.Or(m, "every other method")
		if m == "" && len(named) == 0 {
			words = "every method"
		}
		same := slices.IndexFunc(w.Methods, func(o methodRules) bool { return slices.Equal(o.Rules, rules) })
		if same >= 0 {
			w.Methods[same].Methods += ", " + words
			continue
		}
		w.Methods = append(w.Methods, methodRules{words, rules})
	}
}

// rulesFor are the rules for a method, in the order in which they are tried.
func rulesFor(p *policy.Policy, method string) []plainRule {
	out := []plainRule{}
	for _, relaxing := range []bool{true, false} {
		for i := range p.Rules {
			r := &p.Rules[i]
			if (r.Action == policy.Bypass || r.Action == policy.ServiceAuth) != relaxing ||
				len(r.Methods) > 0 && !slices.Contains(r.Methods, method) {
				continue
			}
			plain := plainRule{Field: fmt.Sprintf("spec.rules[%d]", i), Name: r.Name, Action: r.Action.String(), Who: people(r)}
			if r.SessionDuration > 0 {
				plain.Session = age(r.SessionDuration)
			}
			out = append(out, plain)
		}
	}
	return out
}

func crossOriginOf(p *policy.Policy) *crossOrigin {
	c := p.CORS
	if c == nil {
		return &crossOrigin{Preflight: "refused", AnySite: p.AllowCrossSite}
	}
	if c.BypassPreflight {
		return &crossOrigin{Preflight: "answered by the application", AnySite: p.AllowCrossSite}
	}
	all := func(every bool, list []string, words string) []string {
		if every {
			return []string{words}
		}
		return list
	}
	return &crossOrigin{
		Preflight: "answered", Origins: all(c.AllowAllOrigins, c.AllowedOrigins, "every origin"),
		Methods: all(c.AllowAllMethods, c.AllowedMethods, "every method"), Headers: all(c.AllowAllHeaders, c.AllowedHeaders, "every header"),
		Credentials: c.AllowCredentials, Tokens: c.Tokens, AnySite: p.AllowCrossSite,
	}
}

// age is a duration without the parts that are zero.
func age(d time.Duration) string {
	s := d.String()
	for _, end := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, end) {
			s = s[:len(s)-2]
		}
	}
	return s
}

func (w *who) write(out io.Writer, format string) error {
	if format != "json" {
		_, err := io.WriteString(out, w.text())
		return err
	}
	return command.WriteJSON(out, w)
}
