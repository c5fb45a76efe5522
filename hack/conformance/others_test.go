// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
)

func otherVariants() []*variant {
	return []*variant{
		{name: "caddy", title: "Caddy", start: startCaddy, about: "Caddy 2.6 with what `ostiary render caddy` prints, and a 404 for other hosts", limits: map[string]string{
			"managed-responses": "Caddy's forward_auth copies headers of the auth server to the request only, never to the answer",
			"forged-connection": "Caddy 2.6 forwards no header that the client names in Connection (RFC 9110, 7.6.1), and forward_auth has set ours by then: a client can keep the application from learning its own name, and nothing else",
		}},
		{name: "haproxy", title: "HAProxy", start: startHAProxy, about: "HAProxy 2.6 with what `ostiary render haproxy` and its `--lua` print, and a backend for each host"},
	}
}

// startCaddy runs Caddy with what `ostiary render caddy` prints, for each host.
func startCaddy(s *setup, dir string) error {
	if err := s.fileMode(); err != nil {
		return err
	}
	path, err := program("OSTIARY_CADDY", "caddy")
	if err != nil {
		return err
	}
	b := bytes.NewBufferString("{\n\tadmin off\n}\n")
	for i, r := range hosts() {
		o := s.options(r)
		if i == 0 {
			o.TeamDomain = teamHost
		}
		if err := proxyconfig.Render(b, "caddy", o); err != nil {
			return err
		}
	}
	// Hosts that nobody configured: otherwise Caddy answers them 200, with nothing.
	_, port, _ := strings.Cut(s.addr, ":")
	fmt.Fprintf(b, "\nhttp://:%s {\n\tbind 127.0.0.1\n\trespond 404\n}\n", port)
	file := filepath.Join(dir, "Caddyfile")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return err
	}
	return s.run(dir, path, nil, "run", "--adapter", "caddyfile", "--config", file)
}

// startHAProxy runs HAProxy with what `ostiary render haproxy` prints for all hosts,
// and a backend for each.
func startHAProxy(s *setup, dir string) error {
	if err := s.fileMode(); err != nil {
		return err
	}
	path, err := program("OSTIARY_HAPROXY", "haproxy", "/usr/sbin/haproxy")
	if err != nil {
		return err
	}
	o := s.options(route{name: "app1"})
	o.Hosts, o.TeamDomain, o.LuaPath = nil, teamHost, filepath.Join(dir, "ostiary.lua")
	var use, backends strings.Builder
	for _, r := range hosts() {
		o.Hosts = append(o.Hosts, r.host)
		match := "-m str " + r.host
		if rest, ok := strings.CutPrefix(r.host, "*."); ok {
			match = `-m reg ^[a-z0-9-]+\.` + regexp.QuoteMeta(rest) + "$"
		}
		fmt.Fprintf(&use, "\tuse_backend app_%s if { var(txn.host) %s }\n", r.name, match)
		fmt.Fprintf(&backends, "\nbackend app_%s\n\tserver app %s\n", r.name, s.appAddr[r.name])
	}
	var b bytes.Buffer
	if err := proxyconfig.Render(&b, "haproxy", o); err != nil {
		return err
	}
	text := strings.Replace(b.String(), "\tdefault_backend app\n", use.String()+"\tdefault_backend app\n", 1)
	if text == b.String() {
		return fmt.Errorf("what is rendered for HAProxy has no default_backend to put the hosts' backends before:\n%s", text)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(o.LuaPath, []byte(proxyconfig.Lua), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(text+backends.String()), 0o600); err != nil {
		return err
	}
	return s.run(dir, path, nil, "-db", "-f", file)
}
