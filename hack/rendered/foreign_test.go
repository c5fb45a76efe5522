// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/hack/lab"
)

// everywhere are the proxies that run here.
var everywhere = []string{"nginx", "caddy", "haproxy", "traefik"}

// raw sends bytes, and returns the status, 0 for none, and what reached the application.
func raw(t *testing.T, addr, request string) (status int, hits []*http.Request) {
	t.Helper()
	env.app.Take()
	return lab.Exchange("", addr, request).Status, env.app.Take()
}

// foreign are requests for hosts that no rendered configuration here is for, in the forms
// in which a client can name one: some of those hosts are open to everybody, and to others
// the cookie is a key. port is the proxy's.
func foreign(port, cookie string) map[string]string {
	out := map[string]string{}
	add := func(first, host string) {
		for _, lines := range []string{"", "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"} {
			request := first + "\r\n" + host + "Connection: close\r\n" + cookie + "\r\nSec-Fetch-Mode: navigate\r\n" + lines + "\r\n"
			out[fmt.Sprintf("%q", first+" | "+host+lines)] = request
		}
	}
	preflight := "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n"
	for _, name := range []string{"public.example.com", "other.example.com", "a.b.preview.example.com", "preview.example.com"} {
		for _, host := range []string{
			name, name + ":" + port, name + ".", name + ".:" + port, strings.ToUpper(name), name + ":80", name + ":",
			name + "?.preview.example.com", name + "#.preview.example.com", name + "/.preview.example.com", name + "\\.preview.example.com", name +
				"%00.preview.example.com", name + ":80.preview.example.com",
			name + "@x.preview.example.com", name + ",app.example.com", name + ", app.example.com", "app.example.com, " + name,
			"app.example.com," + name, "app.example.com@" + name, "app.example.com:80@" + name,
			"app.example.com#" + name, "app.example.com/" + name, "app.example.com?" + name, "app.example.com\t" + name, name +
				";.preview.example.com", name + "&.preview.example.com", "[" + name + "]",
		} {
			add("GET /secret HTTP/1.1", "Host: "+host+"\r\n")
			add("GET /secret HTTP/1.0", "Host: "+host+"\r\n")
			add("GET http://"+host+"/secret HTTP/1.1", "Host: app.example.com\r\n")
			add("GET http://"+host+"/secret HTTP/1.1", "Host: "+name+"\r\n")
			add("GET http://"+host+"/secret HTTP/1.0", "")
		}
		add("POST /secret HTTP/1.1", "Content-Length: 0\r\nHost: "+name+"\r\n")
		add("OPTIONS /secret HTTP/1.1", preflight+"Host: "+name+"\r\n")
		add("OPTIONS * HTTP/1.1", "Host: "+name+"\r\n")
		for _, scheme := range []string{"https", "HTTP", "ws", "ftp"} {
			add("GET "+scheme+"://"+name+"/secret HTTP/1.1", "Host: app.example.com\r\n")
		}
		for _, target := range []string{"http://" + name, "http://" + name + "?x", "http://app.example.com/secret",
			"http://app.example.com:80@" + name + "/secret", "http://" + name + "@app.example.com/secret", "//" + name + "/secret", name +
				"/secret", "*"} {
			add("GET "+target+" HTTP/1.1", "Host: "+name+"\r\n")
		}
		add("GET http://app.example.com/secret HTTP/1.0", "Host: "+name+"\r\n")
		add("GET /secret HTTP/1.1", "Host: app.example.com\r\nHost: "+name+"\r\n")
		add("GET /secret HTTP/1.1", "Host: "+name+"\r\nHost: app.example.com\r\n")
		add("GET /secret HTTP/1.1", "Host: app.example.com\r\nX-Forwarded-Host: "+name+"\r\n")
		add("GET /secret HTTP/1.1", "Host: "+name+"\r\nX-Forwarded-Host: app.example.com\r\n")
		add("GET /secret HTTP/1.1", "Host : "+name+"\r\nHost: app.example.com\r\n")
		add("GET /secret HTTP/1.1", "Host: app.example.com\r\n "+name+"\r\n")
		add("CONNECT "+name+":443 HTTP/1.1", "Host: "+name+"\r\n")
		add("CONNECT "+name+":443 HTTP/1.1", "Host: app.example.com\r\n")
	}
	for _, host := range []string{"", " ", ".", "*", "*.preview.example.com", "localhost", "127.0.0.1", "127.0.0.1:" + port, "[::1]",
		"nobody.example", ".preview.example.com", "-.preview.example.com"} {
		add("GET /secret HTTP/1.1", "Host: "+host+"\r\n")
		add("GET /secret HTTP/1.0", "Host: "+host+"\r\n")
	}
	add("GET /secret HTTP/1.1", "")
	add("GET /secret HTTP/1.0", "")
	add("GET http:///secret HTTP/1.1", "Host: public.example.com\r\n")
	return out
}

// wantForeign: not one of them reaches the application, and what is refused looks so.
func wantForeign(t *testing.T, addr string, refuses bool) {
	t.Helper()
	_, port, _ := net.SplitHostPort(addr)
	// They would have been let in where they are about their own applications.
	for _, host := range []string{"public.example.com", "other.example.com", "a.b.preview.example.com"} {
		if status, _ := raw(t, env.ostiary.Authz, "GET /authz/v1/nginx/GET/"+host+"/secret HTTP/1.1\r\nHost: authz\r\nConnection: close\r\n"+
			session(t, "shop/other")+"\r\n\r\n"); status != http.StatusOK {
			t.Fatalf("%s: %d: it proves nothing", host, status)
		}
	}
	requests := foreign(port, session(t, "shop/other"))
	for name, request := range requests {
		status, hits := raw(t, addr, request)
		if len(hits) > 0 {
			t.Errorf("%s: %d, and reached the application as %s%s", name, status, hits[0].Host, hits[0].RequestURI)
		}
		if refuses && status/100 == 2 && !strings.Contains(name, "OPTIONS") {
			t.Errorf("%s: %d", name, status)
		}
	}
	t.Logf("%d requests", len(requests))
}

