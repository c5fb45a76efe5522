// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/hack/lab"
)

func otherVariants() []*variant {
	return []*variant{
		{name: "caddy", title: "Caddy", start: startCaddy, about: "Caddy 2.6 with what `ostiary config caddy` prints for each host",
			limits: map[string]string{
				"forged-connection": "Caddy 2.6 removes headers that the client names in Connection (RFC 9110, 7.6.1), identity " +
					"headers included: a client can hide its own name from the application, and nothing else",
			}},
		{name: "haproxy", title: "HAProxy", start: startHAProxy,
			about: "HAProxy 2.6 with what `ostiary config haproxy` and its `--lua` print for all hosts, and one server that tells the " +
				"applications apart by Host"},
	}
}

// startCaddy runs Caddy with what `ostiary config caddy` prints, for each host.
func startCaddy(s *setup, dir string) error {
	if err := s.fileMode(); err != nil {
		return err
	}
	path, err := lab.Program("OSTIARY_CADDY", "caddy")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for i, r := range hosts() {
		o := s.options(r)
		if i == 0 {
			o.TeamDomain, o.DefaultServer = teamHost, true
		}
		if err := proxyconfig.Render(&b, "caddy", o); err != nil {
			return err
		}
	}
	file := filepath.Join(dir, "Caddyfile")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return err
	}
	return s.run(dir, path, []string{"CADDY_ADMIN=" + lab.FreeAddress()}, "run", "--adapter", "caddyfile", "--config", file)
}

// startHAProxy runs HAProxy with what `ostiary config haproxy` prints for all hosts.
func startHAProxy(s *setup, dir string) error {
	if err := s.fileMode(); err != nil {
		return err
	}
	path, err := lab.Program("OSTIARY_HAPROXY", "haproxy", "/usr/sbin/haproxy")
	if err != nil {
		return err
	}
	o := s.options(route{name: "app"})
	if o.Upstream, err = startApps(s.apps); err != nil {
		return err
	}
	o.Hosts, o.TeamDomain, o.LuaPath = nil, teamHost, filepath.Join(dir, "ostiary.lua")
	for _, r := range hosts() {
		o.Hosts = append(o.Hosts, r.host)
	}
	var b bytes.Buffer
	if err := proxyconfig.Render(&b, "haproxy", o); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(o.LuaPath, []byte(proxyconfig.Lua), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return err
	}
	return s.run(dir, path, nil, "-db", "-f", file)
}
