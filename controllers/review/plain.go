// SPDX-License-Identifier: Apache-2.0

package review

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// selectorWords say whom a selector means; %s is its value.
var selectorWords = map[policy.Property]string{
	policy.Everyone: "everybody", policy.Email: "%s", policy.EmailDomain: "people at %s", policy.Address: "clients from %s",
	policy.IdPGroup: "members of group %s", policy.LoginMethod: "people signed in by %s", policy.AuthMethod: "people signed in with %s",
	policy.Token: "service token %s", policy.AnyToken: "any service token", policy.Country: "clients in %s",
	policy.OIDCClaim:          "people with %s",
	policy.ExternalEvaluation: "people of whom %s approves",
	policy.Client:             "client %s for people",
	policy.LinkedApp:          "calls by the application of %s for its users",
}

// plainSelector says whom one selector means.
func plainSelector(s *policy.Selector) string {
	value := s.Value
	for _, n := range s.Networks {
		value += " or " + n.String()
	}
	for _, c := range s.Countries {
		value += " or " + c
	}
	if s.Evaluation != nil {
		value = s.Evaluation.URL
	}
	value = strings.TrimPrefix(value, " or ")
	if c := s.Claim; c != nil {
		value = c.Value + " at claim " + c.Name
		if c.Provider != "" {
			value += " of " + c.Provider
		}
	}
	words, ok := selectorWords[s.Property]
	if !ok {
		words = s.Property.String() + " %s"
	}
	if !strings.Contains(words, "%s") {
		return words
	}
	return strings.TrimSpace(fmt.Sprintf(words, value))
}

func plainList(list []policy.Selector, between string) string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = plainSelector(&list[i])
	}
	return strings.Join(out, between)
}

// people says whom a rule is about.
func people(r *policy.Rule) string {
	out := plainList(r.Include, ", or ")
	if len(r.Require) > 0 {
		out += ", who have to be " + plainList(r.Require, ", and ") + " as well"
	}
	if len(r.Exclude) > 0 {
		out += ", but not " + plainList(r.Exclude, ", or ")
	}
	return out
}

// does says what an action is, in the words of a list of rules.
var does = map[string]string{
	policy.Allow.String(): "allowed once signed in", policy.Block.String(): "refused", policy.Bypass.String(): "allowed without signing in",
	policy.ServiceAuth.String(): "allowed as machines",
}

// text is who for a terminal.
func (w *who) text() string {
	var b strings.Builder
	line := policy.Line
	fmt.Fprintf(&b, "%s%s\n", line(w.Host), line(w.Path))
	if w.Policy == nil {
		fmt.Fprintf(&b, "  nobody: %s\n", line(w.Why))
		return b.String()
	}
	fmt.Fprintf(&b, "  policy   %s\n  why      %s\n", line(w.Policy.String()), line(w.Why))
	if w.Exempt {
		b.WriteString("\nEXEMPT: GET and HEAD need no session here\n")
	}
	if w.DryRun != nil {
		fmt.Fprintf(&b, "\nDRY RUN of %s: what is refused below may pass all the same\n", line(w.DryRun.String()))
	}
	for _, m := range w.Methods {
		fmt.Fprintf(&b, "\n%s\n", line(strings.ToUpper(m.Methods[:1])+m.Methods[1:]))
		for i, r := range m.Rules {
			name := cmp.Or(r.Name, r.Field)
			fmt.Fprintf(&b, "  %d. %s: %s", i+1, line(r.Who), does[r.Action])
			if r.Session != "" {
				fmt.Fprintf(&b, ", for %s", r.Session)
			}
			fmt.Fprintf(&b, "  (%s)\n", line(name))
		}
		fmt.Fprintf(&b, "  %d. everybody else: refused\n", len(m.Rules)+1)
	}
	if w.Session != "" {
		w.rest(&b)
	}
	return b.String()
}

// rest says what is not about rules.
func (w *who) rest(b *strings.Builder) {
	line := policy.Line
	fmt.Fprintf(b, "\nSessions\n  last for %s", w.Session)
	if len(w.Providers) > 0 {
		fmt.Fprintf(b, ", of people who sign in by %s", line(strings.Join(w.Providers, " or ")))
	}
	b.WriteString("\n\nPages of other origins (CORS)\n")
	c := w.CORS
	switch {
	case len(c.Origins) == 0:
		fmt.Fprintf(b, "  preflights are %s\n", c.Preflight)
	default:
		fmt.Fprintf(b, "  %s\n    may call with %s", line(strings.Join(c.Origins, ", ")), line(cmp.Or(strings.Join(c.Methods, ", "), "no method")))
		if len(c.Headers) > 0 {
			fmt.Fprintf(b, "; headers %s", line(strings.Join(c.Headers, ", ")))
		}
		if c.Credentials {
			b.WriteString("; with cookies")
		}
		if c.Tokens {
			b.WriteString("; with tokens")
		}
		b.WriteByte('\n')
	}
	if c.AnySite {
		b.WriteString("  every site may make a browser send requests with its cookies (crossSite: Allow)\n")
	}
}
