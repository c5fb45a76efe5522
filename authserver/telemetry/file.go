// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"os"
)

// A File is a log file, to which lines are appended. Whoever rotates it only has to rename
// it: what is written next goes into a new one.
type File struct {
	name string
	file *os.File
}

// OpenFile opens a log file, and makes it if there is none. Its owner alone can read it.
func OpenFile(name string) (*File, error) {
	f := &File{name: name}
	return f, f.open()
}

func (f *File) open() error {
	file, err := os.OpenFile(f.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.file = file
	return nil
}

// Write appends, to a new file if the one before was renamed or removed. It is for one
// caller at a time.
func (f *File) Write(lines []byte) (int, error) {
	if !f.isThere() {
		old := f.file
		if f.open() == nil { // else the old one takes them: better there than nowhere
			_ = old.Close() // all is written
		}
	}
	return f.file.Write(lines)
}

// isThere reports whether the name is still that of the file that is open.
func (f *File) isThere() bool {
	named, err := os.Stat(f.name)
	if err != nil {
		return false
	}
	open, err := f.file.Stat()
	return err == nil && os.SameFile(named, open)
}
