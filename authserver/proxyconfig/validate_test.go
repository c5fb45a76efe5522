// SPDX-License-Identifier: Apache-2.0

package proxyconfig_test

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/proxyconfig"
)

// fields are all options that hold free text, and a good value of each.
var fields = []struct {
	name string
	set  func(o *proxyconfig.Options, s string)
	good []string
}{
	{"host", func(o *proxyconfig.Options, s string) { o.Hosts = []string{s} }, []string{"a", "app.example.com", "*.example.com", "xn--bcher-kva.example"}},
	{"upstream", func(o *proxyconfig.Options, s string) { o.Upstream = s }, []string{"app:80"}},
	{"authz-url", func(o *proxyconfig.Options, s string) { o.Authz = s }, []string{"ostiary-authz.access.svc.cluster.local:9001"}},
	{"public-url", func(o *proxyconfig.Options, s string) { o.Public = s }, []string{"p.access.svc:9002"}},
	{"render-url", func(o *proxyconfig.Options, s string) { o.Render = s }, []string{"10.0.0.1:9003", "[fd00::1]:9003"}},
	{"preflight-url", func(o *proxyconfig.Options, s string) { o.Preflight = s }, []string{"p.access.svc:9004"}},
	{"grpc-url", func(o *proxyconfig.Options, s string) { o.GRPC = s }, []string{"p.access.svc:9005"}},
	{"listen", func(o *proxyconfig.Options, s string) { o.Listen = s }, []string{":80", "127.0.0.1:8000", "[::1]:8000"}},
	{"namespace", func(o *proxyconfig.Options, s string) { o.Namespace = s }, []string{"shop"}},
	{"policy", func(o *proxyconfig.Options, s string) { o.Policy = s }, []string{"orders-2"}},
	{"system-namespace", func(o *proxyconfig.Options, s string) { o.SystemNamespace = s }, []string{"access"}},
	{"team-url", func(o *proxyconfig.Options, s string) { o.TeamDomain = s }, []string{"auth.example.com"}},
	{"path-prefix", func(o *proxyconfig.Options, s string) { o.PathPrefix = s }, []string{"/.access", "/cdn-cgi/access"}},
	{"identity-headers", func(o *proxyconfig.Options, s string) { o.IdentityHeaders = s }, []string{"default", "cloudflare"}},
	{"upstream-headers", func(o *proxyconfig.Options, s string) { o.UpstreamHeaders = []string{s} }, []string{"X-WEBAUTH-USER", "X-Forwarded-User"}},
	{"mode", func(o *proxyconfig.Options, s string) { o.Mode = s }, nil},
	{"lua-path", func(o *proxyconfig.Options, s string) { o.LuaPath = s }, []string{"/etc/haproxy/ostiary.lua"}},
	{"gateway", func(o *proxyconfig.Options, s string) { o.Gateway = s }, []string{"edge/public"}},
}

// hostile are values that some proxy could read as syntax (G8), or that are of
// another form.
var hostile = []string{
	`a"b`, "a'b", "a`b", "a;b", "a{b", "a}b", "a#b", "a b", "a\tb", "a\nb", "a\r\nb", "a\x00b", "a$b", "$host", "${x}", "{{.}}", "{$HOME}", "a\\b", "a|b", "a&b", "a(b", "a)b", "a<b", "a>b", "a,b", "a=b",
	"a%b", "a@b", "a:b:c", "a:99999", "a:0", "a:080", ":", "a:", "http://a:1", "a/../b", "//", "/a//b", "/..", "/a/.", "-a", "a-", "A",
	"é", "a\u2028b", "a..b", ".a", "a.", "**.a", "*.*.a", "a.*", "*", "*a.b",
	"1.2.3.4", "::1", "[::1%lo]:80", "[::1%25lo]:80", "[::01]:80", "1.2.3.04:80", "[1.2.3.4]:80", "::ffff:1.2.3.4", "0x7f.1", "a.1", strings.Repeat("a", 64) + ".b", strings.Repeat("a.", 130) + "a", strings.Repeat("/a", 300),
	"80; return 200", "a:80 max_fails=0", "a:80;", "127.0.0.1:80\n}", "x\ny:80", " a", "a ", "a:80 ", " :80", "/a b", "/a;b", "/a{b", "~",
	"yes: no", "- a", "&a", "!a", "null\n", "a/b/c", "a/",
}

