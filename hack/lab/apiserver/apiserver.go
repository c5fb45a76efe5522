// SPDX-License-Identifier: Apache-2.0

// Package apiserver runs the real API server, with its etcd, that the tests of a
// package share.
//
//	var server apiserver.Server
//
//	func TestMain(m *testing.M) { server.Main(m) }
//
//	func TestX(t *testing.T) { c := server.Client(t, Scheme()) ... }
package apiserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/ostiary/ostiary/hack/lab"
)

// A Server starts on first use. The zero value knows our custom resources.
type Server struct {
	// CRDs are the files and folders of the custom resources it knows, absolute or
	// below the repository. The default is our own, config/crd.
	CRDs []string
	// Direct has lists read from etcd. Through its cache, an API server answers the first
	// list after a write when etcd next tells how far it is, up to 100 ms later.
	Direct bool

	once sync.Once
	env  envtest.Environment
	cfg  *rest.Config
	err  error
	last atomic.Int32 // namespace made
}

// Main is a TestMain: it runs the tests and stops the server. It does not return.
func (s *Server) Main(m *testing.M) {
	code := m.Run()
	if err := s.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the API server:", err)
	}
	os.Exit(code)
}

// Start starts it, unless it was started before, and returns the administrator's
// config, without a limit of queries. The caller may change it.
func (s *Server) Start() (*rest.Config, error) {
	s.once.Do(func() { s.err = s.start() })
	if s.err != nil {
		return nil, fmt.Errorf("starting the API server: %w", s.err)
	}
	cfg := rest.CopyConfig(s.cfg)
	cfg.QPS = -1
	return cfg, nil
}

func (s *Server) start() error {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return errors.New("KUBEBUILDER_ASSETS is not set: it names the folder with etcd, kube-apiserver and kubectl. `make test` builds " +
			"them and sets it")
	}
	root, err := lab.Root()
	if err != nil {
		return err
	}
	if s.CRDs == nil {
		s.CRDs = []string{filepath.Join("config", "crd")}
	}
	for _, path := range s.CRDs {
		if !filepath.IsAbs(path) {
			path = filepath.Join(root, path)
		}
		s.env.CRDDirectoryPaths = append(s.env.CRDDirectoryPaths, path)
	}
	s.env.ErrorIfCRDPathMissing = true
	if s.Direct {
		s.env.ControlPlane.GetAPIServer().Configure().Set("watch-cache", "false")
	}
	log.SetLogger(logr.Discard()) // a logger that is never set is complained about
	s.cfg, err = s.env.Start()
	return err
}

// Stop stops it, if it was started.
func (s *Server) Stop() error {
	if s.cfg == nil {
		return nil
	}
	return s.env.Stop()
}

// Config is what Start returns, for a test.
func (s *Server) Config(t testing.TB) *rest.Config {
	t.Helper()
	cfg, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Client is the administrator's. A nil scheme is client-go's own.
func (s *Server) Client(t testing.TB, scheme *runtime.Scheme) client.Client {
	t.Helper()
	c, err := client.New(s.Config(t), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// As is the config of a user of these groups.
func (s *Server) As(t testing.TB, user string, groups ...string) *rest.Config {
	t.Helper()
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	u, err := s.env.AddUser(envtest.User{Name: user, Groups: groups}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return u.Config()
}

// Kubeconfig writes one for a user of these groups.
func (s *Server) Kubeconfig(path, user string, groups ...string) error {
	if _, err := s.Start(); err != nil {
		return err
	}
	u, err := s.env.AddUser(envtest.User{Name: user, Groups: groups}, nil)
	if err != nil {
		return err
	}
	text, err := u.KubeConfig()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// Namespace makes one that no other test of this server uses.
func (s *Server) Namespace(t testing.TB, c client.Client) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	name = fmt.Sprintf("n%d-%s", s.last.Add(1), name)
	name = strings.Trim(name[:min(len(name), 50)], "-")
	if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		t.Fatal(err)
	}
	return name
}
