// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
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
	oneID(t)
}

// oneID: the id that a refusal shows is the one under which the decision is logged.
func oneID(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "curl", "-sS", "http://app2.localhost:8000/id").Output()
	var refusal struct {
		ID string `json:"request_id"`
	}
	if err != nil || json.Unmarshal(out, &refusal) != nil || refusal.ID == "" {
		t.Fatalf("%v: %s", err, out)
	}
	for range 100 {
		log, err := os.ReadFile(filepath.Join(root, ".cache", "demo", "ostiary.log"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, `"msg":"decision"`) && strings.Contains(line, refusal.ID) {
				return
			}
		}
		time.Sleep(50 * time.Millisecond) // lines are written in batches
	}
	t.Errorf("no decision is logged with the id %s of %s", refusal.ID, out)
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
