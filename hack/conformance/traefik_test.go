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
	"github.com/ostiary/ostiary/hack/lab"
)

func traefikVariants() []*variant {
	return []*variant{
		{name: "traefik-file", title: "Traefik, file provider", start: startTraefikFile, limits: traefikLimits,
			about: "Traefik 3.7.9 with what `ostiary config traefik` prints, a file for each host"},
		{name: "traefik-forwardauth", title: "Traefik, Ingress and Middleware", limits: traefikLimits,
			about: "Traefik 3.7.9 (strictPrefixMatching) with Ingresses of a real API server that have one annotation, " +
				"`access.ostiary.dev/policy`; `ostiary serve` reads it, and writes the rest there",
			start: startTraefikKubernetes("traefik", "traefik.io/ingress-controller", "--providers.kubernetesIngress",
				"--providers.kubernetesIngress.strictPrefixMatching", "--providers.kubernetesCRD")},
		{name: "traefik-ingress-nginx", title: "Traefik, ingress-nginx provider", limits: traefikLimits,
			about: "the same for Ingresses of the class nginx, which Traefik 3.7.9 reads as ingress-nginx would",
			start: startTraefikKubernetes("nginx", "k8s.io/ingress-nginx", "--providers.kubernetesIngressNGINX", "--providers.kubernetesCRD")},
		{name: "traefik-gateway", title: "Traefik, Gateway API", limits: traefikLimits,
			about: "the same for HTTPRoutes that have the annotation, and our two Middlewares among their filters",
			start: startTraefikKubernetes("", "", "--providers.kubernetesGateway", "--providers.kubernetesCRD")},
	}
}

var traefikLimits = map[string]string{
	"managed-responses": "ForwardAuth copies headers of the auth server to the request only (authResponseHeaders), never to the answer",
	"untouched-urls": "Traefik writes the escapes of a path in upper case, and & for a ; in the query " +
		"(entryPoints.*.http.encodeQuerySemicolons)",
}

// startTraefikFile runs Traefik with what `ostiary config traefik` prints, a file for
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
		if r.ownPreflights() { // as the comment in it says
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
	return s.processes[0].Wait("the first route", func() bool {
		return exchange(clientAddress, s.addr, request("GET", "/.access/certs", "app1.site.com")).Status == 200
	})
}

// traefik runs it with one entry point.
func (s *setup) traefik(dir string, env []string, args ...string) error {
	path, err := lab.Program("OSTIARY_TRAEFIK", "traefik", filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "..", "traefik"))
	if err != nil {
		return fmt.Errorf("%w; hack/tools.sh traefik builds it", err)
	}
	return s.run(dir, path, env, append([]string{"--entryPoints.web.address=" + s.addr, "--log.level=INFO", "--global.checkNewVersion=false",
		"--global.sendAnonymousUsage=false"}, args...)...)
}

//go:embed testdata/gateway.yaml.tmpl
var gatewayTemplate string

type traefikView struct {
	manifestView
	Class, Controller string // of Ingresses that name none
	Port              string // of the Gateway's listener
}

// startTraefikKubernetes runs Traefik with what a real API server has: what people
// write, and what our controller writes for it.
func startTraefikKubernetes(class, controller string, args ...string) func(s *setup, dir string) error {
	return func(s *setup, dir string) error {
		s.pathRoutes = true
		v := traefikView{manifestView: s.manifests(), Class: class, Controller: controller, Port: s.addr[strings.LastIndex(s.addr, ":")+1:]}
		c, err := s.startCluster(dir, v)
		if err != nil {
			return err
		}
		s.cluster = c
		if class != "" {
			err = c.apply("people", s.ingresses())
		} else {
			err = c.applyTemplate("people", gatewayTemplate, v)
		}
		if err != nil {
			return err
		}
		if err := s.clusterMode(); err != nil {
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
	err := s.processes[0].Wait("the routes", func() bool {
		for _, r := range apps {
			host := strings.Replace(r.host, "*", "x", 1)
			a := exchange(clientAddress, s.addr, request("GET", r.path, host, fetch))
			own := exchange(clientAddress, s.addr, request("GET", "/.access/certs", host))
			if a.Status == 404 || a.Status == 0 || a.Status >= 500 || own.Status != 200 {
				missing = fmt.Sprintf("%s%s: %d, its own pages: %d", host, r.path, a.Status, own.Status)
				return false
			}
		}
		a := exchange(clientAddress, s.addr, request("OPTIONS", "/", "app2.site.com", cp(seedOrigin, "GET")...))
		b := exchange(clientAddress, s.addr, request("GET", "/p", "public.example.com", settings))
		missing = fmt.Sprintf("preflights: %d, upgrades: %d", a.Status, b.Status) // of a provider of their own, now and then
		return a.Status == 200 && b.Status == 403
	})
	if err != nil {
		return fmt.Errorf("%s: %w", missing, err)
	}
	return nil
}
