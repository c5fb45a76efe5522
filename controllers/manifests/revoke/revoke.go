// SPDX-License-Identifier: Apache-2.0

// Package revoke writes a sign-out everywhere into a file, which every process that reads
// the folder sees.
package revoke

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Revocations makes a folder for SessionRevocations below another one, and
// returns its path and how to void what a user holds: by a file in it, which
// every process that reads the folder sees.
func Revocations(below string) (dir string, revoke func(ctx context.Context, what policy.Revocation) error, err error) {
	dir = filepath.Join(below, "revocations")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("a folder for SessionRevocations: %w", err)
	}
	return dir, func(_ context.Context, what policy.Revocation) error {
		return write(dir, what)
	}, nil
}

// write puts the whole file there at once. One that reaches further already stays.
func write(dir string, what policy.Revocation) error {
	o := translate.SignedOut(what)
	var was v1alpha1.SessionRevocation
	text, err := os.ReadFile(filepath.Join(dir, o.Name+".yaml"))
	if err == nil && yaml.Unmarshal(text, &was) == nil && translate.Reaches(&was, what) {
		return nil
	}
	text, err = yaml.Marshal(o)
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
