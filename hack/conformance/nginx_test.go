// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab"
)

// identityHeaders are those that the installation takes off and sets.
var identityHeaders = contract.AllIdentity()

const (
	snippetFree = "ingress-nginx puts no header of the auth server on the application's answers without a snippet"
	rawHost     = "ingress-nginx forwards the Host header unchanged ($best_http_host). In an absolute-form request " +
		"it can differ from the host that was routed by: an application that serves a protected and an " +
		"open host behind one Service must not tell them apart by Host"
	ownPage = "A denial is nginx's own page: no sign-in address, no JSON, no Vary, no CORS headers"
)

// ingressNginxLimits are those of a mode.
func ingressNginxLimits(mode string) map[string]string {
	limits := map[string]string{"managed-responses": snippetFree, "host-as-routed": rawHost}
	if mode == "canary" {
		for _, name := range []string{"navigation-to-login", "fetch-401", "denied-page", "head", "post", "bad-sessions", "own-application-only",
			"denial-readable", "forged-targets", "proxy-internals", "grpc-web",
			"preflight-refused", "preflight-origins", "preflight-methods", "preflight-headers", "preflight-null", "preflight-by-path"} {
			limits[name] = ownPage
		}
		limits["acrm-on-get"] = "The canary matches the header alone: a request with a session and this header, which browsers " +
			"send on preflights only, is denied"
	}
	return limits
}

const ingressNginxAbout = "nginx 1.22 with the locations that ingress-nginx 1.15 renders of the annotations that our controller " +
	"writes, without its Lua, and the lines about upgrades that `ostiary config ingress-nginx` prints for its ConfigMap; "

func nginxVariants() []*variant {
	return []*variant{
		{name: "nginx", title: "nginx", start: startNginx, about: "nginx 1.22 with what `ostiary config nginx` prints, a file for each host"},
		{name: "nginx-render", title: "ingress-nginx, mode render", start: ingressNginx("render"), about: ingressNginxAbout +
			"error pages come from ostiary's Service beside the application (custom-http-errors, default-backend)",
			limits: ingressNginxLimits("render")},
		{name: "nginx-global", title: "ingress-nginx, mode global", start: ingressNginx("global"), about: ingressNginxAbout +
			"error pages come from the two snippets of the platform's ConfigMap", limits: ingressNginxLimits("global")},
		{name: "nginx-canary", title: "ingress-nginx, mode canary", start: ingressNginx("canary"), about: ingressNginxAbout +
			"preflights go to ostiary by a canary Ingress (here: a map that does what its balancer does), refusals are nginx's own",
			limits: ingressNginxLimits("canary")},
	}
}

// dryRunOf is the policy's dryRun.
func dryRunOf(r route) policy.DryRun {
	if r.policy == "dry" {
		return policy.DryRunOpen
	}
	return policy.DryRunNone
}

// options are what a configuration of `ostiary config` is made for.
func (s *setup) options(r route) proxyconfig.Options {
	l := s.ostiary
	return proxyconfig.Options{Hosts: []string{r.host}, Upstream: s.appAddr[r.name], Authz: l.Authz, Public: l.Public, Render: l.Render,
		Preflight: l.Preflight, Listen: s.addr, Policy: r.name}
}

// startNginx runs nginx with what `ostiary config nginx` prints, a file for each host.
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
		if err := os.WriteFile(filepath.Join(dir, "conf.d", r.name+".conf"), b.Bytes(), 0o600); err != nil {
			return err
		}
	}
	// No server stands beside what is printed: none may be missing there.
	return s.nginx(dir, "daemon off; master_process off; pid nginx.pid; events { worker_connections 2048; } http { access_log off; "+
		"client_body_temp_path body; proxy_temp_path proxy; "+
		"fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; include conf.d/*.conf; }")
}

// nginx runs it with a configuration.
func (s *setup) nginx(dir, text string) error {
	path, err := lab.Program("OSTIARY_NGINX", "nginx", "/usr/sbin/nginx")
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
		s.pathRoutes = true
		v, err := s.ingressNginx(mode)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		funcs := template.FuncMap{"snake": func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", "_")) }}
		if err := template.Must(template.New("nginx").Funcs(funcs).Parse(ingressNginxTemplate)).Execute(&b, v); err != nil {
			return err
		}
		return s.nginx(dir, b.String())
	}
}

// A nginxRoute is an Ingress, and what the controller of ingress-nginx reads in the
// annotations that ours has written.
type nginxRoute struct {
	Name, Variable, Addr, AuthURL string
	Identity, Locations           []string
	ErrorPages                    bool // custom-http-errors
	Preflights                    bool // a canary Ingress takes them
}

type nginxServer struct {
	Name   string
	Routes []nginxRoute
}

type nginxView struct {
	Listen, TeamHost, Public, Render, Preflight string
	Snippets                                    bool // those of the ConfigMap
	Upgrades                                    string
	Codes                                       []int
	Routes                                      []nginxRoute
	Servers                                     []nginxServer
}

const nginxAnnotation = "nginx.ingress.kubernetes.io/"

