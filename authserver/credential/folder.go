// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ostiary/ostiary/authserver/disk"
)

const (
	ringName     = "keyring.json"
	maxRingBytes = 1 << 20
)

// A Folder keeps a key ring on disk, where there is no cluster to keep it in a
// Secret. Several processes may share one. It is safe for concurrent use.
type Folder struct {
	dir  string
	mu   sync.Mutex
	ring *Ring
	text []byte // what ring was read from
}

// FolderNamed returns the folder of the keys: the one that is named, or else ours in the
// user's configuration folder.
func FolderNamed(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	base, err := os.UserConfigDir()
	return filepath.Join(base, "ostiary", "keys"), err
}

// OpenFolder reads the key ring of a folder. On first start it makes the folder,
// for this user only, and a new ring. It refuses a ring that others can read,
// and never replaces one that it cannot read.
func OpenFolder(dir string, now time.Time) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return nil, fmt.Errorf("credential: others may write to the folder %s, and so put their keys in place of yours; run: chmod go-w %s",
			dir, dir)
	}
	f := &Folder{dir: dir}
	unlock, err := disk.Lock(dir)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	defer unlock()
	_, err = f.read()
	if errors.Is(err, fs.ErrNotExist) {
		err = f.create(now)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Ring returns the ring as it was last read.
func (f *Folder) Ring() *Ring {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ring
}

// Rotate reads the ring again, rotates it, and writes it if that changed it. It
// reports whether the ring is another one than Ring returned before, be it that
// another process rotated it. On an error the ring stays as it was.
func (f *Folder) Rotate(now time.Time, s Schedule) (*Ring, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	unlock, err := disk.Lock(f.dir)
	if err != nil {
		return nil, false, fmt.Errorf("credential: %w", err)
	}
	defer unlock()
	changed, err := f.read()
	if err != nil {
		return nil, false, err
	}
	next, rotated, err := f.ring.Rotate(now, s)
	if err != nil {
		return nil, false, err
	}
	if rotated {
		if err := f.write(next); err != nil {
			return nil, false, err
		}
	}
	return f.ring, changed || rotated, nil
}

func (f *Folder) create(now time.Time) error {
	ring, err := NewRing(now)
	if err != nil {
		return err
	}
	return f.write(ring)
}

// read reports whether the file is another one than last time.
func (f *Folder) read() (bool, error) {
	name := filepath.Join(f.dir, ringName)
	file, err := os.Open(name)
	if err != nil {
		return false, fmt.Errorf("credential: %w", err)
	}
	defer file.Close() //nolint:errcheck // it is only read
	info, err := file.Stat()
	if err != nil {
		return false, fmt.Errorf("credential: %w", err)
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("credential: %s is not a file", name)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return false, fmt.Errorf("credential: %s can be read or written by other users (mode %04o), who could then sign in as any user; "+
			"run: chmod 600 %s, and remove it for new keys if another user may have read it", name, mode, name)
	}
	if !disk.Trusted(info) {
		return false, fmt.Errorf("credential: %s belongs to another user, who can sign in as any user; run: chown %d %s",
			name, os.Geteuid(), name)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxRingBytes+1))
	if err != nil {
		return false, fmt.Errorf("credential: %w", err)
	}
	if len(text) > maxRingBytes {
		return false, fmt.Errorf("credential: %s is longer than any key ring", name)
	}
	if f.ring != nil && bytes.Equal(text, f.text) {
		return false, nil
	}
	ring, err := ParseRing(text)
	if err != nil {
		return false, fmt.Errorf("%w (%s)", err, name)
	}
	f.ring, f.text = ring, text
	return true, nil
}

// write replaces the file as a whole: readers, and a machine that loses power,
// see the old ring or the new one.
func (f *Folder) write(ring *Ring) error {
	text, err := ring.Marshal()
	if err != nil {
		return err
	}
	if err := disk.Replace(f.dir, ringName, text); err != nil {
		return fmt.Errorf("credential: %w", err)
	}
	f.ring, f.text = ring, text
	return nil
}

// checkFolder is how often a folder is looked at: far more often than a new key
// takes to become the one that signs.
const checkFolder = 10 * time.Minute

// Follow rotates the ring of the folder on schedule, and publishes it whenever
// it changed, until ctx is done. now is the clock. After a failure, of which it
// tells, the last ring stays in force.
func (f *Folder) Follow(ctx context.Context, s Schedule, now func() time.Time, publish func(*Ring), failed func(error)) {
	tick := time.NewTicker(checkFolder)
	defer tick.Stop()
	for {
		ring, changed, err := f.Rotate(now(), s)
		if err != nil {
			failed(err)
		} else if changed {
			publish(ring)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
