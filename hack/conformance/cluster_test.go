// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/hack/lab/apiserver"
)

var (
	//go:embed testdata/services.yaml.tmpl
	servicesTemplate string
	//go:embed testdata/ingresses.yaml.tmpl
	ingressesTemplate string
)

// A cluster is a real API server. Each variant has its own: nothing of the one
// before is left.
type cluster struct {
	server     apiserver.Server
	client     client.Client
	kubeconfig string
}

// module is the folder of one that Traefik's tool module pins.
func module(path string) (string, error) {
	dir := filepath.Join("..", "tools", "traefik")
	download := exec.Command("go", "mod", "download", path) // there already, where Traefik was built
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path)
	for _, c := range []*exec.Cmd{download, list} {
		c.Dir, c.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	}
	if out, err := download.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go mod download %s: %w\n%s", path, err, out)
	}
	out, err := list.Output()
	return strings.TrimSpace(string(out)), err
}

// startCluster starts an API server that knows our kinds, Traefik's and those of
// the Gateway API, and puts the Services and the policies into it.
func (w *world) startCluster(dir string, v any) (*cluster, error) {
	traefik, err := module("github.com/traefik/traefik/v3")
	if err != nil {
		return nil, err
	}
	gateway, err := module("sigs.k8s.io/gateway-api")
	if err != nil {
		return nil, err
	}
	c := &cluster{kubeconfig: filepath.Join(dir, "kubeconfig")}
	c.server.CRDs = []string{filepath.Join("config", "crd"), filepath.Join(gateway, "config", "crd", "standard"),
		filepath.Join(traefik, "docs", "content", "reference", "dynamic-configuration", "kubernetes-crd-definition-v1.yml")}
	cfg, err := c.server.Start()
	if err != nil {
		return nil, fmt.Errorf("the API server: %w", err)
	}
	if c.client, err = client.New(cfg, client.Options{}); err == nil {
		err = c.server.Kubeconfig(c.kubeconfig, "admin", "system:masters")
	}
	if err == nil {
		err = c.applyTemplate("people", servicesTemplate, v)
	}
	if err == nil {
		err = c.apply("people", policies)
	}
	if err != nil {
		return nil, errors.Join(err, c.server.Stop())
	}
	return c, nil
}

// apply applies every object of a YAML text, as a field manager: "people" or
// "ostiary".
func (c *cluster) apply(manager, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return eachObject(text, func(u *unstructured.Unstructured) error {
		if err := c.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(manager),
			client.ForceOwnership); err != nil {
			return fmt.Errorf("%s %s: %w", u.GetKind(), u.GetName(), err)
		}
		return nil
	})
}

// eachObject does something with every object of a YAML text.
func eachObject(text string, do func(*unstructured.Unstructured) error) error {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := decoder.Decode(&u.Object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%w in\n%s", err, text)
		}
		if len(u.Object) == 0 {
			continue
		}
		if err := do(u); err != nil {
			return err
		}
	}
}

func (c *cluster) applyTemplate(manager, text string, data any) error {
	var b bytes.Buffer
	if err := template.Must(template.New("manifests").Parse(text)).Execute(&b, data); err != nil {
		return err
	}
	return c.apply(manager, b.String())
}

type service struct{ Name, Namespace, Port, ServicePort string }

type manifestRoute struct {
	Name, Host, Path, Policy string
	Preflights               bool // ours to answer
}

type manifestView struct {
	TeamHost, PublicPort string
	Services             []service
	Routes               []manifestRoute
}

// manifests are what people have in their cluster.
func (w *world) manifests() manifestView {
	port := func(addr string) string { return addr[strings.LastIndex(addr, ":")+1:] }
	v := manifestView{TeamHost: teamHost, PublicPort: port(w.ostiary.Public)}
	for _, r := range apps {
		v.Services = append(v.Services, service{r.name, "shop", port(w.appAddr[r.name]), "80"})
		v.Routes = append(v.Routes, manifestRoute{r.name, r.host, r.path, r.policy, !r.ownPreflights()})
	}
	l := w.ostiary
	for name, addr := range map[string]string{"authz": l.Authz, "public": l.Public, "render": l.Render, "preflight": l.Preflight} {
		v.Services = append(v.Services, service{"ostiary-" + name, "ostiary", port(addr), port(addr)})
	}
	return v
}

// ingresses are the Ingresses of the suite, as people write them.
func (w *world) ingresses() string {
	var b bytes.Buffer
	if err := template.Must(template.New("ingresses").Parse(ingressesTemplate)).Execute(&b, w.manifests()); err != nil {
		panic(err) // into memory, of our own template
	}
	return b.String()
}
