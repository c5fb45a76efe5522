// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/hack/lab"
)

// around is what nginx.conf holds beside the file that is printed.
const around = "daemon off; master_process off; pid nginx.pid; events {} http { access_log off; client_body_temp_path body; " +
	"proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; include %s; }"

// variants are the proxies that the stories are told behind, and the modes of what is printed
// for them.
var variants = []struct{ name, proxy, mode string }{
	{"nginx", "nginx", ""}, {"envoy-http", "envoy", "http"}, {"envoy-grpc", "envoy", "grpc"},
}

// A site is Ostiary with a proxy of its own, configured by what `ostiary config` prints and by
// nothing else. Both end with the test.
type site struct {
	ostiary        *lab.Ostiary
	client         string // the folder of the programs
	origin, team   string
	upstream       string // where the program serves the application
	dir, manifests string
}

// newSite starts one whose policies are text, in which HASH is that of the password.
func newSite(t *testing.T, proxy, mode, text string) *site {
	t.Helper()
	return newSiteWith(t, proxy, mode, text, func(*proxyconfig.Options) {})
}

// newSiteWith starts one whose proxy is configured with other options, too.
func newSiteWith(t *testing.T, proxy, mode, text string, edit func(*proxyconfig.Options)) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("it installs packages")
	}
	path := program(t, proxy)
	addr := lab.FreeAddress()
	_, port, _ := net.SplitHostPort(addr)
	s := &site{dir: t.TempDir(), client: lab.NodePackages(t, "agents", "client"), upstream: lab.FreeAddress(),
		origin: "http://" + appHost + ":" + port, team: "http://" + teamHost + ":" + port}
	s.manifests = filepath.Join(s.dir, "policies")
	if err := os.Mkdir(s.manifests, 0o700); err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.manifests, "notes.yaml"), strings.Replace(text, "HASH", string(hash), 1))
	binary, err := lab.Binary(context.Background(), s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.ostiary = lab.NewOstiary(binary, filepath.Join(s.dir, "ostiary.log"))
	s.ostiary.GRPC = lab.FreeAddress()
	err = s.ostiary.Serve(nil, "--policies", s.manifests, "--keys", filepath.Join(s.dir, "keys"), "--team-url", s.team,
		"--trusted-proxies", "127.0.0.0/8")
	stops(t, s.ostiary.Process, err)
	if err := s.ostiary.WaitReady(); err != nil {
		t.Fatal(err)
	}
	o := proxyconfig.Options{Hosts: []string{appHost}, Upstream: s.upstream, Authz: s.ostiary.Authz,
		Public: s.ostiary.Public, Render: s.ostiary.Render, Preflight: s.ostiary.Preflight, GRPC: s.ostiary.GRPC,
		TeamDomain: teamHost, Listen: addr, Mode: mode}
	edit(&o)
	s.startProxy(t, path, proxy, o)
	return s
}

// program finds a proxy. Where OSTIARY_PROXIES is set it must be there.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := lab.Program("OSTIARY_"+strings.ToUpper(name), name, "/usr/sbin/"+name)
	if err != nil && os.Getenv("OSTIARY_PROXIES") == "" {
		t.Skipf("%s is not there (nginx: apt-get install nginx-light, Envoy: hack/tools.sh envoy); OSTIARY_PROXIES=1 makes that a failure", name)
	} else if err != nil {
		t.Fatal(err)
	}
	return path
}

// startProxy starts a proxy with what is printed for it.
func (s *site) startProxy(t *testing.T, path, proxy string, o proxyconfig.Options) {
	t.Helper()
	var printed bytes.Buffer
	if err := proxyconfig.Render(&printed, proxy, o); err != nil {
		t.Fatal(err)
	}
	file := write(t, filepath.Join(s.dir, proxy+".printed"), printed.String())
	var args []string
	switch proxy {
	case "nginx":
		args = []string{"-p", s.dir, "-e", filepath.Join(s.dir, "error.log"), "-c",
			write(t, filepath.Join(s.dir, "nginx.conf"), fmt.Sprintf(around, file))}
	case "envoy":
		// Envoys of one machine share memory, by a number, unless they are told not to.
		args = []string{"--config-path", write(t, file+".yaml", printed.String()), "--use-dynamic-base-id",
			"--log-level", "warn", "--concurrency", "1"}
	}
	p, err := lab.Start(filepath.Join(s.dir, proxy+".log"), nil, path, args...)
	stops(t, p, err)
	if err := p.Wait(proxy, func() bool { return lab.Accepts(o.Listen) }); err != nil {
		t.Fatal(err)
	}
}

// run runs one of the programs, which tells its story by assertions and says "ok" at its end.
func (s *site) run(t *testing.T, node, name string, more map[string]any) string {
	t.Helper()
	of := map[string]any{"url": s.origin + "/mcp", "upstream": s.upstream, "clientID": clientID,
		"redirect": "http://localhost:49152/callback", "user": user, "password": password,
		"revocation": map[string]string{"file": filepath.Join(s.manifests, "revoked.yaml"), "text": revocation}}
	maps.Copy(of, more)
	input, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), node, filepath.Join(s.client, name), string(input)).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "ok\n") {
		t.Fatalf("%v\n%s\n%s", err, out, s.ostiary.Tail())
	}
	return string(out)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func stops(t *testing.T, p *lab.Process, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
}
