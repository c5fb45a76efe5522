// SPDX-License-Identifier: Apache-2.0

package proxyconfig

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/ostiary/ostiary/authserver/contract"
)

//go:embed templates/*.tmpl ostiary.lua
var files embed.FS

// Lua is the script that HAProxy loads.
//
//go:embed ostiary.lua
var Lua string

// Options are what a configuration is made for. What is empty has its default,
// but for TeamDomain: without it no team host is configured.
type Options struct {
	// Hosts are those of the application: app.example.com, *.preview.example.com.
	Hosts []string
	// Upstream is the application, HOST:PORT.
	Upstream string
	// Authz, Public, Render, Preflight and GRPC are our listeners, HOST:PORT. The
	// defaults are those on this machine, or our Services where the proxy is part
	// of a cluster.
	Authz, Public, Render, Preflight, GRPC string
	// Listen is where a proxy that is no part of a cluster listens, [IP]:PORT.
	Listen string
	// Namespace and Policy name the application's AccessPolicy.
	Namespace, Policy string
	// SystemNamespace is where we run.
	SystemNamespace string
	// TeamDomain is where people log in.
	TeamDomain string
	// PathPrefix is our own path on every host.
	PathPrefix string
	// IdentityHeaders is "default" or "cloudflare", as in serve.
	IdentityHeaders string
	// UpstreamHeaders are headers that policies may set for applications, as in serve.
	UpstreamHeaders []string
	// Mode is one of the Proxy's Modes.
	Mode string
	// Gateway is the Gateway of a cluster, NAMESPACE/NAME.
	Gateway string
	// LuaPath is where HAProxy finds Lua.
	LuaPath string
	// DefaultServer has nginx or Caddy refuse every other host at the address, too: one
	// file of each proxy can do that. All others refuse them anyway, and no application
	// is reached by one where this is left out.
	DefaultServer bool
	// ClientCertificates has the proxy tell which client certificate it verified, for the
	// selector certificate.
	ClientCertificates bool
	// MaxStreamDuration has Envoy end what it answers for the application after that time:
	// event streams, WebSockets, downloads. Whoever goes on is judged anew. 0: never.
	MaxStreamDuration time.Duration
}

// A Proxy is what Render writes for.
type Proxy struct {
	Name, Summary string
	// Modes are the ways to set it up, the default first; none: there is one way.
	Modes []string
	// kubernetes: what is written are objects of a cluster.
	kubernetes bool
}

var proxies = []Proxy{
	{Name: "nginx", Summary: "nginx with auth_request: a file for conf.d"},
	{Name: "ingress-nginx", Summary: "ingress-nginx and its forks: an Ingress, and what each mode needs", Modes: []string{"annotation", "global", "render", "canary"}, kubernetes: true},
	{Name: "traefik", Summary: "Traefik 3: its file provider, or its Kubernetes objects", Modes: []string{"file", "kubernetes"}},
	{Name: "envoy", Summary: "Envoy with ext_authz, over HTTP or gRPC: a static configuration", Modes: []string{"http", "grpc"}},
	{Name: "caddy", Summary: "Caddy with forward_auth: a Caddyfile"},
	{Name: "haproxy", Summary: "HAProxy 2.6 or newer with Lua: haproxy.cfg, and with --lua the script that it loads"},
	{Name: "istio", Summary: "Istio: an extension provider, and an AuthorizationPolicy that uses it", kubernetes: true},
	{Name: "contour", Summary: "Contour: an ExtensionService, and an HTTPProxy that asks it", kubernetes: true},
	{Name: "envoy-gateway", Summary: "Envoy Gateway: a SecurityPolicy with extAuth", kubernetes: true},
	{Name: "gateway-api", Summary: "any Gateway with the ExternalAuth filter (GEP-1494, experimental)", kubernetes: true},
}

// tellCertificates are the proxies that can tell of client certificates, in a way that no
// client can.
var tellCertificates = []string{"nginx", "haproxy", "caddy"}

// Proxies returns every proxy that Render knows.
func Proxies() []Proxy { return slices.Clone(proxies) }