// TestForeignHosts: what is printed is for the hosts that it was printed for, however many
// files there are and whichever comes first. attack: a decision about the client's Host, and
// the application of whatever server is the default.
func TestForeignHosts(t *testing.T) {
	for _, name := range everywhere {
		alone := func(change func(*proxyconfig.Options)) func(addr string) []proxyconfig.Options {
			return func(addr string) []proxyconfig.Options {
				o := options(addr, env.ostiary.Authz)
				o.TeamDomain = ""
				change(&o)
				return []proxyconfig.Options{o}
			}
		}
		several := func(addr string) []proxyconfig.Options {
			one := options(addr, env.ostiary.Authz)
			one.Hosts = one.Hosts[:1]
			two := options(addr, env.ostiary.Authz)
			two.Hosts, two.TeamDomain, two.Policy, two.Namespace = two.Hosts[1:], "", "preview", "a-namespace-with-a-long-name"
			two.Hosts = two.Hosts[:2]
			return []proxyconfig.Options{one, two}
		}
		cases := map[string]func(addr string) []proxyconfig.Options{
			"as printed":       alone(func(*proxyconfig.Options) {}),
			"team domain":      alone(func(o *proxyconfig.Options) { o.TeamDomain = teamHost }),
			"one host":         alone(func(o *proxyconfig.Options) { o.Hosts = o.Hosts[:1] }),
			"a wildcard first": alone(func(o *proxyconfig.Options) { o.Hosts = []string{"*.preview.example.com", "app.example.com"} }),
		}
		if name == "nginx" || name == "caddy" {
			cases["several files"] = several
			cases["default server"] = alone(func(o *proxyconfig.Options) { o.DefaultServer = true })
			cases["several files, one default server"] = func(addr string) []proxyconfig.Options {
				all := several(addr)
				all[1].DefaultServer = true
				return all
			}
		}
		for what, all := range cases {
			t.Run(name+"/"+what, func(t *testing.T) {
				addr := lab.FreeAddress()
				o := all(addr)
				startWith(t, name, addr, o...)
				send(t, addr, "GET", "/secret", "app.example.com", session(t, "shop/app")).want(t, 200, true)
				send(t, addr, "GET", "/secret", "APP.example.com:8443", session(t, "shop/app")).want(t, 200, true)
				if what != "one host" {
					send(t, addr, "GET", "/secret", "x.preview.example.com", session(t, "shop/preview")).want(t, 200, true)
				}
				wantForeign(t, addr, name != "caddy" || strings.Contains(what, "default"))
			})
		}
	}
}

// TestForeignHostsWithoutDefault: nginx has made the application's server the default of
// its address, as it does where somebody takes the first server out of the file.
func TestForeignHostsWithoutDefault(t *testing.T) {
	addr := lab.FreeAddress()
	text := printed(t, "nginx", options(addr, env.ostiary.Authz))
	begin, end := strings.Index(text, "# All other hosts."), strings.Index(text, "# The team host,")
	if begin < 0 || end < begin {
		t.Fatal("the server of all other hosts is not where it was")
	}
	rest := text[end:]
	team, app, ok := strings.Cut(rest, "\n}\n")
	if !ok {
		t.Fatal("the server of the team host has no end")
	}
	for what, text := range map[string]string{"the team host's": text[:begin] + rest, "the application's": text[:begin] + app + team +
		"\n}\n"} {
		t.Run(what, func(t *testing.T) {
			addr := lab.FreeAddress()
			startFiles(t, "nginx", addr, file{"rendered.conf", strings.ReplaceAll(text, "listen 127.0.0.1:", "listen "+addr+"; #")})
			send(t, addr, "GET", "/secret", "app.example.com", session(t, "shop/app")).want(t, 200, true)
			wantForeign(t, addr, true)
		})
	}
}

// TestAsPrinted: the proxies get what is printed and not a byte more. What stands around it
// names no server, so that no test can hide that one is missing.
func TestAsPrinted(t *testing.T) {
	for _, word := range []string{"server", "listen", "location", "default", "return", "Host"} {
		if strings.Contains(around, word) {
			t.Errorf("nginx.conf has %q beside what is printed", word)
		}
	}
	for _, name := range everywhere {
		t.Run(name, func(t *testing.T) {
			addr := lab.FreeAddress()
			o := options(addr, env.ostiary.Authz)
			startWith(t, name, addr, o)
			if o.LuaPath = filepath.Join(directory(t), "ostiary.lua"); name == "traefik" {
				o.Listen = ""
			}
			at := map[string]string{"nginx": "conf.d/0.conf", "caddy": "Caddyfile", "haproxy": "haproxy.cfg", "traefik": "ostiary.yaml"}[name]
			text, err := os.ReadFile(filepath.Join(directory(t), at))
			if want := printed(t, name, o); err != nil || string(text) != want {
				t.Errorf("%v: %s is not what is printed:\n%s", err, at, text)
			}
		})
	}
}