// ingressNginx is what the controller of ingress-nginx makes of the Ingresses.
func (s *setup) ingressNginx(mode string) (nginxView, error) {
	l := s.ostiary
	upgrades, err := printedUpgrades(mode)
	if err != nil {
		return nginxView{}, err
	}
	v := nginxView{Snippets: mode == "global", Upgrades: upgrades, Listen: s.addr, TeamHost: teamHost, Public: l.Public, Render: l.Render,
		Preflight: l.Preflight, Codes: []int{401, 403}}
	plan, err := s.plan(routes.Mode(mode))
	if err != nil {
		return v, err
	}
	for _, host := range hosts() {
		server := nginxServer{Name: host.host}
		if rest, ok := strings.CutPrefix(host.host, "*."); ok { // as ingress-nginx writes it
			server.Name = `"~^(?<subdomain>[\w-]+)\.` + regexp.QuoteMeta(rest) + `$"`
		}
		for _, r := range apps {
			if r.host != host.host {
				continue
			}
			annotations := plan.Annotations[routes.Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Namespace: "shop", Name: r.name}}]
			n := nginxRoute{Name: r.name, Variable: strings.ReplaceAll(r.name, "-", "_"), Addr: s.appAddr[r.name], Locations: []string{r.path},
				AuthURL: annotations[nginxAnnotation+"auth-url"], Identity: strings.Split(annotations[nginxAnnotation+"auth-response-headers"], ","),
				ErrorPages: annotations[nginxAnnotation+"default-backend"] != "", Preflights: hasCanary(plan, r)}
			if n.AuthURL == "" || n.ErrorPages != (mode == "render") || n.ErrorPages &&
				annotations[nginxAnnotation+"custom-http-errors"] != "401,403" {
				return v, fmt.Errorf("mode %s gives Ingress %s the annotations %v", mode, r.name, annotations)
			}
			if r.path != "/" {
				n.Locations = []string{r.path + "/", "= " + r.path}
			}
			server.Routes = append(server.Routes, n)
			v.Routes = append(v.Routes, n)
		}
		v.Servers = append(v.Servers, server)
	}
	return v, nil
}

// printedUpgrades are the lines of the ConfigMap that are printed for a mode.
func printedUpgrades(mode string) (string, error) {
	var b bytes.Buffer
	if err := proxyconfig.Render(&b, "ingress-nginx", proxyconfig.Options{Mode: mode, Render: "10.0.0.1:9003"}); err != nil {
		return "", err
	}
	text := strings.ReplaceAll(b.String(), "\n#", "\n")
	_, rest, some := strings.Cut(text, "server-snippet: |\n")
	begin, end := strings.Index(rest, "if ($http_upgrade"), strings.Index(rest, "}\n")
	if !some || begin < 0 || end < begin {
		return "", fmt.Errorf("what is printed for mode %s says nothing about upgrades:\n%s", mode, b.String())
	}
	return rest[begin : end+1], nil
}

// hasCanary looks for the canary Ingress of a route.
func hasCanary(plan plan.Plan, r route) bool {
	for _, o := range plan.Objects {
		if o.GetAnnotations()[nginxAnnotation+"canary"] != "true" ||
			o.GetAnnotations()[nginxAnnotation+"canary-by-header"] != "Access-Control-Request-Method" {
			continue
		}
		var i networkingv1.Ingress
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &i); err != nil {
			continue
		}
		for _, rule := range i.Spec.Rules {
			for _, p := range rule.HTTP.Paths {
				if rule.Host == r.host && p.Path == r.path {
					return true
				}
			}
		}
	}
	return false
}

// plan asks for what our controller would write for the Ingresses of the suite.
func (s *setup) plan(mode routes.Mode) (plan.Plan, error) {
	w := routes.Snapshot{Classes: []*networkingv1.IngressClass{{ObjectMeta: metav1.ObjectMeta{Name: "nginx",
		Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"}},
		Spec: networkingv1.IngressClassSpec{Controller: "k8s.io/ingress-nginx"}}}}
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(s.ingresses()), 4096)
	for {
		var i networkingv1.Ingress
		if err := decoder.Decode(&i); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return plan.Plan{}, err
		}
		if i.Name != "" {
			class := "nginx"
			i.Spec.IngressClassName = &class
			w.Ingresses = append(w.Ingresses, &i)
		}
	}
	for _, r := range apps {
		w.Services = append(w.Services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: r.name},
			Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}})
		if r.name != "orphan" {
			w.Policies = append(w.Policies, routes.Policy{NamespacedName: types.NamespacedName{Namespace: "shop", Name: r.policy},
				Hosts: []string{r.host}, Paths: []policy.Path{{Value: r.path}},
				CORS: &policy.CORS{BypassPreflight: r.policy == "handsoff"}, DryRun: dryRunOf(r)})
		}
	}
	if mode == routes.Global { // the platform has put the snippets into its ConfigMap
		w.Configs = []*corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Namespace: "ingress-nginx", Name: "ingress-nginx-controller"},
			Data: map[string]string{"location-snippet": "error_page 401 = @ostiary_401;\nerror_page 403 = @ostiary_403;\n"}}}
	}
	plan := plan.Make(w, routes.Settings{Namespace: "ostiary", AuthzURL: "http://" + s.ostiary.Authz, PublicPort: 9002, RenderPort: 9003,
		PreflightPort: 9004, Mode: mode, IdentityHeaders: identityHeaders})
	for _, b := range plan.Bindings {
		if !b.Guarded && b.Route.Name != "orphan" {
			return plan, fmt.Errorf("%s is not guarded: %v", b.Route, plan.Findings)
		}
	}
	return plan, nil
}