// Render writes the configuration of the named proxy. The error names every
// option that is wrong; then nothing is written.
func Render(w io.Writer, proxy string, o Options) error {
	p, err := find(proxy)
	if err != nil {
		return err
	}
	o = o.withDefaults(p)
	if err := o.check(p); err != nil {
		return err
	}
	t, err := template.New(p.Name+".tmpl").Funcs(functions).ParseFS(files, "templates/"+p.Name+".tmpl", "templates/shared.tmpl")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Option("missingkey=error").Execute(&b, view{o}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", bytes.TrimSpace(b.Bytes()))
	return err
}

func find(name string) (Proxy, error) {
	i := slices.IndexFunc(proxies, func(p Proxy) bool { return p.Name == name })
	if i < 0 {
		return Proxy{}, fmt.Errorf("there is no proxy %q; there are %s", name, strings.Join(names(), ", "))
	}
	return proxies[i], nil
}

const defaultNamespace = "default"

// withDefaults fills in what is empty.
func (o Options) withDefaults(p Proxy) Options {
	if len(p.Modes) > 0 {
		o.Mode = cmp.Or(o.Mode, p.Modes[0])
	}
	if len(o.Hosts) == 0 {
		o.Hosts = []string{"app.example.com"}
	}
	o.Namespace, o.Policy = cmp.Or(o.Namespace, defaultNamespace), cmp.Or(o.Policy, "app")
	o.SystemNamespace = cmp.Or(o.SystemNamespace, "ostiary-system")
	o.PathPrefix = cmp.Or(o.PathPrefix, contract.DefaultPathPrefix)
	o.IdentityHeaders = cmp.Or(o.IdentityHeaders, "default")
	o.Gateway = cmp.Or(o.Gateway, o.Namespace+"/gateway")
	o.LuaPath = cmp.Or(o.LuaPath, "/etc/haproxy/ostiary.lua")
	cluster := o.inCluster(p)
	if cluster {
		o.Upstream = cmp.Or(o.Upstream, "app:80")
	}
	o.Upstream = cmp.Or(o.Upstream, "127.0.0.1:8080")
	for _, l := range []struct {
		address *string
		name    string
		port    int
	}{
		{&o.Authz, "authz", contract.AuthzPort}, {&o.Public, "public", contract.PublicPort}, {&o.Render, "render", contract.RenderPort},
		{&o.Preflight, "preflight", contract.PreflightPort}, {&o.GRPC, "grpc", contract.GRPCPort},
	} {
		host := "127.0.0.1"
		if cluster {
			host = "ostiary-" + l.name + "." + o.SystemNamespace + ".svc.cluster.local"
		}
		*l.address = cmp.Or(*l.address, net.JoinHostPort(host, strconv.Itoa(l.port)))
	}
	return o
}

// check names everything that is wrong.
func (o Options) check(p Proxy) error {
	errs := append(o.checkAddresses(p), o.checkHosts()...)
	fail := func(flag string, err error) { errs = append(errs, at(flag, err)) }
	if o.Listen != "" {
		fail("listen", checkListen(o.Listen))
	}
	gatewayNamespace, gateway, _ := strings.Cut(o.Gateway, "/")
	if checkName(gatewayNamespace) != nil || checkName(gateway) != nil {
		fail("gateway", fmt.Errorf("%s is not of the form NAMESPACE/NAME", quote(o.Gateway)))
	}
	fail("namespace", checkName(o.Namespace))
	fail("system-namespace", checkName(o.SystemNamespace))
	fail("policy", checkName(o.Policy))
	fail("path-prefix", checkPathPrefix(o.PathPrefix))
	fail("identity-headers", oneOf(o.IdentityHeaders, "default", "cloudflare"))
	_, err := contract.ParseUpstream(o.UpstreamHeaders)
	fail("upstream-headers", err)
	fail("lua-path", checkFile(o.LuaPath))
	if o.DefaultServer && p.Name != "nginx" && p.Name != "caddy" {
		fail("default-server", fmt.Errorf("it is for nginx and caddy: what is printed for %s refuses other hosts anyway, or leads them nowhere", p.Name))
	}
	if o.ClientCertificates && !slices.Contains(tellCertificates, p.Name) {
		fail("client-certificates", fmt.Errorf("it is for %s: what is printed for %s does not tell of certificates", strings.Join(tellCertificates, ", "), p.Name))
	}
	if o.MaxStreamDuration != 0 {
		fail("max-stream-duration", checkStreamDuration(p, o.MaxStreamDuration))
	}
	switch {
	case len(p.Modes) > 0:
		fail("mode", oneOf(o.Mode, p.Modes...))
	case o.Mode != "":
		fail("mode", fmt.Errorf("%s has no modes", p.Name))
	}
	return errors.Join(errs...)
}

// at says which flag an error is about.
func at(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("--%s: %w", flag, err)
}

func (o Options) checkHosts() []error {
	var errs []error
	for i, h := range o.Hosts {
		errs = append(errs, at("host", checkHost(h, true)))
		if slices.Contains(o.Hosts[:i], h) || h == o.TeamDomain {
			errs = append(errs, fmt.Errorf("--host: %s is there twice", quote(h)))
		}
	}
	if o.TeamDomain != "" {
		errs = append(errs, at("team-url", checkHost(o.TeamDomain, false)))
	}
	return errs
}

func (o Options) checkAddresses(p Proxy) []error {
	var errs []error
	for _, a := range []struct {
		flag, address string
		service       bool // objects name it
	}{
		{"upstream", o.Upstream, o.inCluster(p)},
		{"authz-url", o.Authz, p.Name == "envoy-gateway" || p.Name == "gateway-api" || p.Name == "istio"},
		{"public-url", o.Public, o.inCluster(p)},
		{"render-url", o.Render, false},
		{"preflight-url", o.Preflight, o.inCluster(p)},
		{"grpc-url", o.GRPC, o.inCluster(p)},
	} {
		err := checkAddress(a.address)
		if err == nil && a.service {
			err = checkService(a.address, a.flag == "upstream")
		}
		errs = append(errs, at(a.flag, err))
	}
	if p.Name == "ingress-nginx" && o.Mode == "render" && net.ParseIP(hostOf(o.Render)) == nil {
		errs = append(errs, fmt.Errorf("--render-url: mode render takes the address of our render Service; ask for it with: kubectl get service --namespace %s ostiary-render --output jsonpath=http://{.spec.clusterIP}:{.spec.ports[0].port}", o.SystemNamespace))
	}
	return errs
}

// inCluster: what is printed are objects of a cluster.
func (o Options) inCluster(p Proxy) bool { return p.kubernetes || o.Mode == "kubernetes" }
