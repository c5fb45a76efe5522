// SPDX-License-Identifier: Apache-2.0

// Package disk keeps secrets in files: one process writes at a time, and who reads sees the
// old file or the new one, also after the machine has lost power. It does not know what they
// hold.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace replaces a file of a folder that is locked as a whole, for its owner alone.
func Replace(dir, name string, text []byte) error {
	// One name, as the folder is locked: what a crash left behind goes away, and
	// O_EXCL follows no link that somebody put there.
	temp := filepath.Join(dir, name+".tmp")
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(temp, filepath.Join(dir, name))
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		_ = os.Remove(temp) // if it is still there: it holds secrets
	}
	return err
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
