// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"cmp"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry/decisionlog"
)

// A printer prints lines.
type printer interface {
	add(e *decisionlog.Entry) error
	end() error
}

// lines prints them as they were logged. Terminals obey nothing in them.
type lines struct{ io.Writer }

func (l *lines) add(e *decisionlog.Entry) error {
	_, err := l.Write(append(policy.EscapeJSON(e.Text), '\n'))
	return err
}

func (*lines) end() error { return nil }

// A table prints them for people. What is wider than its column pushes the rest of its line
// aside, and the column stays that wide for those that follow.
type table struct {
	w      io.Writer
	widths []int
	rows   [][]string // that wait until the widths are known
	waits  bool
}

// columns are their headings, and how wide they are at least.
var columns = []string{"TIME", "VERDICT", "REASON", "METHOD", "URL", "ORIGIN", "USER", "POLICY", "RULE", "ID"}

// many is how many rows settle the widths of those that follow.
const many = 1000

// newTable makes a table, which gathers rows before it prints the first ones, or does not.
func newTable(w io.Writer, gather bool) printer {
	t := &table{w: w, widths: make([]int, len(columns)), waits: gather}
	t.rows = append(t.rows, columns)
	if !gather { // what is usual
		copy(t.widths, []int{20, 9, 18, 7, 32, 6, 16, 12, 14})
	}
	return t
}

func (t *table) add(e *decisionlog.Entry) error {
	t.rows = append(t.rows, row(e))
	if t.waits && len(t.rows) < many {
		return nil
	}
	t.waits = false
	return t.flush()
}

func (t *table) end() error {
	if len(t.rows) == 1 && t.waits {
		return nil // but for its head it is empty
	}
	return t.flush()
}

func (t *table) flush() error {
	for _, r := range t.rows {
		for i, cell := range r {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, r := range t.rows {
		for i, cell := range r {
			b.WriteString(cell)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
	t.rows = nil
	_, err := io.WriteString(t.w, b.String())
	return err
}

// row puts a line into columns. Much of it is of a visitor's choice.
func row(e *decisionlog.Entry) []string {
	verdict, url := e.Verdict, e.Host+e.Path
	if e.Kind == decisionlog.Refused {
		verdict, url = "refused", cmp.Or(url, "("+e.Why+")")
	}
	if would, _, _ := strings.Cut(e.Would, " "); e.DryRun != "" {
		verdict += " (dry run: " + would + ")"
	}
	cells := []string{e.Time.UTC().Format(time.RFC3339), verdict, e.Reason, e.Method, url, e.Origin,
		cmp.Or(e.Email, e.User, e.ClientID), e.Policy, cmp.Or(e.Rule, e.Field), e.RequestID}
	for i, c := range cells {
		cells[i] = cmp.Or(policy.Line(c), "-")
	}
	return cells
}
