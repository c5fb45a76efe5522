// SPDX-License-Identifier: Apache-2.0

package review

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/policy/compare"
)

// sentence says what a difference is, for people.
func sentence(d *compare.Difference) string {
	where, who, methods, pages := few(d.Where, 3), few(d.Who, 2), few(d.Methods, 5), few(d.Origins, 3)
	w := &d.Witness
	switch {
	case d.Effect == compare.Changes && w.Preflight != "":
		return fmt.Sprintf("CORS preflights of %s to %s get another answer", pages, where)
	case d.Effect == compare.Changes:
		return fmt.Sprintf("%s: %s (%s) gets another answer", where, who, methods)
	}
	verb := map[compare.Effect]string{compare.Opens: "can now", compare.Closes: "can no longer"}[d.Effect]
	switch {
	case w.Preflight != "" && d.Before.Verdict == d.After.Verdict:
		return fmt.Sprintf("pages of %s %s call %s with %s", pages, verb, where, grown(d))
	case w.Preflight != "":
		return fmt.Sprintf("pages of %s %s call %s (CORS preflight)", pages, verb, where)
	case w.Token:
		return fmt.Sprintf("pages of %s %s call %s (%s) with a token of %s", pages, verb, where, methods, who)
	case w.Origin != "" && d.Before.Verdict == d.After.Verdict:
		return fmt.Sprintf("pages of %s %s read answers of %s to %s", pages, verb, where, who)
	case w.Origin != "":
		return fmt.Sprintf("pages of %s %s call %s (%s) with the session of %s", pages, verb, where, methods, who)
	default:
		return fmt.Sprintf("%s %s reach %s (%s)", who, verb, where, methods)
	}
}

// grown names what an answer to a preflight permits that the other does not.
func grown(d *compare.Difference) string {
	for _, name := range []string{"credentials", "private-network", "origin"} {
		key := "access-control-allow-" + name
		if d.Before.CORS[key] != d.After.CORS[key] {
			return map[string]string{"credentials": "cookies", "private-network": "requests into a private network", "origin": "CORS"}[name]
		}
	}
	return "CORS"
}

// few lists some, and says how many there are beside.
func few(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:n], ", "), len(list)-n)
}

var verdictWords = map[policy.Verdict]string{
	policy.Deny: "denied", policy.Challenge: "sign in first", policy.Admit: "allowed", policy.AnswerPreflight: "preflight answered",
}

// outcome says what is decided, why and by what.
func outcome(o *compare.Outcome) string {
	verdict := o.Verdict
	if verdict == policy.Challenge && !o.Reason.AsksPeople() { // which has nowhere to sign in
		verdict = policy.Deny
	}
	out := verdictWords[verdict] + " (" + o.Reason.String() + ")"
	if o.Source.Name != "" {
		out += " by " + o.Source.String()
		if o.Rule != "" {
			out += " " + o.Rule
		}
	}
	return out
}

// headers are those of an answer that differ.
func headers(d *compare.Difference) (before, after string) {
	if d.Before.CORS == nil || d.After.CORS == nil {
		return "", ""
	}
	write := func(of, other map[string]string) string {
		var out []string
		for _, name := range slices.Sorted(maps.Keys(of)) {
			if of[name] != other[name] {
				out = append(out, name+": "+of[name])
			}
		}
		if len(out) == 0 {
			return ""
		}
		return ", " + strings.Join(out, ", ")
	}
	return write(d.Before.CORS, d.After.CORS), write(d.After.CORS, d.Before.CORS)
}

var headings = []struct {
	effect compare.Effect
	words  string
}{{compare.Opens, "OPENS"}, {compare.Closes, "CLOSES"}, {compare.Changes, "CHANGES"}}

// text is the report for a terminal.
func (r *report) text() string {
	var b strings.Builder
	for _, h := range headings {
		n := 0
		for _, d := range r.Differences {
			if d.Effect != h.effect {
				continue
			}
			if n++; n == 1 {
				fmt.Fprintf(&b, "%s\n", h.words)
			}
			before, after := headers(d)
			fmt.Fprintf(&b, "\n%3d. %s\n", n, policy.Line(sentence(d)))
			fmt.Fprintf(&b, "     before  %s\n     after   %s\n", policy.Line(outcome(&d.Before)+before), policy.Line(outcome(&d.After)+after))
			fmt.Fprintf(&b, "     try     %s\n             %s\n", r.explain(d, r.old), r.explain(d, r.now))
		}
		if n > 0 {
			b.WriteByte('\n')
		}
	}
	for i, s := range r.Incomplete {
		if i == 0 {
			b.WriteString("NOT COMPARED\n\n")
		}
		fmt.Fprintf(&b, "  - %s\n", policy.Line(s))
		if i == len(r.Incomplete)-1 {
			b.WriteByte('\n')
		}
	}
	b.WriteString(r.summary() + "\n")
	return b.String()
}

// markdown is the report for a comment of a review. Names come from manifests: they stand
// in code, where nothing is markup and nobody is mentioned.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Access changes\n\n**%s** `%s` → `%s`\n", r.summary(), code(r.old.name), code(r.now.name))
	for _, h := range headings {
		n := 0
		for _, d := range r.Differences {
			if d.Effect != h.effect {
				continue
			}
			if n++; n == 1 {
				fmt.Fprintf(&b, "\n#### %s\n\n| | what | before | after |\n|---|---|---|---|\n", h.words)
			}
			before, after := headers(d)
			fmt.Fprintf(&b, "| %d | `%s` | `%s` | `%s` |\n", n, cell(sentence(d)), cell(outcome(&d.Before)+before), cell(outcome(&d.After)+after))
		}
		if n > 0 {
			r.witnesses(&b, h.effect)
		}
	}
	for i, s := range r.Incomplete {
		if i == 0 {
			b.WriteString("\n#### NOT COMPARED\n\n")
		}
		fmt.Fprintf(&b, "- `%s`\n", code(s))
	}
	return b.String()
}

// witnesses are the commands of the differences of one effect, folded away.
func (r *report) witnesses(b *strings.Builder, effect compare.Effect) {
	fmt.Fprintf(b, "\n<details><summary>Requests that show it</summary>\n\n```sh\n")
	n := 0
	for _, d := range r.Differences {
		if d.Effect == effect {
			n++
			fmt.Fprintf(b, "# %d, before and after\n%s\n%s\n", n, fence(r.explain(d, r.old)), fence(r.explain(d, r.now)))
		}
	}
	b.WriteString("```\n\n</details>\n")
}

// code is text for a code span, and fence for a block of code.
func code(s string) string { return strings.ReplaceAll(policy.Line(s), "`", "'") }

func fence(s string) string { return strings.ReplaceAll(s, "```", "'''") }

// cell is text for a code span in a table.
func cell(s string) string { return strings.ReplaceAll(code(s), "|", `\|`) }
