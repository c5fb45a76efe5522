// SPDX-License-Identifier: Apache-2.0

package revoke_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests/revoke"
)

// A sign-out everywhere is one file, to the moment that it says, and one from a slow clock takes
// nothing back.
func TestRevocationStays(t *testing.T) {
	dir, void, err := revoke.Revocations(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 999, time.UTC)
	for _, step := range []struct {
		before time.Time
		want   string
	}{
		{at, "03:04:05.000000999Z"}, {at.Add(-time.Minute), "03:04:05.000000999Z"}, {at, "03:04:05.000000999Z"},
		{at.Add(time.Second), "03:04:06.000000999Z"},
	} {
		if err := void(t.Context(), policy.Revocation{Provider: "people", User: "ann", Before: step.before}); err != nil {
			t.Fatal(err)
		}
		if text := only(t, dir); !strings.Contains(text, step.want) {
			t.Errorf("before %s: %s", step.before, text)
		}
	}
	// What somebody else broke is written anew.
	files, _ := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err := os.WriteFile(files[0], []byte("spec: {user: ann, identityProvider: people, before: then}"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = void(t.Context(), policy.Revocation{Provider: "people", User: "ann", Before: at})
	if err != nil || !strings.Contains(only(t, dir), "03:04:05.000000999Z") {
		t.Error(err, only(t, dir))
	}
}

func only(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, entries[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
