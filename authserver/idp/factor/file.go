// SPDX-License-Identifier: Apache-2.0

package factor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ostiary/ostiary/authserver/disk"
)

const maxFile = 4 << 20

// A File holds records where there is no cluster to keep them in a Secret: as a JSON object, for
// this user of the machine only. Several processes may share one. If there is none, nobody
// has a second factor yet.
type File struct {
	dir, name string
}

// FileNamed returns the file of a name in a folder, which is made if need be.
func FileNamed(dir, name string) (*File, error) {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("%q is not the name of a Secret", name)
	}
	return &File{dir: dir, name: name + ".json"}, nil
}

// Read returns the records of the file.
func (f *File) Read(context.Context) (map[string][]byte, error) {
	name := filepath.Join(f.dir, f.name)
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string][]byte{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it is only read
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s can be read or written by other users (mode %04o); run: chmod 600 %s", name, info.Mode().Perm(), name)
	case !disk.Trusted(info):
		return nil, fmt.Errorf("%s belongs to another user; run: chown %d %s", name, os.Geteuid(), name)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	all, err := ReadFile(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	return all, nil
}

// ReadFile reads the text of a file of records: an object whose members are those.
func ReadFile(text []byte) (map[string][]byte, error) {
	if len(text) > maxFile {
		return nil, errors.New("is too long")
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(text, &all) != nil || all == nil { // its error may quote a secret
		return nil, errors.New("holds no JSON object of records")
	}
	out := make(map[string][]byte, len(all))
	for key, record := range all {
		out[key] = record
	}
	again, err := WriteFile(out)
	var here, there bytes.Buffer
	if err != nil || json.Compact(&here, text) != nil || json.Compact(&there, again) != nil || here.Len() != there.Len() {
		return nil, errors.New("holds something twice")
	}
	return out, nil
}

// WriteFile is the text of a file of records.
func WriteFile(all map[string][]byte) ([]byte, error) {
	out := make(map[string]json.RawMessage, len(all))
	for key, record := range all {
		out[key] = record
	}
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	if err := w.Encode(out); err != nil {
		return nil, errors.New("a record is no JSON")
	}
	if b.Len() > maxFile {
		return nil, errors.New("the records do not fit into a file")
	}
	return b.Bytes(), nil
}

// Change keeps other processes from the file meanwhile.
func (f *File) Change(ctx context.Context, change func(map[string][]byte) error) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	unlock, err := disk.Lock(f.dir)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := f.Read(ctx)
	if err != nil {
		return err
	}
	if err := change(all); err != nil {
		return err
	}
	text, err := WriteFile(all)
	if err != nil {
		return err
	}
	return disk.Replace(f.dir, f.name, text)
}
