// SPDX-License-Identifier: Apache-2.0

package proxyconfig_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
)

var update = flag.Bool("update", false, "write what is rendered into testdata")

// A sample is one way to call Render.
type sample struct {
	name, proxy string
	proxyconfig.Options
}

// samples are every proxy and mode, with the defaults and with all that can be set.
func samples() []sample {
	var out []sample
	for _, p := range proxyconfig.Proxies() {
		modes := p.Modes
		if len(modes) == 0 {
			modes = []string{""}
		}
		for _, mode := range modes {
			name := strings.Trim(p.Name+"-"+mode, "-")
			o := proxyconfig.Options{Mode: mode}
			full := proxyconfig.Options{Mode: mode, Hosts: []string{"shop.example.com", "*.preview.example.com"}, TeamDomain: "auth.example.com", PathPrefix: "/cdn-cgi/access",
				IdentityHeaders: "cloudflare", UpstreamHeaders: []string{"X-WEBAUTH-USER", "X-Webauth-Email"}, Namespace: "shop", Policy: "orders", SystemNamespace: "access", Gateway: "edge/public"}
			if mode == "render" {
				o.Render, full.Render = "10.96.0.7:9003", "[fd00::7]:9003"
			}
			if p.Name == "nginx" || p.Name == "caddy" || p.Name == "haproxy" || name == "traefik-file" || p.Name == "envoy" {
				full.Listen, full.Upstream, full.Authz, full.Public = "127.0.0.1:8000", "[::1]:8080", "127.0.0.2:9001", "localhost:9002"
			}
			if p.Name == "envoy" {
				full.MaxStreamDuration = time.Hour
			}
			full.ClientCertificates = p.Name == "nginx" || p.Name == "caddy" || p.Name == "haproxy"
			out = append(out, sample{name, p.Name, o}, sample{name + "-full", p.Name, full})
		}
	}
	return out
}

// TestGolden: go test -run TestGolden -update ./authserver/proxyconfig writes them.
func TestGolden(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := proxyconfig.Render(&got, s.proxy, s.Options); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", s.name+".golden")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || got.String() != string(want) {
				t.Errorf("%s differs (%v); what is rendered now:\n%s", file, err, got.String())
			}
			for n, line := range strings.Split(got.String(), "\n") {
				if strings.TrimRight(line, " \t") != line || strings.Contains(line, "<no value>") {
					t.Errorf("line %d: %q", n+1, line)
				}
			}
			if !strings.HasSuffix(got.String(), "\n") || strings.HasSuffix(got.String(), "\n\n") || strings.HasPrefix(got.String(), "\n") {
				t.Error("it does not begin and end with a line")
			}
		})
	}
}

// TestGoldenFiles: none is left over.
func TestGoldenFiles(t *testing.T) {
	known := map[string]bool{}
	for _, s := range samples() {
		known[s.name+".golden"] = true
	}
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".golden") && !known[f.Name()] {
			t.Errorf("testdata/%s is of no sample", f.Name())
		}
	}
}

// program finds a proxy. Where OSTIARY_PROXIES is set they all must be there.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, n := range []string{os.Getenv("OSTIARY_" + strings.ToUpper(name)), name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(n); n != "" && err == nil {
			return path
		}
	}
	if os.Getenv("OSTIARY_PROXIES") != "" {
		t.Fatalf("%s is not installed, and OSTIARY_PROXIES says that it must be", name)
	}
	t.Skipf("%s is not installed (Debian: apt-get install %s); OSTIARY_PROXIES=1 makes that a failure", name, name)
	return ""
}

// TestProgramsAccept: the proxy itself takes what is rendered for it.
func TestProgramsAccept(t *testing.T) {
	for _, s := range samples() {
		switch s.proxy {
		case "nginx", "caddy", "haproxy":
			t.Run(s.name, func(t *testing.T) {
				path := program(t, s.proxy)
				dir := t.TempDir()
				write := func(name, text string) string {
					file := filepath.Join(dir, name)
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
					return file
				}
				s.LuaPath = write("ostiary.lua", proxyconfig.Lua)
				var conf bytes.Buffer
				if err := proxyconfig.Render(&conf, s.proxy, s.Options); err != nil {
					t.Fatal(err)
				}
				file := write("conf", conf.String())
				args := map[string][]string{
					"caddy":   {"validate", "--adapter", "caddyfile", "--config", file},
					"haproxy": {"-c", "-f", file},
				}[s.proxy]
				if s.proxy == "nginx" {
					args = []string{"-t", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", write("nginx.conf", "pid nginx.pid; events {} http { access_log off; "+
						"client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; include "+file+"; }")}
				}
				cmd := exec.CommandContext(t.Context(), path, args...)
				cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
				out, err := cmd.CombinedOutput()
				if err != nil || s.proxy != "caddy" && strings.Contains(strings.ToLower(string(out)), "warn") {
					t.Errorf("%v\n%s\n%s", err, out, conf.String())
				}
			})
		}
	}
}
