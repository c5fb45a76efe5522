// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, dir string) *Folder {
	t.Helper()
	f, err := OpenFolder(dir, start)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantMode(t *testing.T, name string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want && runtime.GOOS != "windows" {
		t.Errorf("%s has mode %04o", filepath.Base(name), got)
	}
}

func wantOnlyRing(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || files[0].Name() != ringName {
		t.Errorf("in the folder: %v", files)
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "keys")
	f := open(t, dir)
	wantMode(t, dir, 0o700)
	wantMode(t, filepath.Join(dir, ringName), 0o600)
	wantOnlyRing(t, dir)
	token := mint(t, f.Ring(), ada(), start)
	again := open(t, dir)
	wantSubject(t, NewVerifier(again.Ring(), issuer, 0), token, start)

	// One process rotates, the other learns of it.
	if _, changed, err := f.Rotate(start, Schedule{}); changed || err != nil {
		t.Fatal(changed, err)
	}
	later := start.Add(30 * day)
	next, changed, err := f.Rotate(later, Schedule{})
	if !changed || err != nil || f.Ring() != next || len(next.keys) != 2 {
		t.Fatal(changed, err)
	}
	other, changed, err := again.Rotate(later, Schedule{})
	if !changed || err != nil || !bytes.Equal(other.JWKS(), next.JWKS()) {
		t.Fatal(changed, err)
	}
	if _, changed, err = again.Rotate(later, Schedule{}); changed || err != nil {
		t.Fatal(changed, err)
	}
	wantMode(t, filepath.Join(dir, ringName), 0o600)
	wantOnlyRing(t, dir)
	if _, _, err := f.Rotate(later, Schedule{Lead: -1}); err == nil {
		t.Error("rotated on a bad schedule")
	}
}

func TestFolderRefuses(t *testing.T) {
	good, err := fixedRing(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"group", string(good), 0o640, "chmod 600"},
		{"others", string(good), 0o604, "chmod 600"},
		{"writable", string(good), 0o620, "chmod 600"},
		{"all", string(good), 0o666, "chmod 600"},
		{"empty", "", 0o600, "cut short"},
		{"cut short", string(good[:len(good)/2]), 0o600, "cut short"},
		{"damaged", strings.Replace(string(good), "alg", "gla", 1), 0o600, "damaged"},
		{"long", string(good) + strings.Repeat(" ", maxRingBytes), 0o600, "longer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, ringName)
			write := func(text string, mode os.FileMode) {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(name, mode); err != nil { // whatever the umask
					t.Fatal(err)
				}
			}
			write(test.text, test.mode)
			_, err := OpenFolder(dir, start)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), name) {
				t.Fatalf("error %v", err)
			}
			if text, _ := os.ReadFile(name); string(text) != test.text {
				t.Error("the file was replaced")
			}
			// The same while running: the ring in force stays.
			write(string(good), 0o600)
			f := open(t, dir)
			before := f.Ring()
			write(test.text, test.mode)
			if _, changed, err := f.Rotate(start.Add(365*day), Schedule{}); err == nil || changed || f.Ring() != before {
				t.Errorf("changed %v, %v", changed, err)
			}
		})
	}
	t.Run("a folder", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, ringName), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFolder(dir, start); err == nil || !strings.Contains(err.Error(), "not a file") {
			t.Error(err)
		}
	})
	t.Run("no folder", func(t *testing.T) {
		if _, err := OpenFolder(filepath.Join(os.DevNull, "x"), start); err == nil {
			t.Error("no error")
		}
	})
}

// TestFolderAfterCrash: what was left half written does not matter, nor does a
// link that somebody put in its place.
func TestFolderAfterCrash(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, ringName+".tmp")); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir)
	wantOnlyRing(t, dir)
	if text, _ := os.ReadFile(victim); string(text) != "mine" {
		t.Errorf("the link was followed: %q", text)
	}
	if err := os.WriteFile(filepath.Join(dir, ringName+".tmp"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, changed, err := f.Rotate(start.Add(30*day), Schedule{}); !changed || err != nil {
		t.Error(changed, err)
	}
	wantOnlyRing(t, dir)
	wantMode(t, filepath.Join(dir, ringName), 0o600)
}

// TestFolderRace: of many first starts one makes the ring, and of many rotations
// one adds a key; nobody ever reads half a file.
func TestFolderRace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	var wg sync.WaitGroup
	rings := make([][2]*Ring, 16)
	for i := range rings {
		wg.Go(func() {
			f, err := OpenFolder(dir, start)
			if err != nil {
				t.Error(err)
				return
			}
			rings[i][0] = f.Ring()
			if rings[i][1], _, err = f.Rotate(start.Add(30*day), Schedule{}); err != nil {
				t.Error(err)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		case <-time.After(time.Millisecond):
		}
		text, err := os.ReadFile(filepath.Join(dir, ringName))
		if err == nil {
			if _, err = ParseRing(text); err != nil {
				t.Error(err)
			}
		}
	}
	last := rings[0][1]
	for _, r := range rings {
		if r[0] == nil || r[1] == nil {
			t.Fatal("no ring")
		}
		if !bytes.Equal(r[1].JWKS(), last.JWKS()) || len(r[1].keys) != 2 || r[0].keys[0].id != last.keys[0].id {
			t.Errorf("rings differ: %s", r[1].JWKS())
		}
	}
	wantOnlyRing(t, dir)
}

const childFolder = "CREDENTIAL_TEST_FOLDER"

// TestFolderProcesses is the same with processes instead of goroutines.
func TestFolderProcesses(t *testing.T) {
	if dir := os.Getenv(childFolder); dir != "" {
		_, _ = os.Stdout.Write(append(open(t, dir).Ring().JWKS(), '\n'))
		return
	}
	dir := filepath.Join(t.TempDir(), "keys")
	out := make([]string, 6)
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFolderProcesses$")
			cmd.Env = append(os.Environ(), childFolder+"="+dir)
			text, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, text)
			}
			out[i], _, _ = strings.Cut(string(text), "\n")
		})
	}
	wg.Wait()
	for _, line := range out {
		if line != out[0] || !strings.HasPrefix(line, `{"keys":[{`) {
			t.Errorf("%q is not %q", line, out[0])
		}
	}
}

// TestFolderOfOthers: whoever can write to the folder can put their keys there.
func TestFolderOfOthers(t *testing.T) {
	dir := t.TempDir()
	for mode, ok := range map[os.FileMode]bool{0o700: true, 0o755: true, 0o777: false, 0o770: false, 0o777 | os.ModeSticky: true} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFolder(dir, time.Unix(1e9, 0)); (err == nil) != ok {
			t.Errorf("%v: %v", mode, err)
		}
	}
}