func TestHostileValues(t *testing.T) {
	for _, p := range proxyconfig.Proxies() {
		for _, f := range fields {
			for _, h := range hostile {
				if exempt[f.name] != nil && exempt[f.name].MatchString(h) {
					continue
				}
				o := proxyconfig.Options{}
				f.set(&o, h)
				var b bytes.Buffer
				err := proxyconfig.Render(&b, p.Name, o)
				if err == nil || b.Len() > 0 {
					t.Errorf("%s: --%s %q is taken:\n%.200s", p.Name, f.name, h, b.String())
				} else if strings.ContainsAny(err.Error(), "\r\x00\u2028") || !strings.Contains(err.Error(), "--"+f.name) {
					t.Errorf("%s: --%s %q: %q", p.Name, f.name, h, err)
				}
			}
		}
	}
}

// exempt are values that are hostile elsewhere, and the right form here.
var exempt = map[string]*regexp.Regexp{"gateway": regexp.MustCompile(`^[a-z]/[a-z]$`), "upstream-headers": regexp.MustCompile(`^A$`)}

func TestGoodValues(t *testing.T) {
	for _, p := range proxyconfig.Proxies() {
		for _, f := range fields {
			for _, g := range f.good {
				o := proxyconfig.Options{}
				f.set(&o, g)
				if err := proxyconfig.Render(io.Discard, p.Name, o); err != nil {
					t.Errorf("%s: --%s %s: %v", p.Name, f.name, g, err)
				}
			}
		}
	}
}

// TestEveryProblem: all that is wrong is said at once.
func TestEveryProblem(t *testing.T) {
	var o proxyconfig.Options
	for _, f := range fields {
		f.set(&o, "a;b")
	}
	err := proxyconfig.Render(io.Discard, "nginx", o)
	for _, f := range fields {
		if err == nil || !strings.Contains(err.Error(), "--"+f.name+": ") {
			t.Errorf("--%s is not in %v", f.name, err)
		}
	}
	if err := proxyconfig.Render(io.Discard, "apache", proxyconfig.Options{}); err == nil || !strings.Contains(err.Error(), "ingress-nginx") {
		t.Errorf("an unknown proxy: %v", err)
	}
	if err := proxyconfig.Render(io.Discard, "traefik", proxyconfig.Options{Hosts: []string{"**.a.example"}}); err == nil || !strings.Contains(err.Error(), "Gateway") {
		t.Errorf("a host of several labels: %v", err)
	}
	if err := proxyconfig.Render(io.Discard, "caddy", proxyconfig.Options{Hosts: []string{"a.example", "a.example"}}); err == nil {
		t.Error("a host twice is taken")
	}
	if err := proxyconfig.Render(io.Discard, "caddy", proxyconfig.Options{Hosts: []string{"a.example"}, TeamDomain: "a.example"}); err == nil {
		t.Error("the team's host is taken for an application's")
	}
	if err := proxyconfig.Render(io.Discard, "ingress-nginx", proxyconfig.Options{Mode: "render"}); err == nil || !strings.Contains(err.Error(), "clusterIP") {
		t.Errorf("mode render without an address: %v", err)
	}
}

