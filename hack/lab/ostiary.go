// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
)

// Binary is the program: the one that OSTIARY_BINARY names, which hack/test.sh has
// built for all packages, or one that is built into a folder.
func Binary(ctx context.Context, dir string) (string, error) {
	if path := os.Getenv("OSTIARY_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join(dir, "ostiary"))
	if err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// An Ostiary is a replica: the program, with listeners of its own. "0" turns one off.
type Ostiary struct {
	*Process
	Binary, Log                                             string
	Authz, Public, Render, Preflight, GRPC, Metrics, Probes string
}

// NewOstiary gives one its addresses. Nothing runs yet.
func NewOstiary(binary, log string) *Ostiary {
	return &Ostiary{Binary: binary, Log: log, Authz: FreeAddress(), Public: FreeAddress(), Render: FreeAddress(), Preflight: FreeAddress(),
		GRPC: "0", Metrics: "0", Probes: FreeAddress()}
}

// Serve starts it, and waits until it listens everywhere. What ran before is stopped.
func (o *Ostiary) Serve(env []string, args ...string) (err error) {
	o.Stop()
	args = append([]string{"serve", "--authz-bind-address", o.Authz, "--public-bind-address", o.Public, "--render-bind-address", o.Render,
		"--preflight-bind-address", o.Preflight, "--grpc-bind-address", o.GRPC, "--metrics-bind-address", o.Metrics,
		"--health-probe-bind-address", o.Probes}, args...)
	if o.Process, err = Start(o.Log, env, o.Binary, args...); err != nil {
		return err
	}
	return o.Wait("ostiary's listeners", func() bool {
		for _, addr := range []string{o.Authz, o.Public, o.Render, o.Preflight, o.Probes} {
			if addr != "0" && !Accepts(addr) {
				return false
			}
		}
		return true
	})
}

// Stop stops what runs when it is called, not what ran when it was passed on.
func (o *Ostiary) Stop() {
	if o != nil {
		o.Process.Stop()
	}
}

// Kill kills what runs when it is called.
func (o *Ostiary) Kill() {
	if o.Process != nil {
		o.Process.Kill()
	}
}

// Ready is the status of /readyz, 0 where nobody answers.
func (o *Ostiary) Ready() int { return Status("http://" + o.Probes + "/readyz") }

// WaitReady waits until it decides.
func (o *Ostiary) WaitReady() error {
	return o.Wait("ostiary", func() bool { return o.Ready() == http.StatusOK })
}

// Status is that of a GET, 0 where nobody answers.
func Status(url string) int {
	resp, err := http.Get(url) //nolint:gosec // an address of the tests
	if err != nil {
		return 0
	}
	_ = resp.Body.Close() // only the status is wanted
	return resp.StatusCode
}
