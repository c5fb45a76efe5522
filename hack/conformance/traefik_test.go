// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
)

func traefikVariants() []*variant {
	return []*variant{
		{name: "traefik-file", title: "Traefik, file provider", start: startTraefikFile, limits: traefikLimits, about: "Traefik 3.7.9 with what `ostiary render traefik` prints, a file for each host"},
		{name: "traefik-forwardauth", title: "Traefik, Ingress and Middleware", limits: traefikLimits,
			about: "Traefik 3.7.9 with Ingresses of a real API server, and the Middlewares and IngressRoutes for them",
			start: startTraefikKubernetes("forwardauth", "--providers.kubernetesIngress", "--providers.kubernetesCRD")},
		{name: "traefik-ingress-nginx", title: "Traefik, ingress-nginx provider", limits: traefikLimits,
			about: "Traefik 3.7.9 with Ingresses of a real API server that have the annotations of ingress-nginx, and IngressRoutes for preflights and our own pages",
			start: startTraefikKubernetes("ingress-nginx", "--providers.kubernetesIngressNGINX", "--providers.kubernetesCRD")},
		{name: "traefik-gateway", title: "Traefik, Gateway API", limits: traefikLimits,
			about: "Traefik 3.7.9 with HTTPRoutes of a real API server, and Middlewares as their filters",
			start: startTraefikKubernetes("gateway", "--providers.kubernetesGateway", "--providers.kubernetesCRD")},
	}
}

var traefikLimits = map[string]string{
	"managed-responses": "ForwardAuth copies headers of the auth server to the request only (authResponseHeaders), never to the answer",
	"untouched-urls":    "Traefik writes the escapes of a path in upper case, and & for a ; in the query (entryPoints.*.http.encodeQuerySemicolons)",
}

// startTraefikFile runs Traefik with what `ostiary render traefik` prints, a file for
// each host.
func startTraefikFile(s *setup, dir string) error {
	if err := s.fileMode(); err != nil {
		return err
	}
	files := filepath.Join(dir, "files")
	if err := os.MkdirAll(files, 0o700); err != nil {
		return err
	}
	for i, r := range hosts() {
		o := s.options(r)
		o.Listen, o.Policy = "", r.name
		if i == 0 {
			o.TeamDomain = teamHost
		}
		var b bytes.Buffer
		if err := proxyconfig.Render(&b, "traefik", o); err != nil {
			return err
		}
		text := b.String()
		if r.policy == "handsoff" { // as the comment in it says
			before, rest, ok := strings.Cut(text, "    # ForwardAuth can let")
			_, after, ok2 := strings.Cut(rest, "\n  middlewares:\n")
			if !ok || !ok2 {
				return fmt.Errorf("what is rendered for Traefik has no router for preflights to leave out:\n%s", text)
			}
			text = before + "  middlewares:\n" + after
		}
		if err := os.WriteFile(filepath.Join(files, r.name+".yaml"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := s.traefik(dir, nil, "--providers.file.directory="+files); err != nil {
		return err
	}
	return s.processes[0].wait("the first route", func() bool {
		return exchange(clientAddress, s.addr, request("GET", "/.access/certs", "app1.site.com")).status == 200
	})
}

// traefik runs it with one entry point.
func (s *setup) traefik(dir string, env []string, args ...string) error {
	path, err := program("OSTIARY_TRAEFIK", "traefik", filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "..", "traefik"))
	if err != nil {
		return fmt.Errorf("%w; hack/tools.sh traefik builds it", err)
	}
	return s.run(dir, path, env, append([]string{"--entryPoints.web.address=" + s.addr, "--log.level=INFO", "--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"}, args...)...)
}

var (
	//go:embed testdata/traefik.yaml.tmpl
	traefikTemplate string
)

// hostRule is a host as Traefik's rules match it.
type hostRule struct {
	Rule       string
	Preflights bool // ours to answer
}

type traefikView struct {
	manifestView
	Mode, Class, Controller, Authz, Asked, Identity, Port string
	Stripped                                              []string
	Hosts                                                 []hostRule
}

// traefikObjects are what Traefik needs for the routes of the suite.
func (s *setup) traefikObjects(mode string) traefikView {
	v := traefikView{manifestView: s.manifests(), Mode: mode, Class: "traefik", Controller: "traefik.io/ingress-controller", Authz: s.listens.authz, Port: s.addr[strings.LastIndex(s.addr, ":")+1:],
		Identity: strings.Join(identityHeaders, ","), Asked: "Cookie, Authorization, Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network, " +
			"Accept, Sec-Fetch-Mode, Sec-Fetch-Storage-Access, Sec-WebSocket-Key, X-Requested-With, X-Request-Id"}
	for _, name := range identityHeaders {
		v.Stripped = append(v.Stripped, underscored(name)...)
	}
	if mode == "ingress-nginx" {
		v.Class, v.Controller = "nginx", "k8s.io/ingress-nginx"
		// nginx drops headers with "_". Here those that are listed and do not come back
		// from the auth server are dropped.
		v.Identity += "," + strings.Join(v.Stripped, ",")
	}
	for _, r := range hosts() {
		h := hostRule{Rule: "Host(`" + r.host + "`)", Preflights: r.policy != "handsoff"}
		if rest, ok := strings.CutPrefix(r.host, "*."); ok {
			h.Rule = "HostRegexp(`^[a-z0-9-]+\\." + strings.ReplaceAll(rest, ".", "\\.") + "$`)"
		}
		v.Hosts = append(v.Hosts, h)
	}
	return v
}

// underscored are the spellings of a header that have "_" for some "-".
func underscored(name string) []string {
	out := []string{""}
	for i, word := range strings.Split(name, "-") {
		var next []string
		for _, o := range out {
			if i == 0 {
				next = append(next, word)
				continue
			}
			next = append(next, o+"-"+word, o+"_"+word)
		}
		out = next
	}
	return out[1:] // the first is the name itself
}

// startTraefikKubernetes runs Traefik with what a real API server has.
func startTraefikKubernetes(mode string, args ...string) func(s *setup, dir string) error {
	return func(s *setup, dir string) error {
		s.pathRoutes = true
		if err := s.fileMode(); err != nil {
			return err
		}
		v := s.traefikObjects(mode)
		c, err := s.startCluster(dir, v)
		if err != nil {
			return err
		}
		s.cluster = c
		if mode != "gateway" {
			err = c.apply("people", s.ingresses())
		}
		if err == nil {
			err = c.applyTemplate("ostiary", traefikTemplate, v)
		}
		if err != nil {
			return err
		}
		if err := s.traefik(dir, []string{"KUBECONFIG=" + c.kubeconfig}, args...); err != nil {
			return err
		}
		return s.settled()
	}
}

// settled waits until every route is there: those that need a session say so.
func (s *setup) settled() error {
	var missing string
	err := s.processes[0].wait("the routes", func() bool {
		for _, r := range routes {
			host := strings.Replace(r.host, "*", "x", 1)
			a := exchange(clientAddress, s.addr, request("GET", r.path, host, fetch))
			own := exchange(clientAddress, s.addr, request("GET", "/.access/certs", host))
			if a.status == 404 || a.status == 0 || a.status >= 500 || own.status != 200 {
				missing = fmt.Sprintf("%s%s: %d, its own pages: %d", host, r.path, a.status, own.status)
				return false
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("%s: %w", missing, err)
	}
	return nil
}
