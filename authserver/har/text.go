// SPDX-License-Identifier: Apache-2.0

package har

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A Report is what is told of an export.
type Report struct {
	File     string     `json:"file"`
	Creator  string     `json:"creator"`
	Requests int        `json:"requests"`
	Unread   int        `json:"unread,omitempty"`
	Full     bool       `json:"full,omitempty"`
	Findings []*Finding `json:"findings"`

	sanitized bool
}

// NewReport diagnoses an export.
func NewReport(file string, log *Log) *Report {
	r := &Report{
		File: file, Creator: log.Creator, Requests: len(log.Entries), Unread: log.Unread, Full: log.Full, Findings: Diagnose(log),
		sanitized: log.Sanitized,
	}
	if r.Findings == nil {
		r.Findings = []*Finding{} // JSON has a list
	}
	return r
}

// Failed reports whether anything went wrong.
func (r *Report) Failed() bool { return r.count(false) > 0 }

func (r *Report) count(notes bool) (n int) {
	for _, f := range r.Findings {
		if f.Note == notes {
			n++
		}
	}
	return n
}

// Write writes the report as "text" for a person, or as "json" for a program.
func (r *Report) Write(w io.Writer, format string) error {
	if format == "json" {
		return command.WriteJSON(w, r)
	}
	var b bytes.Buffer
	r.text(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Report) text(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s: %s, %s, %s\n", policy.Line(r.File), many(r.Requests, "request"), many(r.count(false), "problem"),
		many(r.count(true), "note"))
	if r.Unread > 0 {
		fmt.Fprintf(b, "%s could not be read\n", many(r.Unread, "request"))
	}
	if r.Full {
		b.WriteString("the rest of the file is not looked at: it is too large\n")
	}
	for i, f := range r.Findings {
		b.WriteByte('\n')
		f.text(b, i+1)
	}
}

func (f *Finding) text(b *bytes.Buffer, number int) {
	kind := ""
	if f.Note {
		kind = "note: "
	}
	fmt.Fprintf(b, "%d. %s%s  %s %s\n", number, kind, f.Cause, policy.Line(f.Method), policy.Line(f.URL))
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "   %-8s %s\n", name, policy.Line(text))
		}
	}
	row("what", f.Title)
	row("page", f.Page)
	row("seen", f.Detail+", at "+places(f.Entries))
	if f.RequestID != "" {
		row("log", "Ostiary's log has it as request "+f.RequestID)
	}
	row("do", f.Fix)
	row("field", f.Field)
	if o := f.Policy; o != nil {
		verdict := o.Verdict.String()
		if o.Source.Name != "" {
			verdict += ", " + o.Source.String()
		}
		row("policies", verdict+": "+o.Detail)
		if o.Patch != "" {
			row("", "to allow it, add to "+o.Field+":  "+o.Patch)
		}
	}
}

// places are numbers of requests as people count, from 1.
func places(entries []int) string {
	const most = 3
	var out []string
	for i, at := range entries {
		if i == most {
			return "requests " + strings.Join(out, ", ") + fmt.Sprintf(" and %d more", len(entries)-most)
		}
		out = append(out, fmt.Sprint(at+1))
	}
	if len(out) == 1 {
		return "request " + out[0]
	}
	return "requests " + strings.Join(out, ", ")
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
