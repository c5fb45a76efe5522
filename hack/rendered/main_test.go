// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

// env is everything but the proxies, for all tests.
var env *environment

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rendered:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "ostiary-rendered-")
	if err != nil {
		return 1, err
	}
	defer func() {
		if code == 0 && err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(os.Stderr, "rendered: the logs are in", dir)
		}
	}()
	binary := filepath.Join(dir, "ostiary")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/ostiary/ostiary").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	if env, err = newEnvironment(dir, binary); err != nil {
		return 1, err
	}
	defer env.ostiary.stop()
	return m.Run(), nil
}

// An environment is ostiary and an application.
type environment struct {
	dir                              string
	app                              *recorder
	appAddr                          string
	authz, public, render, preflight string
	ring                             *credential.Ring
	ostiary                          *process
}

const (
	teamHost = "auth.example.com"
	teamURL  = "https://" + teamHost
)

const policies = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  cors:
    allowedOrigins: ["https://spa.example.com"]
    allowedMethods: [GET, PATCH]
    allowCredentials: true
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: public, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /public}]
  rules: [{action: Bypass, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: preview, namespace: shop}
spec:
  hosts: ["*.preview.example.com"]
  cors: {preflight: Bypass}
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: managed, namespace: shop}
spec:
  hosts: [managed.example.com]
  cors:
    allowedOrigins: ["https://spa.example.com"]
    allowedMethods: [GET]
    allowCredentials: true
    exposedHeaders: [x-app]
    responses: Managed
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: foreign, namespace: shop}
spec:
  hosts: [public.example.com, "*.b.preview.example.com", preview.example.com]
  cors: {preflight: Bypass}
  rules: [{action: Bypass, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: other, namespace: shop}
spec:
  hosts: [other.example.com]
  rules: [{action: Allow, include: [{everyone: true}]}]
`

func newEnvironment(dir, binary string) (*environment, error) {
	e := &environment{dir: dir, app: &recorder{}, authz: freeAddress(), public: freeAddress(), render: freeAddress(), preflight: freeAddress()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e.appAddr = l.Addr().String()
	go http.Serve(l, e.app) //nolint:errcheck // it ends with the process; only proxies ask
	file, probes := filepath.Join(dir, "policies.yaml"), freeAddress()
	if err := os.WriteFile(file, []byte(policies), 0o600); err != nil {
		return nil, err
	}
	e.ostiary, err = start(filepath.Join(dir, "ostiary.log"), binary, "serve", "--policies", file, "--keys", filepath.Join(dir, "keys"), "--team-url", teamURL,
		"--authz-bind-address", e.authz, "--public-bind-address", e.public, "--render-bind-address", e.render, "--grpc-bind-address", "0", "--preflight-bind-address", e.preflight,
		"--metrics-bind-address", "0", "--health-probe-bind-address", probes)
	if err != nil {
		return nil, err
	}
	err = e.ostiary.wait("ostiary", func() bool {
		resp, err := http.Get("http://" + probes + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close() // only the status is wanted
		return resp.StatusCode == http.StatusOK && accepts(e.authz) && accepts(e.public) && accepts(e.render) && accepts(e.preflight)
	})
	if err != nil {
		e.ostiary.stop()
		return nil, err
	}
	folder, err := credential.OpenFolder(filepath.Join(dir, "keys"), time.Now())
	if err != nil {
		e.ostiary.stop()
		return nil, err
	}
	e.ring = folder.Ring()
	return e, nil
}

// A process is a program that was started.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

func start(log, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // the program has its own
	p := &process{cmd: exec.Command(name, args...), log: log, ended: make(chan struct{})}
	p.cmd.Dir = filepath.Dir(log)
	p.cmd.Env = append(os.Environ(), "HOME="+p.cmd.Dir, "XDG_CONFIG_HOME="+p.cmd.Dir, "XDG_DATA_HOME="+p.cmd.Dir, "CADDY_ADMIN="+freeAddress())
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in its log
		close(p.ended)
	}()
	return p, nil
}

// wait waits until the program can do its work.
func (p *process) wait(what string, ok func() bool) error {
	for range 300 {
		if ok() {
			return nil
		}
		select {
		case <-p.ended:
			text, err := os.ReadFile(p.log)
			return errors.Join(fmt.Errorf("%s has ended:\n%s", what, text), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	text, err := os.ReadFile(p.log)
	return errors.Join(fmt.Errorf("%s: not there after 15 s:\n%s", what, text), err)
}

// stop asks the program to end, and insists after a while.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill() // as above
		<-p.ended
	}
}

func accepts(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was sent
	return true
}

// lastPort is the one that freeAddress gave last: it gives none twice. They stay
// below those that the system hands out for connections.
var lastPort = 10000 + rand.IntN(15000)

// freeAddress returns an address that nobody listens at.
func freeAddress() string {
	for {
		lastPort++
		addr := fmt.Sprintf("127.0.0.1:%d", lastPort)
		l, err := net.Listen("tcp", addr)
		if err == nil {
			_ = l.Close() // it was only tried
			return addr
		}
	}
}
