// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/controllers/translate"
)

// Revoke voids what a user holds: it writes a SessionRevocation into a folder,
// which every process that reads the folder sees. It puts the whole file there
// at once.
func Revoke(dir, user string, before time.Time) error {
	o := translate.SignedOut(user, before)
	text, err := yaml.Marshal(o)
	if err != nil {
		return fmt.Errorf("writing a SessionRevocation: %w", err)
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("writing a SessionRevocation: %w", err)
	}
	_, err = f.Write(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, o.Name+".yaml"))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it may be in place already
		return fmt.Errorf("writing a SessionRevocation: %w", err)
	}
	return nil
}
