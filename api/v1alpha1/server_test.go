// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// server is a real API server with the generated CRD in it, started on first
// use and shared by the tests of this package.
var server struct {
	once sync.Once
	env  envtest.Environment
	cfg  *rest.Config
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.cfg != nil {
		if err := server.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the API server:", err)
		}
	}
	os.Exit(code)
}

func start(t *testing.T) *rest.Config {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: it names the folder with etcd and kube-apiserver. `make test` builds them and sets it.")
	}
	server.once.Do(func() {
		server.env.CRDDirectoryPaths = []string{filepath.Join("..", "..", "config", "crd")}
		server.env.ErrorIfCRDPathMissing = true
		server.cfg, server.err = server.env.Start()
	})
	if server.err != nil {
		t.Fatalf("starting the API server: %v", server.err)
	}
	return server.cfg
}

func connect(t *testing.T) client.Client {
	t.Helper()
	cfg := rest.CopyConfig(start(t))
	cfg.QPS = -1
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// store creates an object and removes it when the test ends.
func store(t *testing.T, c client.Client, o client.Object) {
	t.Helper()
	if err := c.Create(t.Context(), o, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
		t.Fatalf("refused: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), o); err != nil {
			t.Error(err)
		}
	})
}

// apply posts YAML as it stands, with strict field validation: what kubectl
// does, and what a decoder on this side would hide.
func apply(t *testing.T, cfg *rest.Config, name, spec string) error {
	t.Helper()
	body := fmt.Sprintf("apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: %s}\nspec: %s\n", name, spec)
	status, answer := request(t, cfg, http.MethodPost, "namespaces/default/accesspolicies", "?fieldValidation=Strict", "application/json", body)
	if status == http.StatusCreated {
		return nil
	}
	return errors.New(answer)
}

func request(t *testing.T, cfg *rest.Config, method, path, query, accept, body string) (int, string) {
	t.Helper()
	hc, err := rest.HTTPClientFor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSuffix(cfg.Host, "/") + "/apis/access.ostiary.dev/v1alpha1/" + path + query
	if !strings.HasPrefix(url, "http") {
		url = "https://" + url
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("Content-Type", "application/yaml")
	res, err := hc.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var s metav1.Status
	if json.Unmarshal(answer, &s) == nil && s.Message != "" {
		return res.StatusCode, s.Message
	}
	return res.StatusCode, string(answer)
}