// TestIdentityHeaders: every proxy replaces or removes every identity header.
func TestIdentityHeaders(t *testing.T) {
	for _, s := range samples() {
		if s.name == "contour" || s.name == "contour-full" || strings.HasPrefix(s.name, "ingress-nginx-annotation") {
			continue // over gRPC ostiary itself says which go; or the controller writes them
		}
		var b bytes.Buffer
		if err := proxyconfig.Render(&b, s.proxy, s.Options); err != nil {
			t.Fatal(err)
		}
		text := strings.ToLower(b.String() + proxyconfig.Lua)
		names := []string{"x-access-jwt-assertion", "x-access-email", "x-access-user", "x-access-groups", "x-access-client-id", "x-access-client-secret", "x-access-token"}
		if s.IdentityHeaders == "cloudflare" {
			names = append(names, "cf-access-jwt-assertion", "cf-access-authenticated-user-email", "cf-access-client-id", "cf-access-client-secret", "cf-access-token")
		}
		if s.UpstreamHeaders != nil {
			names = append(names, "x-webauth-user", "x-webauth-email")
		}
		if s.proxy == "haproxy" && s.UpstreamHeaders != nil {
			text = strings.Replace(text, "del-header ^(x[-_]webauth[-_]user|x[-_]webauth[-_]email)$ -m reg", "x-webauth-user x-webauth-email", 1)
		}
		want := 2 // HAProxy's script has each once
		if s.proxy == "haproxy" && strings.Contains(text, "del-header ^(x|cf)(_access[-_]|-access_|-access-[^ct]|-access-client_) -m reg") {
			want = 1
		}
		for _, name := range names {
			want := want
			if strings.HasPrefix(name, "x-webauth") { // the script does not know them, and reads which there are
				want = map[bool]int{true: 2, false: 1}[s.proxy == "haproxy"]
			}
			if strings.Count(text, name) < want {
				t.Errorf("%s: nothing is done about %s", s.name, name)
			}
		}
	}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		args       []string
		code       int
		out, wrong string
	}{
		{[]string{"caddy"}, 0, "app.example.com {", ""},
		{[]string{"nginx", "--host", "a.example", "--host=b.example"}, 0, "server_name a.example b.example;", ""},
		{[]string{"haproxy", "--lua"}, 0, "core.register_action", ""},
		{[]string{"nginx", "--default-server"}, 0, "listen 80 default_server;", ""},
		{[]string{"caddy", "--default-server", "--listen", "127.0.0.1:8000"}, 0, "http://:8000 {\n\tbind 127.0.0.1\n\trespond 421\n}\n", ""},
		{[]string{"haproxy", "--default-server"}, 2, "", "--default-server: it is for nginx and caddy"},
		{[]string{"nginx", "--lua"}, 2, "", "--lua is for haproxy"},
		{[]string{}, 2, "", "name a proxy: nginx"},
		{[]string{"nginx", "caddy"}, 2, "", "one argument too many"},
		{[]string{"nginx", "--nope"}, 2, "", "nope"},
		{[]string{"nginx", "--host", "a;b"}, 2, "", "--host"},
		{[]string{"--help"}, 0, "--identity-headers", ""},
		{[]string{"--help"}, 0, "envoy-gateway", ""},
	} {
		var out, stderr bytes.Buffer
		root := command.Root("ostiary", "a test", "", proxyconfig.Command())
		code := command.Execute(t.Context(), root, append([]string{"config"}, c.args...), &out, &stderr)
		wrong := stderr.String()
		if code != c.code || !strings.Contains(out.String(), c.out) || c.out == "" && out.Len() > 0 || !strings.Contains(wrong, c.wrong) || c.wrong == "" && wrong != "" {
			t.Errorf("%v: %d, %q\n%.300s", c.args, code, wrong, out.String())
		}
	}
}

// TestBoundToHosts: in every question stand the hosts that it was made for, or what nothing
// certified is what nginx verified, in a question.
var certified = regexp.MustCompile(`/cert/url/(\$ostiary_\w+_verified)/\$ssl_client_escaped_cert/`)

