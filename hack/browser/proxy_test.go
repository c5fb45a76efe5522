// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/ostiary/ostiary/hack/lab"
)

// startProxy puts the proxy in front of the applications that OSTIARY_BROWSER_PROXY
// names: nginx with the locations of ingress-nginx, if it names none; or one with
// what `ostiary config` prints for it. The stories are the same.
func (e *environment) startProxy(ctx context.Context) error {
	name := os.Getenv("OSTIARY_BROWSER_PROXY")
	if name == "" || name == "nginx" {
		return e.startNginx(ctx)
	}
	start, ok := map[string]func(dir, listen, config string) (*lab.Process, error){"caddy": startCaddy, "haproxy": startHAProxy,
		"nginx-config": startNginxConfig, "traefik": startTraefik}[name]
	if !ok {
		return fmt.Errorf("OSTIARY_BROWSER_PROXY=%s: there are nginx, nginx-config, caddy, haproxy and traefik", name)
	}
	dir, plain := filepath.Join(e.dir, name), lab.FreeAddress()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	config, err := e.rendered(strings.TrimSuffix(name, "-config"), dir, plain)
	if err != nil {
		return err
	}
	if e.proxy, err = start(dir, plain, config); err != nil {
		return err
	}
	if err := e.proxy.Wait(name, func() bool { return lab.Accepts(plain) }); err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(e.nginxDir(), "cert.pem"), filepath.Join(e.nginxDir(), "key.pem"))
	if err != nil {
		return err
	}
	_, err = relay(e.listen, []string{plain}, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	return err
}

// rendered is what the program prints for a proxy.
func (e *environment) rendered(name, dir, plain string) (string, error) {
	args := []string{"config", name, "--team-url", "https://" + teamHost, "--upstream", e.apps.addr}
	switch name {
	case "traefik": // listens where its command line says
	case "haproxy":
		script, err := exec.Command(e.binary, "config", name, "--lua").Output()
		file := filepath.Join(dir, "ostiary.lua")
		if err := errors.Join(err, os.WriteFile(file, script, 0o600)); err != nil {
			return "", err
		}
		args = append(args, "--listen", plain, "--lua-path", file)
	default:
		args = append(args, "--listen", plain)
	}
	for _, h := range hosts {
		args = append(args, "--host", h)
	}
	for flag, of := range map[string]func(r *replica) string{
		"--authz-url": func(r *replica) string { return r.Authz }, "--public-url": func(r *replica) string { return r.Public },
		"--render-url": func(r *replica) string { return r.Render }, "--preflight-url": func(r *replica) string { return r.Preflight },
	} {
		var addrs []string
		for _, r := range e.replicas {
			addrs = append(addrs, of(r))
		}
		addr, err := relay("", addrs, nil)
		if err != nil {
			return "", err
		}
		args = append(args, flag, "http://"+addr)
	}
	out, err := exec.Command(e.binary, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("ostiary config %s: %w\n%s", name, err, out)
	}
	return string(out), err
}

// relay passes connections on, to one address after the other, and past those that
// nobody listens at: what a Service does. With a certificate it ends TLS first, as a
// balancer in front of a proxy does.
func relay(listen string, to []string, config *tls.Config) (string, error) {
	if listen == "" {
		listen = lab.FreeAddress()
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", err
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	var turn atomic.Uint32
	go lab.ServeOn(l, func(in net.Conn) {
		for range to {
			if out, err := net.Dial("tcp", to[int(turn.Add(1))%len(to)]); err == nil {
				lab.Relay(in, out)
				return
			}
		}
	})
	return l.Addr().String(), nil
}

// aroundNginx is what nginx.conf holds beside the file that is printed.
const aroundNginx = "daemon off; master_process off; pid nginx.pid; events {} http { access_log off; server_names_hash_bucket_size 128; " +
	"client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; include %s; }"

func startNginxConfig(dir, _, config string) (*lab.Process, error) {
	file, included := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "ostiary.conf")
	path, err1 := lab.Program("OSTIARY_NGINX", "nginx", "/usr/sbin/nginx")
	err2 := os.WriteFile(included, []byte(config), 0o600)
	err3 := os.WriteFile(file, fmt.Appendf(nil, aroundNginx, included), 0o600)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return lab.Start(filepath.Join(dir, "log"), nil, path, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file)
}

func startCaddy(dir, _, config string) (*lab.Process, error) {
	file := filepath.Join(dir, "Caddyfile")
	path, err1 := lab.Program("OSTIARY_CADDY", "caddy")
	err2 := os.WriteFile(file, []byte("{\n\tadmin off\n}\n"+config), 0o600)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return lab.Start(filepath.Join(dir, "log"), nil, path, "run", "--adapter", "caddyfile", "--config", file)
}

func startHAProxy(dir, _, config string) (*lab.Process, error) {
	file := filepath.Join(dir, "haproxy.cfg")
	path, err1 := lab.Program("OSTIARY_HAPROXY", "haproxy", "/usr/sbin/haproxy")
	err2 := os.WriteFile(file, []byte(config), 0o600)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return lab.Start(filepath.Join(dir, "log"), nil, path, "-db", "-f", file)
}

func startTraefik(dir, listen, config string) (*lab.Process, error) {
	file := filepath.Join(dir, "ostiary.yaml")
	path, err1 := lab.Program("OSTIARY_TRAEFIK", "traefik", filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "..", "traefik"))
	err2 := os.WriteFile(file, []byte(config), 0o600)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return lab.Start(filepath.Join(dir, "log"), nil, path, "--entryPoints.web.address="+listen, "--providers.file.filename="+file)
}
