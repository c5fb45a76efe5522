// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Write writes the report as "text" for a person, or as "json" for a program.
func (r *Report) Write(w io.Writer, format string) error {
	if format != "json" {
		return r.text(w)
	}
	return command.WriteJSON(w, r)
}

func (r *Report) text(w io.Writer) error {
	var b strings.Builder
	line := policy.Line // names come from manifests
	fmt.Fprintf(&b, "%s  %s %s\n", Headline(r.Verdict, r.Reason), line(r.Method), line(r.URL))
	by := "no policy"
	if r.Source.Name != "" {
		by = r.Source.String()
		if r.Rule != "" {
			by += fmt.Sprintf(" (%s)", r.Rule)
		}
	}
	fmt.Fprintf(&b, "  reason   %s\n  decided  %s\n", r.Reason, line(by))
	if d := r.DryRun; d != nil {
		fmt.Fprintf(&b, "  dry run  %s: without it %s, %s, by %s\n", d.Mode, Headline(d.Verdict, d.Reason), d.Reason, line(d.Source.String()))
	}
	fmt.Fprintf(&b, "  table    %s\n", r.Revision)
	if r.Verdict == policy.Admit {
		with := "with"
		if len(r.Headers) == 0 {
			with = "without identity headers: every one is emptied"
		}
		fmt.Fprintf(&b, "\nThe application gets the request, %s\n", with)
	} else {
		who := "browser"
		if r.Reason.OfMachine() || r.Verdict == policy.Challenge && !r.Reason.AsksPeople() {
			who = "client"
		}
		fmt.Fprintf(&b, "\nThe %s gets\n  HTTP %d %s\n", who, r.Status, http.StatusText(r.Status))
	}
	for _, f := range r.Headers {
		fmt.Fprintf(&b, "  %s: %s\n", line(f.Name), line(f.Value))
	}
	if r.Body != "" {
		fmt.Fprintf(&b, "\n  %s\n", line(r.Body))
	}
	b.WriteString("\nWhy\n")
	if err := r.steps(&b); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) steps(w io.Writer) error {
	line := policy.Line
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, s := range r.Steps {
		detail := s.Detail
		if s.Source.Name != "" {
			detail = strings.TrimSuffix(s.Source.String()+": "+detail, ": ")
		}
		fmt.Fprintf(tw, "  %d. %s\t%s\t%s\n", i+1, s.What, s.Outcome, line(detail))
		writeFindings(tw, s.Findings, "")
		if s.Fix != nil {
			fmt.Fprintf(tw, "  \t\tto allow it, add to %s:  %s\n", s.Fix.Field, line(s.Fix.Line))
		}
	}
	return tw.Flush()
}

// writeFindings writes what came of selectors, each on a line of its own.
func writeFindings(w io.Writer, findings []policy.Finding, indent string) {
	for _, f := range findings {
		outcome := strings.TrimSuffix(f.Matches+", "+f.Detail, ", ")
		if f.Counts != "" {
			outcome += ", which counts as " + f.Counts
		}
		fmt.Fprintf(w, "  \t\t  %s%s %s: %s\n", indent, f.Field, policy.Line(f.Selector), policy.Line(outcome))
		writeFindings(w, f.Within, indent+"  ")
	}
}