// but one of them can be.
func TestBoundToHosts(t *testing.T) {
	question := regexp.MustCompile(`/authz/v1/[^\s;"]*`)
	asked := 0
	for _, s := range samples() {
		var b bytes.Buffer
		if err := proxyconfig.Render(&b, s.proxy, s.Options); err != nil {
			t.Fatal(err)
		}
		hosts := s.Hosts
		if hosts == nil {
			hosts = []string{"app.example.com"}
		}
		for _, q := range question.FindAllString(b.String(), -1) {
			if s.proxy == "haproxy" {
				continue // its script asks, about the host that was routed by
			}
			asked++
			ok := false
			q = strings.ReplaceAll(q, "/cert/client-cert/", "/")
			if told := certified.FindStringSubmatch(q); told != nil {
				q = strings.Replace(q, told[0], "/", 1)
				if !strings.Contains(b.String(), "map \"$ssl_server_name $host\" "+told[1]+" {\n  default NONE;\n") {
					t.Errorf("%s believes %s, whatever the connection was made for", s.name, told[1])
				}
			}
			switch s.proxy {
			case "nginx": // a variable that the map of the hosts fills in: see hack/rendered
				name := regexp.MustCompile(`^/authz/v1/nginx/\$request_method/(\$ostiary_\w+_host)\$request_uri$`).FindStringSubmatch(q)
				ok = name != nil && strings.Contains(b.String(), "map $host "+name[1]+" {\n  default \"\";\n")
			case "ingress-nginx":
				for _, h := range hosts {
					if strings.HasPrefix(h, "*.") { // its controller writes [\w-]+ for the label
						h = "$host"
					}
					ok = ok || strings.HasSuffix(q, "/$request_method/"+h+"$request_uri")
				}
			default:
				ok = strings.HasPrefix(q, "/authz/v1/for/"+strings.Join(hosts, ",")+"/")
			}
			if !ok {
				t.Errorf("%s asks %s, whatever the host is", s.name, q)
			}
		}
	}
	if asked < 20 {
		t.Errorf("%d questions", asked)
	}
}

// FuzzRender: what is rendered is what the templates say with words of the
// narrowest syntax in it: as many lines, and no character of a value that a proxy
// reads as syntax.
func FuzzRender(f *testing.F) {
	for _, h := range hostile {
		f.Add(h, byte(0), byte(0))
	}
	for i, field := range fields {
		for _, g := range field.good {
			f.Add(g, byte(i), byte(i))
		}
	}
	all := proxyconfig.Proxies()
	harmless := regexp.MustCompile(`^(\*\.)?[A-Za-z0-9._~/:\[\]-]*$`)
	f.Fuzz(func(t *testing.T, value string, field, proxy byte) {
		p, at := all[int(proxy)%len(all)], fields[int(field)%len(fields)]
		o := proxyconfig.Options{}
		at.set(&o, value)
		var b, plain bytes.Buffer
		if err := proxyconfig.Render(&b, p.Name, o); err != nil {
			if b.Len() > 0 {
				t.Errorf("%s is written in spite of %v", p.Name, err)
			}
			return
		}
		if !harmless.MatchString(value) {
			t.Fatalf("%s: --%s %q is taken", p.Name, at.name, value)
		}
		if err := proxyconfig.Render(&plain, p.Name, proxyconfig.Options{}); err != nil {
			t.Fatal(err)
		}
		if at.name == "mode" || at.name == "identity-headers" || at.name == "upstream-headers" || at.name == "team-url" || at.name == "listen" {
			return // they add and remove lines
		}
		if got, want := bytes.Count(b.Bytes(), []byte("\n")), bytes.Count(plain.Bytes(), []byte("\n")); got != want {
			t.Errorf("%s: --%s %q makes %d lines of %d", p.Name, at.name, value, got, want)
		}
	})
}

func TestProxies(t *testing.T) {
	var names []string
	for _, p := range proxyconfig.Proxies() {
		names = append(names, p.Name)
		if p.Summary == "" {
			t.Errorf("%s has no summary", p.Name)
		}
	}
	for _, want := range []string{"nginx", "ingress-nginx", "traefik", "envoy", "caddy", "haproxy", "istio", "contour", "envoy-gateway", "gateway-api"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

// TestStreamDurations: a time that Envoy can be told, and no other proxy.
func TestStreamDurations(t *testing.T) {
	for _, p := range proxyconfig.Proxies() {
		for d, good := range map[time.Duration]bool{0: true, time.Second: true, 90 * time.Minute: true, -time.Second: false,
			time.Millisecond: false, 1500 * time.Millisecond: false} {
			var out strings.Builder
			err := proxyconfig.Render(&out, p.Name, proxyconfig.Options{MaxStreamDuration: d})
			if want := d == 0 || good && p.Name == "envoy"; (err == nil) != want {
				t.Errorf("%s, %s: %v", p.Name, d, err)
			}
			if says := strings.Contains(out.String(), fmt.Sprintf("max_stream_duration: %.0fs", d.Seconds())); says != (err == nil && d > 0) {
				t.Errorf("%s, %s: it is said: %v", p.Name, d, says)
			}
		}
	}
}
