// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

//go:embed testdata/nginx.conf.tmpl
var nginxTemplate string

// A variant is a way to put ostiary behind nginx.
type variant struct {
	Name       string
	Addr       string
	TLSAddr    string
	AuthPath   string // what follows the address in auth-url
	ErrorPages string // the named locations that render a 401 or 403
	Route      bool   // nginx sends preflights to the preflight listener
	Pool       bool   // nginx keeps connections to the authz listener
}

const (
	targetInURL = "/authz/v1/nginx/$request_method/$host$request_uri"
	passInURL   = "/authz/v1/nginx-pass/$request_method/$host$request_uri"
)

// variants are those of docs/guides/proxies.md: D (custom-http-errors and default-backend),
// B2 (the ConfigMap's snippets), D with kept connections, B1 (a route for
// preflights) with D, and D with a plain auth-url.
func variants() []*variant {
	return []*variant{
		{Name: "D", AuthPath: targetInURL, ErrorPages: "custom_render"},
		{Name: "B2", AuthPath: targetInURL, ErrorPages: "access_policy"},
		{Name: "D-keepalive", AuthPath: targetInURL, ErrorPages: "custom_render", Pool: true},
		{Name: "B1-route", AuthPath: passInURL, ErrorPages: "custom_render", Route: true},
		{Name: "D-header", AuthPath: "/authz/v1/nginx?host=$host", ErrorPages: "custom_render"},
	}
}

// An environment is everything that runs: ostiary, nginx and the applications.
type environment struct {
	dir      string // of policies, keys, and what nginx writes
	variants map[string]*variant
	recorder *recorder
	ring     *credential.Ring
	Authz    string
	listens  struct{ authz, public, render, preflight, metrics, probes string }
	ostiary  *process
	nginx    *process
}

// policyDir is where ostiary reads its policies from.
func (e *environment) policyDir() string { return filepath.Join(e.dir, "policies") }

// newEnvironment starts everything; authz, if it is set, says where nginx finds
// the authz listener instead. It tries again where another program has taken a
// port between its choice and its use.
func newEnvironment(dir string, authz func(real string) (string, error)) (e *environment, err error) {
	for i := range 3 {
		e, err = tryEnvironment(filepath.Join(dir, strconv.Itoa(i)), authz)
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			return e, err
		}
	}
	return e, err
}

func tryEnvironment(dir string, authz func(real string) (string, error)) (e *environment, err error) {
	e = &environment{dir: dir, variants: map[string]*variant{}, recorder: &recorder{}}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	l := &e.listens
	for _, addr := range []*string{&l.authz, &l.public, &l.render, &l.preflight, &l.metrics, &l.probes} {
		*addr = freeAddress()
	}
	e.Authz = l.authz
	if authz != nil {
		if e.Authz, err = authz(l.authz); err != nil {
			return e, err
		}
	}
	if err := os.MkdirAll(e.policyDir(), 0o700); err != nil {
		return e, err
	}
	if err := e.writePolicies("all.yaml", policies); err != nil {
		return e, err
	}
	if err := e.startNginx(); err != nil {
		return e, err
	}
	if err := e.startOstiary(e.policyDir()); err != nil {
		return e, err
	}
	if err := e.waitReady(); err != nil {
		return e, err
	}
	folder, err := credential.OpenFolder(filepath.Join(dir, "keys"), time.Now())
	if err != nil {
		return e, err
	}
	e.ring = folder.Ring()
	return e, nil
}

// writePolicies replaces a file as a whole, as an editor does.
func (e *environment) writePolicies(name, text string) error {
	temp := filepath.Join(e.dir, name+".new")
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(e.policyDir(), name))
}

func (e *environment) startOstiary(policies string) (err error) {
	l := &e.listens
	e.ostiary, err = start(filepath.Join(e.dir, "ostiary.log"), ostiaryBinary, "serve", "--policies", policies,
		"--keys", filepath.Join(e.dir, "keys"), "--team-url", teamURL,
		"--authz-bind-address", l.authz, "--public-bind-address", l.public, "--render-bind-address", l.render,
		"--grpc-bind-address", "0", "--preflight-bind-address", l.preflight, "--metrics-bind-address", l.metrics, "--health-probe-bind-address", l.probes)
	if err != nil {
		return err
	}
	return e.ostiary.wait("ostiary's listeners", func() bool {
		return accepts(l.authz) && accepts(l.render) && accepts(l.preflight) && accepts(l.public) && accepts(l.probes)
	})
}

func (e *environment) ready() int {
	resp, err := http.Get("http://" + e.listens.probes + "/readyz")
	if err != nil {
		return 0
	}
	_ = resp.Body.Close() // only the status is wanted
	return resp.StatusCode
}

func (e *environment) waitReady() error {
	return e.ostiary.wait("/readyz", func() bool { return e.ready() == http.StatusOK })
}

// startNginx renders the configuration for fresh ports and starts nginx.
func (e *environment) startNginx() error {
	type renderedApp struct{ Name, ServerName, Addr string }
	data := struct {
		Authz, Public, Render, Preflight, TeamHost string
		Apps                                       []renderedApp
		Variants                                   []*variant
		Codes                                      []int
	}{e.Authz, e.listens.public, e.listens.render, e.listens.preflight, teamHost, nil, variants(), []int{401, 403}}
	for _, a := range apps {
		addr, err := startApp(a.name, e.recorder)
		if err != nil {
			return err
		}
		data.Apps = append(data.Apps, renderedApp{a.name, serverName(a.host), addr})
	}
	for _, v := range data.Variants {
		v.Addr, v.TLSAddr = freeAddress(), freeAddress()
		e.variants[v.Name] = v
	}
	prefix := filepath.Join(e.dir, "nginx")
	if err := os.MkdirAll(prefix, 0o700); err != nil {
		return err
	}
	if err := writeCertificate(prefix); err != nil {
		return err
	}
	var conf bytes.Buffer
	if err := template.Must(template.New("nginx").Parse(nginxTemplate)).Execute(&conf, data); err != nil {
		return err
	}
	file := filepath.Join(prefix, "nginx.conf")
	if err := os.WriteFile(file, conf.Bytes(), 0o600); err != nil {
		return err
	}
	var err error
	e.nginx, err = start(filepath.Join(prefix, "stderr.log"), nginxBinary, "-p", prefix, "-c", file, "-e", filepath.Join(prefix, "error.log"))
	if err != nil {
		return err
	}
	return e.nginx.wait("nginx", func() bool { return accepts(e.variants["D-header"].Addr) })
}

// serverName writes a host as ingress-nginx does.
func serverName(host string) string {
	if rest, ok := strings.CutPrefix(host, "*."); ok {
		return `"~^(?<subdomain>[\w-]+)\.` + regexp.QuoteMeta(rest) + `$"`
	}
	return host
}

func (e *environment) close() {
	e.nginx.stop()
	e.ostiary.stop()
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
			return errors.Join(fmt.Errorf("%s has ended:\n%s", p.cmd.Path, text), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	text, err := os.ReadFile(p.log)
	return errors.Join(fmt.Errorf("%s: not there after 15 s:\n%s", what, text), err)
}

// stop asks the program to end, and insists after a while.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(25 * time.Second):
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

// eachVariant runs a test behind D and B2, which must not differ.
func eachVariant(t *testing.T, test func(t *testing.T, addr string)) {
	t.Helper()
	for _, name := range []string{"D", "B2"} {
		t.Run(name, func(t *testing.T) { test(t, env.variants[name].Addr) })
	}
}
