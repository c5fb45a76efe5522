// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// A file is a log on disk. Who rotates it renames it, and Ostiary makes a new one.
type file struct {
	name string
	open *os.File // what was read last; nil: nothing
}

func (f *file) String() string { return f.name }

func (f *file) past(_ context.Context, each func([]byte, error) error) error {
	opened, err := os.Open(f.name)
	if err != nil {
		return err
	}
	f.open = opened
	return scan(opened, each)
}

// live goes on where past ended, and reads a file that takes the place of the first one from
// its beginning.
func (f *file) live(ctx context.Context, each func([]byte, error) error) error {
	if f.open == nil {
		return nil // it could not be read, as was said
	}
	defer f.open.Close() //nolint:errcheck // it was only read
	return scan(&tail{ctx, f}, each)
}

// tailEvery is how often it is looked whether a file has grown.
const tailEvery = 200 * time.Millisecond

// A tail reads a file that has no end. It is read by scan alone, which asks for more only
// after a line, so that no line of two files is joined: the writer writes whole lines.
type tail struct {
	ctx  context.Context //nolint:containedctx // a Reader has no other way to learn of it
	file *file
}

func (t *tail) Read(p []byte) (int, error) {
	for {
		n, err := t.file.open.Read(p)
		if n > 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		select {
		case <-t.ctx.Done():
			return 0, io.EOF
		case <-time.After(tailEvery):
		}
		t.file.turn()
	}
}

// turn goes to another file of that name, once there is one and this one has been read.
func (f *file) turn() {
	is, err := f.open.Stat()
	if err != nil {
		return
	}
	at, err := f.open.Seek(0, io.SeekCurrent)
	if err != nil || at < is.Size() {
		return
	}
	named, err := os.Stat(f.name)
	if err != nil || os.SameFile(is, named) && named.Size() >= at {
		return
	}
	next, err := os.Open(f.name)
	if err != nil {
		return
	}
	_ = f.open.Close() // it was only read
	f.open = next
}

// A stream can be read once: standard input.
type stream struct {
	io.Reader
	ended atomic.Bool
	waits bool // until it is followed
}

func (*stream) String() string { return "standard input" }

func (s *stream) past(_ context.Context, each func([]byte, error) error) error {
	if s.waits {
		return nil
	}
	return scan(s.Reader, each)
}

func (s *stream) live(_ context.Context, each func([]byte, error) error) error {
	defer s.ended.Store(true)
	return scan(s.Reader, each)
}
