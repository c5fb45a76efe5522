// SPDX-License-Identifier: Apache-2.0

// Package decisionlog reads the lines that telemetry writes about decisions. It judges
// nothing, and imports the standard library only.
package decisionlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// The kinds of lines: what Entry.Kind is.
const (
	Decision = "decision" // what was decided about a request
	Refused  = "refused"  // a question that could not be read
	Shown    = "shown"    // what a visitor was shown, under an ID of its own
)

// An Entry is one line. A field that the line lacks is empty.
type Entry struct {
	Time time.Time `json:"time"`
	Kind string    `json:"msg"`

	Verdict   string `json:"verdict"`
	Reason    string `json:"reason"`
	Status    int    `json:"status"`
	Dialect   string `json:"dialect"`
	Why       string `json:"why"`
	Method    string `json:"method"`
	Host      string `json:"host"`
	Path      string `json:"path"`
	Origin    string `json:"origin"`
	Policy    string `json:"policy"` // NAMESPACE/NAME
	Field     string `json:"field"`
	Rule      string `json:"rule"`
	User      string `json:"user"`
	Email     string `json:"email"`
	Provider  string `json:"provider"`
	ClientID  string `json:"clientID"`
	Address   string `json:"address"`
	Revision  string `json:"revision"`
	RequestID string `json:"requestID"`
	DryRun    string `json:"dryRun"`
	Would     string `json:"would"`

	// Text is the line itself: one JSON object.
	Text []byte `json:"-"`
}

var errNotJSON = errors.New("not a JSON object")

// Parse reads a line. What stands in front of the JSON object is ignored: those who collect
// lines put the time or the Pod there. The Entry of a line about something else has nothing
// but the time and the kind. The error is of a line that is no JSON object.
func Parse(line []byte) (e Entry, err error) {
	i := bytes.IndexByte(line, '{')
	if i < 0 {
		return e, errNotJSON
	}
	text := bytes.TrimSpace(line[i:])
	var head struct {
		Time time.Time `json:"time"`
		Kind string    `json:"msg"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return e, errNotJSON
	}
	switch head.Kind {
	case Decision, Refused, Shown:
		if err := json.Unmarshal(text, &e); err != nil {
			return Entry{}, err
		}
	}
	e.Time, e.Kind, e.Text = head.Time, head.Kind, text
	return e, nil
}

// Denied reports whether the line says that somebody did not get through, or would not
// without a dry run. A preflight that was answered got through.
func (e *Entry) Denied() bool {
	switch {
	case e.Kind == Refused:
		return true
	case e.Kind != Decision:
		return false
	case e.Verdict == "allow" && e.Status == 200, e.Verdict == "answer-preflight" && e.Status != 403:
		would, _, _ := strings.Cut(e.Would, " ")
		return e.DryRun != "" && would != "allow" && would != "answer-preflight"
	}
	return true
}
