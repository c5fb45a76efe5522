// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// volatile are the headers that differ from one answer to the next.
var volatile = regexp.MustCompile(`(?im)^(date|x-request-id|content-length): .*\n`)

// TestDemo runs the blocks "console demo" against hack/demo.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes the port of the demo")
	}
	if l, err := net.Listen("tcp", "127.0.0.1:8000"); err != nil {
		t.Skip("the demo's port is taken")
	} else {
		_ = l.Close()
	}
	startDemo(t)
	ran := 0
	for _, p := range pagesOf(t) {
		for _, b := range p.blocks {
			if b.language != "console demo" {
				continue
			}
			for _, c := range commandsOf(b.text) {
				ran++
				out, err := exec.CommandContext(t.Context(), "bash", "-c", "cd "+root+"\n"+c.text).Output()
				got := strings.ReplaceAll(string(out), "\r", "")
				if !matches(settled(c.output), settled(got)) {
					t.Errorf("%s:%d: $ %sanswers (%v)\n%s\nand not\n%s", p.path, b.line, c.text, err, got, c.output)
				}
			}
		}
	}
	if ran < 5 {
		t.Errorf("only %d commands were run", ran)
	}
}

// settled is an answer without what changes.
func settled(answer string) string {
	return strings.TrimRight(volatile.ReplaceAllString(answer, ""), "\n") + "\n"
}

// startDemo runs it from the root, until the test ends.
func startDemo(t *testing.T) {
	t.Helper()
	demo := filepath.Join(t.TempDir(), "demo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", demo, "./hack/demo")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := exec.Command(demo)
	c.Dir = root
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	})
	for range 600 {
		if conn, err := net.Dial("tcp", "127.0.0.1:8000"); err == nil {
			_ = conn.Close()
			time.Sleep(time.Second) // until ostiary behind it is ready
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the demo does not start")
}
