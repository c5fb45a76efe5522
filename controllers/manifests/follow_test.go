// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
)

// TestFollow: every change is seen, however a file is changed.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	policies := filepath.Join(dir, "policies")
	open := strings.Replace(valid, "Allow\n    include: [{emailDomain: example.com}]", "Bypass\n    include: [{everyone: {}}]", 1)
	renamed := func(path, text string) {
		write(t, path+".tmp", text)
		if err := os.Rename(path+".tmp", path); err != nil {
			t.Fatal(err)
		}
	}
	// As the kubelet does it: the data is in a folder of its own, which ..data
	// points to, and a file of the mount points through ..data.
	configMap := func(dir, version, text string) {
		_ = os.MkdirAll(filepath.Join(dir, "..", filepath.Base(dir), version), 0o700)
		write(t, filepath.Join(dir, version, "a.yaml"), text)
		_ = os.Remove(filepath.Join(dir, "..data_tmp"))
		if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "a.yaml")); err != nil {
			if err := os.Symlink("..data/a.yaml", filepath.Join(dir, "a.yaml")); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := filepath.Join(policies, "a.yaml")
	for name, c := range map[string]struct {
		path  string
		first func(text string)
		then  func(step int, text string)
	}{
		"written":           {policies, func(s string) { write(t, a, s) }, func(_ int, s string) { write(t, a, s) }},
		"renamed":           {policies, func(s string) { write(t, a, s) }, func(_ int, s string) { renamed(a, s) }},
		"one file, written": {a, func(s string) { write(t, a, s) }, func(_ int, s string) { write(t, a, s) }},
		"one file, renamed": {a, func(s string) { write(t, a, s) }, func(_ int, s string) { renamed(a, s) }},
		"one file, away":    {a, func(s string) { write(t, a, s) }, func(_ int, s string) { _ = os.Remove(a); time.Sleep(150 * time.Millisecond); write(t, a, s) }},
		"ConfigMap":         {policies, func(s string) { configMap(policies, "..v0", s) }, func(i int, s string) { configMap(policies, fmt.Sprintf("..v%d", i), s) }},
		"ConfigMap, file":   {a, func(s string) { configMap(policies, "..v0", s) }, func(i int, s string) { configMap(policies, fmt.Sprintf("..v%d", i), s) }},
		"folder replaced": {policies, func(s string) { write(t, a, s) }, func(i int, s string) {
			_ = os.Mkdir(policies+"-new", 0o700)
			write(t, filepath.Join(policies+"-new", "a.yaml"), s)
			_ = os.Rename(policies, fmt.Sprintf("%s-old%d", policies, i))
			_ = os.Rename(policies+"-new", policies)
			time.Sleep(200 * time.Millisecond)
			write(t, a, s+"# touched\n")
		}},
		"folder replaced, then written": {policies, func(s string) { write(t, a, s) }, func(i int, s string) {
			_ = os.Mkdir(policies+"-new", 0o700)
			write(t, filepath.Join(policies+"-new", "a.yaml"), "")
			_ = os.Rename(policies, fmt.Sprintf("%s-old%d", policies, i))
			_ = os.Rename(policies+"-new", policies)
			time.Sleep(300 * time.Millisecond)
			write(t, a, s)
		}},
		"linked folder": {filepath.Join(dir, "link"), func(s string) {
			write(t, a, s)
			_ = os.Remove(filepath.Join(dir, "link"))
			_ = os.Symlink("policies", filepath.Join(dir, "link"))
		}, func(i int, s string) {
			v := filepath.Join(dir, fmt.Sprintf("v%d", i))
			_ = os.Mkdir(v, 0o700)
			write(t, filepath.Join(v, "a.yaml"), "")
			_ = os.Symlink(v, filepath.Join(dir, "link.tmp"))
			_ = os.Rename(filepath.Join(dir, "link.tmp"), filepath.Join(dir, "link"))
			time.Sleep(300 * time.Millisecond)
			write(t, filepath.Join(v, "a.yaml"), s)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.RemoveAll(policies)
			_ = os.Mkdir(policies, 0o700)
			c.first(valid)
			var live policy.Live
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error)
			l := newLoader(t, c.path)
			go func() { done <- l.Follow(ctx, manifests.Sink{Live: &live}, slog.New(slog.DiscardHandler)) }()
			defer func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}()
			wait := func(step int, want policy.Verdict) {
				t.Helper()
				start := time.Now()
				for live.Table() == nil || decide(t, live.Table(), vault).Verdict != want {
					if time.Since(start) > 30*time.Second { // far more than it takes: only a lost change takes that long
						t.Fatalf("step %d: not in force", step)
					}
					time.Sleep(5 * time.Millisecond)
				}
			}
			wait(0, policy.Challenge)
			for i := 1; i <= 4; i += 2 { // twice, as a watch can be lost
				c.then(i, open)
				wait(i, policy.Admit)
				c.then(i+1, valid)
				wait(i+1, policy.Challenge)
			}
		})
	}
}

// TestUnreadAtFirst: a file that cannot be read at all may be the one that
// guards a host, so nothing is decided before it can be.
func TestUnreadAtFirst(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), valid)
	target, link := filepath.Join(t.TempDir(), "elsewhere.yaml"), filepath.Join(dir, "b.yaml")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	var live policy.Live
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var log syncBuffer
	go func() {
		done <- newLoader(t, dir).Follow(ctx, manifests.Sink{Live: &live}, slog.New(slog.NewTextHandler(&log, nil)))
	}()
	eventually(t, "the reason is logged", func() bool { return strings.Contains(log.String(), "not ready") })
	if live.Table() != nil {
		t.Error("a table is in force, though a file was not read")
	}
	write(t, target, "# nothing\n")
	write(t, filepath.Join(dir, "a.yaml"), valid+"# touched\n")
	eventually(t, "the table is in force", func() bool { return live.Table() != nil })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			t.Fatalf("not seen: %s", what)
		}
	}
}

// A syncBuffer can be read while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
