// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/hack/lab"
)

// start runs a server on CPU 0, and so with GOMAXPROCS=1, like a one-CPU pod.
func start(ctx context.Context, dir string, args ...string) (*exec.Cmd, error) {
	if path, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		args = append([]string{path, "-c", "0"}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	logFile, err := os.Create(filepath.Join(dir, filepath.Base(args[len(args)-1])+".log"))
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = logFile, logFile
	return cmd, cmd.Start()
}

func startOstiary(ctx context.Context, dir string, policies int) (*exec.Cmd, error) {
	bin, err := lab.Binary(ctx, dir)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "policies.yaml")
	if err := os.WriteFile(file, []byte(manifests(policies)), 0o600); err != nil {
		return nil, err
	}
	cmd, err := start(ctx, dir, bin, "serve", "--policies", file, "--keys", filepath.Join(dir, "keys"),
		"--authz-bind-address", "127.0.0.1:17002", "--public-bind-address", "", "--render-bind-address", "",
		"--grpc-bind-address", "0", "--preflight-bind-address", "", "--metrics-bind-address", "0", "--health-probe-bind-address",
		"127.0.0.1:17003")
	if err != nil {
		return nil, err
	}
	for range 200 {
		time.Sleep(50 * time.Millisecond)
		if resp, err := http.Get("http://127.0.0.1:17003/readyz"); err == nil {
			_ = resp.Body.Close() // nothing is read from it
			if resp.StatusCode == http.StatusOK {
				return cmd, nil
			}
		}
	}
	return nil, errors.New("ostiary was not ready within 10 s")
}

func manifests(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app%[1]d, namespace: bench}
spec:
  hosts: [app%[1]d.example.com, "*.app%[1]d.example.com"]
  cors:
    allowedOrigins: ["https://app1.example.com", "https://*.preview.example.com"]
    allowedMethods: [GET, POST, PATCH]
    allowedHeaders: [content-type, x-csrf]
    allowCredentials: true
    maxAge: 600
  rules:
  - {name: banned, action: Block, include: [{email: mallory@example.com}]}
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
`, i)
	}
	return b.String()
}

// load sends the request on every connection, again and again, and counts the
// answers. An answer with another status is an error.
func load(addr string, request []byte, status string, conns int, length time.Duration) (int64, error) {
	var n atomic.Int64
	end := time.Now().Add(length)
	errs := make(chan error, conns)
	var wg sync.WaitGroup
	for range conns {
		wg.Go(func() {
			if err := loadOne(addr, request, status, end, &n); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	return n.Load(), <-errs
}

func loadOne(addr string, request []byte, status string, end time.Time, n *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // the measurement is over
	r := bufio.NewReader(c)
	for time.Now().Before(end) {
		if _, err := c.Write(request); err != nil {
			return err
		}
		first, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if got := string(first[9:12]); got != status {
			return fmt.Errorf("answered %s, want %s", got, status)
		}
		for len(first) > 2 { // to the empty line; no answer has a body
			if first, err = r.ReadSlice('\n'); err != nil {
				return err
			}
		}
		n.Add(1)
	}
	return nil
}

// cpu returns the user and system time of a process, from /proc/PID/stat.
func cpu(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64) // the kernel writes numbers
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on Linux
}

// rss returns the resident memory of a process in MiB.
func rss(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid)) // 0 if it is gone
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(fields[1], 64) // the kernel writes numbers
	return pages * float64(os.Getpagesize()) / (1 << 20)
}
