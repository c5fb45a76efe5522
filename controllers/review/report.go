// SPDX-License-Identifier: Apache-2.0

package review

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/policy/compare"
	"github.com/ostiary/ostiary/controllers/cluster"
)

// version is that of the JSON that diff writes. What is there keeps its meaning in it.
const version = 1

// A report is what a comparison found, and how its witnesses are asked for.
type report struct {
	*compare.Result
	old, now   *side
	shared     []string
	kubeconfig cluster.Kubeconfig
	program    string // as it was called
}

// exit codes of diff.
const (
	somethingOpens  = 3
	somethingCloses = 4
)

// exit ends the command. What was not looked at may open.
func (r *report) exit() error {
	switch {
	case r.Has(compare.Opens), len(r.Incomplete) > 0:
		return command.Exit(somethingOpens)
	case r.Has(compare.Closes):
		return command.Exit(somethingCloses)
	default:
		return nil
	}
}

// explain is the command that shows a witness on one side.
func (r *report) explain(d *compare.Difference, on *side) string {
	words := append(append(strings.Fields(r.program), "explain"), d.Witness.Arguments()...)
	if d.Witness.Provider != "" {
		words = append(words, "--assume-providers", d.Witness.Provider)
	}
	if slices.Contains(on.assumed, d.Witness.ServiceToken) {
		words = append(words, "--assume-tokens", d.Witness.ServiceToken)
	}
	switch {
	case on.revision != "":
		words = append(append(words, "--policies", on.revision), r.shared...)
	case !on.cluster:
		words = append(append(words, "--policies", on.paths[0]), r.shared...)
	default:
		words = append(words, r.kubeconfig.Arguments()...)
	}
	for i, w := range words {
		words[i] = quoted(w)
	}
	return policy.Line(strings.Join(words, " "))
}

// quoted writes one word for a POSIX shell.
func quoted(s string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:@%+,", c)
	}
	if s != "" && strings.IndexFunc(s, func(c rune) bool { return !plain(c) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// count returns how many differences have an effect.
func (r *report) count(e compare.Effect) (n int) {
	for _, d := range r.Differences {
		if d.Effect == e {
			n++
		}
	}
	return n
}

func (r *report) summary() string {
	opens, closes, changes := r.count(compare.Opens), r.count(compare.Closes), r.count(compare.Changes)
	if opens+closes+changes+len(r.Incomplete) == 0 {
		return "Nothing opens, closes or changes: " + command.Count(r.old.Table.Len(), "policy") +
			fmt.Sprintf(" before, %d after.", r.now.Table.Len())
	}
	out := fmt.Sprintf("Opens: %d. Closes: %d. Changes: %d.", opens, closes, changes)
	if len(r.Incomplete) > 0 {
		out += fmt.Sprintf(" Not compared: %d, which may open.", len(r.Incomplete))
	}
	return out
}

// write writes the report.
func (r *report) write(w io.Writer, format string) error {
	switch format {
	case "json":
		return r.json(w)
	case "markdown":
		_, err := io.WriteString(w, r.markdown())
		return err
	default:
		_, err := io.WriteString(w, r.text())
		return err
	}
}

// difference is one in JSON: with the commands of its witness.
type difference struct {
	*compare.Difference
	Summary string   `json:"summary"`
	Headers []string `json:"headers,omitempty"`
	Age     string   `json:"age,omitempty"`
	Explain struct {
		Before string `json:"before"`
		After  string `json:"after"`
	} `json:"explain"`
}

func (r *report) json(w io.Writer) error {
	all := make([]difference, len(r.Differences))
	for i, d := range r.Differences {
		all[i] = difference{Difference: d, Summary: sentence(d), Headers: d.Witness.Headers()}
		if d.Witness.Age > 0 {
			all[i].Age = d.Witness.Age.String()
		}
		all[i].Explain.Before, all[i].Explain.After = r.explain(d, r.old), r.explain(d, r.now)
	}
	return command.WriteJSON(w, map[string]any{
		"version": version, "old": r.old.name, "new": r.now.name, "opens": r.count(compare.Opens), "closes": r.count(compare.Closes),
		"changes": r.count(compare.Changes), "differences": all, "incomplete": append([]string{}, r.Incomplete...),
	})
}
