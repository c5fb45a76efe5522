// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync/atomic"

	"github.com/ostiary/ostiary/authserver/telemetry/decisionlog"
)

// maxLine is how long a line may be, in bytes. None of ours is a third of it.
const maxLine = 256 << 10

// errLongLine is said of a line in its place.
var errLongLine = errors.New("the line is too long")

// scan hands over the lines of a text, without their ends; each must not keep one. Of a
// line that is too long it hands over errLongLine. The last line may have no end.
func scan(r io.Reader, each func(line []byte, err error) error) error {
	b := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := b.ReadSlice('\n')
		var long error
		for errors.Is(err, bufio.ErrBufferFull) {
			long = errLongLine
			line, err = b.ReadSlice('\n')
		}
		if len(line) > 0 {
			if err := each(bytes.TrimRight(line, "\r\n"), long); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// A tally counts lines.
type tally struct{ read, skipped atomic.Int64 }

// parse reads a line of a log, and reports whether it is one of the decision log. What
// cannot be read is counted.
func (t *tally) parse(line []byte, err error) (e decisionlog.Entry, ok bool) {
	if err == nil && len(line) == 0 {
		return e, false
	}
	if err == nil {
		e, err = decisionlog.Parse(line)
	}
	if err != nil {
		t.skipped.Add(1)
		return e, false
	}
	t.read.Add(1)
	switch e.Kind {
	case decisionlog.Decision, decisionlog.Refused, decisionlog.Shown:
		e.Text = bytes.Clone(e.Text)
		return e, true
	}
	return e, false
}
