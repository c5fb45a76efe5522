// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	_ "embed"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
)

// identityHeaders are those that an application is told, in the order of the
// annotation auth-response-headers.
var identityHeaders = []string{"X-Access-Jwt-Assertion", "X-Access-Email", "X-Access-User", "X-Access-Groups", "Cf-Access-Jwt-Assertion", "Cf-Access-Authenticated-User-Email"}

const (
	snippetFree = "ingress-nginx puts no header of the auth server on the application's answers without a snippet"
	rawHost     = "ingress-nginx passes the Host header on as it came ($best_http_host), which in an absolute-form request need not be the host that it routed by: an application that serves a guarded and an open host behind one Service must not tell them apart by Host"
	ownPage     = "a refusal is nginx's own page: in this mode nothing renders it, so it has no login, no JSON, no Vary and no CORS headers"
)

// ingressNginxLimits are those of a mode.
func ingressNginxLimits(mode string) map[string]string {
	limits := map[string]string{"managed-responses": snippetFree, "host-as-routed": rawHost}
	if mode == "canary" {
		for _, name := range []string{"navigation-to-login", "fetch-401", "denied-page", "head", "post", "bad-sessions", "own-application-only", "denial-readable", "forged-targets", "proxy-internals", "grpc-web",
			"preflight-refused", "preflight-origins", "preflight-methods", "preflight-headers", "preflight-null", "preflight-by-path"} {
			limits[name] = ownPage
		}
		limits["acrm-on-get"] = "the canary goes by the header alone: a request with a session and this header, which no browser sends but on preflights, is refused instead of served"
	}
	return limits
}

const ingressNginxAbout = "nginx 1.22 with the locations that ingress-nginx 1.15 renders of the annotations, without its Lua; "

func nginxVariants() []*variant {
	return []*variant{
		{name: "nginx", title: "nginx", start: startNginx, about: "nginx 1.22 with what `ostiary render nginx` prints, a file for each host"},
		{name: "nginx-render", title: "ingress-nginx, mode render", start: ingressNginx("render"), about: ingressNginxAbout + "error pages come from ostiary's Service beside the application (custom-http-errors, default-backend)", limits: ingressNginxLimits("render")},
		{name: "nginx-global", title: "ingress-nginx, mode global", start: ingressNginx("global"), about: ingressNginxAbout + "error pages come from the two snippets of the platform's ConfigMap", limits: ingressNginxLimits("global")},
		{name: "nginx-canary", title: "ingress-nginx, mode canary", start: ingressNginx("canary"), about: ingressNginxAbout + "preflights go to ostiary by a canary Ingress (here: a map that does what its balancer does), refusals are nginx's own", limits: ingressNginxLimits("canary")},
	}
}

// options are what a configuration of `ostiary render` is made for.
func (s *setup) options(r route) proxyconfig.Options {
	l := s.listens
	return proxyconfig.Options{Hosts: []string{r.host}, Upstream: s.appAddr[r.name], Authz: l.authz, Public: l.public, Render: l.render, Preflight: l.preflight, Listen: s.addr}
}

// startNginx runs nginx with what `ostiary render nginx` prints, a file for each host.
func startNginx(s *setup, dir string) error {
	if err := s.fileMode(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "conf.d"), 0o700); err != nil {
		return err
	}
	for i, r := range hosts() {
		o := s.options(r)
		if i == 0 {
			o.TeamDomain = teamHost
		}
		var b bytes.Buffer
		if err := proxyconfig.Render(&b, "nginx", o); err != nil {
			return err
		}
		// Names are one space for all files of an nginx.
		text := strings.ReplaceAll(b.String(), "ostiary_", "ostiary_"+strings.ReplaceAll(r.name, "-", "_")+"_")
		if err := os.WriteFile(filepath.Join(dir, "conf.d", r.name+".conf"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	// Hosts that nobody configured: otherwise the first file would serve them.
	rest := "server { listen " + s.addr + " default_server; server_name _; return 404; }"
	return s.nginx(dir, "daemon off; master_process off; pid nginx.pid; events { worker_connections 2048; } http { access_log off; client_body_temp_path body; proxy_temp_path proxy; "+
		"fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; server_names_hash_bucket_size 128; include conf.d/*.conf; "+rest+" }")
}

// nginx runs it with a configuration.
func (s *setup) nginx(dir, text string) error {
	path, err := program("OSTIARY_NGINX", "nginx", "/usr/sbin/nginx")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	return s.run(dir, path, nil, "-p", dir, "-c", file, "-e", filepath.Join(dir, "error.log"))
}

//go:embed testdata/ingress-nginx.conf.tmpl
var ingressNginxTemplate string

// ingressNginx runs nginx with the locations that ingress-nginx renders.
func ingressNginx(mode string) func(s *setup, dir string) error {
	return func(s *setup, dir string) error {
		if err := s.fileMode(); err != nil {
			return err
		}
		s.pathRoutes, s.pinned = true, true
		var b bytes.Buffer
		funcs := template.FuncMap{"snake": func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", "_")) }}
		if err := template.Must(template.New("nginx").Funcs(funcs).Parse(ingressNginxTemplate)).Execute(&b, s.ingressNginx(mode)); err != nil {
			return err
		}
		return s.nginx(dir, b.String())
	}
}

type nginxRoute struct {
	Name, Variable, Addr, AuthURL string
	Locations                     []string
	Preflights                    bool // a canary Ingress takes them
}

type nginxServer struct {
	Name   string
	Routes []nginxRoute
}

type nginxView struct {
	Mode, Listen, TeamHost, Public, Render, Preflight string
	Identity                                          []string
	Codes                                             []int
	Routes                                            []nginxRoute
	Servers                                           []nginxServer
}

// ingressNginx is what the controller of ingress-nginx knows.
func (s *setup) ingressNginx(mode string) nginxView {
	l := s.listens
	v := nginxView{Mode: mode, Listen: s.addr, TeamHost: teamHost, Public: l.public, Render: l.render, Preflight: l.preflight, Identity: identityHeaders, Codes: []int{401, 403}}
	for _, host := range hosts() {
		server := nginxServer{Name: host.host}
		if rest, ok := strings.CutPrefix(host.host, "*."); ok { // as ingress-nginx writes it
			server.Name = `"~^(?<subdomain>[\w-]+)\.` + regexp.QuoteMeta(rest) + `$"`
		}
		for _, r := range routes {
			if r.host != host.host {
				continue
			}
			endpoint := "nginx"
			if mode == "canary" {
				endpoint = "nginx-pass"
			}
			n := nginxRoute{Name: r.name, Variable: strings.ReplaceAll(r.name, "-", "_"), Addr: s.appAddr[r.name], Locations: []string{r.path},
				AuthURL: "http://" + l.authz + "/authz/v1/" + endpoint + s.pin(r) + "/$request_method/$host$request_uri",
				// The preflights of a policy with preflight: Bypass are the application's.
				Preflights: mode == "canary" && r.policy != "handsoff"}
			if r.path != "/" {
				n.Locations = []string{r.path + "/", "= " + r.path}
			}
			server.Routes = append(server.Routes, n)
			v.Routes = append(v.Routes, n)
		}
		v.Servers = append(v.Servers, server)
	}
	return v
}

// pin is the part of an auth-url by which only the policy of this Ingress decides.
func (s *setup) pin(r route) string {
	if !s.pinned {
		return ""
	}
	return "/shop/" + r.name
}
