// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/telemetry/decisionlog"
	"github.com/ostiary/ostiary/controllers/feed"
)

// A History finds what was decided, in files or in the cluster of a Source. It is the
// History of `ostiary explain`.
type History struct {
	Source *feed.Source
	files  []string
}

// Add defines the flags by which a command line names files.
func (h *History) Add(f *pflag.FlagSet) {
	f.StringSliceVar(&h.files, "log", nil,
		"files with the decision log, - for standard input, for --request-id (default: the logs of all replicas)")
}

var errFound = errors.New("found")

// Find returns the line of a request, that of its decision if there are several.
func (h *History) Find(ctx context.Context, requestID string, stdin io.Reader, stderr io.Writer) (
	found *decisionlog.Entry, where string, err error,
) {
	l := Logs{Kubeconfig: h.Source.Kubeconfig, Installation: h.Source.Installation(), Files: h.files, Stdin: stdin, Notes: stderr}
	wants := func(e *decisionlog.Entry) bool { return e.RequestID == requestID }
	summary, err := l.Read(ctx, false, wants, func(e *decisionlog.Entry) error {
		if found == nil || e.Kind == decisionlog.Decision {
			found = e
		}
		if e.Kind == decisionlog.Decision {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return found, fmt.Sprintf("%s (%s)", summary.Where, command.Count(summary.Lines, "line")), err
}
