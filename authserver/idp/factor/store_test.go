// SPDX-License-Identifier: Apache-2.0

package factor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func fileIn(t *testing.T, dir string) *File {
	t.Helper()
	f, err := FileNamed(dir, "factors")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// enrol gives somebody an app.
func enrol(t *testing.T, s Store, user string) {
	t.Helper()
	err := s.Change(t.Context(), user, func(e *Enrolled) error {
		e.TOTP = &TOTP{Secret: []byte("12345678901234567890"), Created: now}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStoreInAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	one, other := NewStore(fileIn(t, dir)), NewStore(fileIn(t, dir))
	if e, err := one.Of(t.Context(), "ann"); err != nil || e.Any() {
		t.Fatalf("before anything was kept: %+v, %v", e, err)
	}
	enrol(t, one, "ann")
	enrol(t, one, "Ünal / b")
	for _, user := range []string{"ann", "Ünal / b"} {
		if e, err := other.Of(t.Context(), user); err != nil || e.TOTP == nil {
			t.Errorf("%s: %+v, %v", user, e, err)
		}
	}
	if e, err := other.Of(t.Context(), "bob"); err != nil || e.Any() {
		t.Errorf("bob: %+v, %v", e, err)
	}
	name := filepath.Join(dir, "factors.json")
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	before, _ := os.ReadFile(name)
	refused := errors.New("refused")
	if err := one.Change(t.Context(), "ann", func(e *Enrolled) error { e.TOTP = nil; return refused }); !errors.Is(err, refused) {
		t.Errorf("%v; want what change says", err)
	}
	if err := one.Change(t.Context(), "ann", func(e *Enrolled) error { e.TOTP.Secret = nil; return nil }); !errors.Is(err, ErrRecord) {
		t.Errorf("%v; want ErrRecord", err)
	}
	if after, _ := os.ReadFile(name); string(after) != string(before) {
		t.Error("something was written")
	}
}

// TestStoreOnceAtATime: of many who use one code on two replicas, one gets in.
func TestStoreOnceAtATime(t *testing.T) {
	dir := t.TempDir()
	stores := []Store{NewStore(fileIn(t, dir)), NewStore(fileIn(t, dir))}
	enrol(t, stores[0], "ann")
	var in atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			err := stores[i%2].Change(context.Background(), "ann", func(e *Enrolled) error {
				if !e.TOTP.Use("050471", time.Unix(1111111111, 0)) {
					return ErrUsed
				}
				return nil
			})
			if err == nil {
				in.Add(1)
			} else if !errors.Is(err, ErrUsed) || errors.Is(err, ErrUnavailable) {
				t.Error(err)
			}
		})
	}
	if all.Wait(); in.Load() != 1 {
		t.Errorf("%d got in", in.Load())
	}
}

// TestStoreThatCannotBeRead: nobody is without a second factor because of that.
func TestStoreThatCannotBeRead(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"garbage": func(t *testing.T, path string) { write(t, path, "garbage", 0o600) },
		"empty":   func(t *testing.T, path string) { write(t, path, "", 0o600) },
		"null":    func(t *testing.T, path string) { write(t, path, "null", 0o600) },
		"a record twice": func(t *testing.T, path string) {
			write(t, path, `{"`+Key("ann")+`":{"user":"ann"},"`+Key("ann")+`":{"user":"ann"}}`, 0o600)
		},
		"others can read it": func(t *testing.T, path string) { write(t, path, `{}`, 0o644) },
		"a folder": func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"a record that is none": func(t *testing.T, path string) { write(t, path, `{"`+Key("ann")+`":null}`, 0o600) },
	} {
		dir := t.TempDir()
		spoil(t, filepath.Join(dir, "factors.json"))
		s := NewStore(fileIn(t, dir))
		_, err := s.Of(t.Context(), "ann")
		wantNoStore(t, name, err)
		wantNoStore(t, name, s.Change(t.Context(), "ann", func(*Enrolled) error { return nil }))
	}
	for _, name := range []string{"", "../x", "a/b", ".x", "A"} {
		if _, err := FileNamed(t.TempDir(), name); err == nil {
			t.Errorf("%q names a file", name)
		}
	}
}

func wantNoStore(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrRecord) {
		t.Errorf("%s: %v", what, err)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// TestOneBadRecordKeepsOneUserOut, and nobody else.
func TestOneBadRecordKeepsOneUserOut(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(fileIn(t, dir))
	enrol(t, s, "ann")
	if err := fileIn(t, dir).Change(t.Context(), func(all map[string][]byte) error {
		all[Key("bob")] = []byte(`{"user":"ann"}`)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Of(t.Context(), "bob"); !errors.Is(err, ErrRecord) {
		t.Errorf("bob: %v", err)
	}
	if e, err := s.Of(t.Context(), "ann"); err != nil || !e.Any() {
		t.Errorf("ann: %+v, %v", e, err)
	}
	enrol(t, s, "eve") // and what is there stays
	if _, err := s.Of(t.Context(), "bob"); !errors.Is(err, ErrRecord) {
		t.Errorf("bob: %v", err)
	}
}
