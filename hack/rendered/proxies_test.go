// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/hack/lab"
)

// program finds a proxy. Where OSTIARY_PROXIES is set they all must be there.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := lab.Program("OSTIARY_"+strings.ToUpper(name), name, "/usr/sbin/"+name)
	if err == nil {
		return path
	}
	if os.Getenv("OSTIARY_PROXIES") != "" {
		t.Fatalf("%s is not installed, and OSTIARY_PROXIES says that it must be", name)
	}
	t.Skipf("%s is not installed (Debian: apt-get install %s); OSTIARY_PROXIES=1 makes that a failure", name, name)
	return ""
}

// around is what nginx.conf holds beside the file that is printed. It names no server.
const around = "daemon off; master_process off; pid nginx.pid; events {} http { access_log off; client_body_temp_path body; " +
	"proxy_temp_path proxy; " +
	"fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; include %s; }"

// A file is what is made for some options, as it is printed.
type file struct {
	name, text string
}

// printed is what the program prints.
func printed(t *testing.T, proxy string, o proxyconfig.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := proxyconfig.Render(&b, proxy, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// options are those of a proxy that listens at an address.
func options(addr, authz string) proxyconfig.Options {
	return proxyconfig.Options{
		Hosts: []string{"app.example.com", "*.preview.example.com", "managed.example.com"}, Upstream: env.appAddr, Authz: authz,
		Public: env.ostiary.Public,
		Render: env.ostiary.Render, Preflight: env.ostiary.Preflight, TeamDomain: teamHost, Listen: addr, UpstreamHeaders: upstream,
	}
}

// startProxy renders the configuration and starts the proxy with it.
func startProxy(t *testing.T, name, authz string) (addr string) {
	t.Helper()
	addr = lab.FreeAddress()
	startWith(t, name, addr, options(addr, authz))
	return addr
}

// startWith starts the proxy with what is printed for each of the options.
func startWith(t *testing.T, name, addr string, all ...proxyconfig.Options) {
	t.Helper()
	var files []file
	for i, o := range all {
		if name == "traefik" { // it listens where its command line says
			o.Listen = ""
		}
		o.LuaPath = filepath.Join(directory(t), "ostiary.lua")
		files = append(files, file{strconv.Itoa(i) + ".conf", printed(t, name, o)})
	}
	startFiles(t, name, addr, files...)
}

// directory is the test's own.
func directory(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(env.dir, strings.NewReplacer("/", "-", ",", "").Replace(t.Name()))
	if err := os.MkdirAll(filepath.Join(dir, "conf.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startFiles starts the proxy with files, to which nothing is added.
func startFiles(t *testing.T, name, addr string, files ...file) {
	t.Helper()
	path, dir := program(t, name), directory(t)
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	one := ""
	for _, f := range files {
		write(filepath.Join("conf.d", f.name), f.text)
		one += f.text
	}
	var args []string
	switch name {
	case "nginx":
		args = []string{"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c",
			write("nginx.conf", fmt.Sprintf(around, filepath.Join(dir, "conf.d", "*.conf")))}
	case "caddy":
		args = []string{"run", "--adapter", "caddyfile", "--config", write("Caddyfile", one)}
	case "haproxy":
		write("ostiary.lua", proxyconfig.Lua)
		args = []string{"-db", "-f", write("haproxy.cfg", one)}
	case "traefik":
		args = []string{"--entryPoints.web.address=" + addr, "--providers.file.filename=" + write("ostiary.yaml", one),
			"--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"}
	}
	p, err := lab.Start(filepath.Join(dir, "log"), nil, path, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	err = p.Wait(name, func() bool {
		if name != "traefik" {
			return lab.Accepts(addr)
		}
		resp, err := http.Get("http://" + addr) // the file provider has been read
		if err != nil {
			return false
		}
		_ = resp.Body.Close() // only that there is an answer is wanted
		text, err := os.ReadFile(filepath.Join(dir, "log"))
		return err == nil && resp.StatusCode == http.StatusNotFound && !strings.Contains(string(text), "ERR") &&
			send(t, addr, "GET", "/.access/certs", "app.example.com").StatusCode == http.StatusOK
	})
	if err != nil {
		t.Fatal(err)
	}
}
