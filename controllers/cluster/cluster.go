// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// Scheme knows the kinds that this package reads and writes.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err) // two kinds of one name: a defect of the program
		}
	}
	return s
}

// A Kubeconfig says which cluster a command talks to, as kubectl's flags do.
type Kubeconfig struct {
	// Path is the file; empty: $KUBECONFIG, or the one in the home folder, or the
	// cluster that this runs in.
	Path string
	// Context is one of it; empty: the current one.
	Context string
}

// Add defines the flags of a command, which needs it for what is said.
func (k *Kubeconfig) Add(f *pflag.FlagSet, what string) {
	f.StringVar(&k.Path, "kubeconfig", "", "the kubeconfig to use"+what+" (default: $KUBECONFIG, or in-cluster)")
	f.StringVar(&k.Context, "context", "", "the context of the kubeconfig to use (default: the current one)")
}

// Arguments are the flags again, for a command that is to talk to the same cluster.
func (k Kubeconfig) Arguments() []string {
	var words []string
	if k.Path != "" {
		words = append(words, "--kubeconfig", k.Path)
	}
	if k.Context != "" {
		words = append(words, "--context", k.Context)
	}
	return words
}

// RESTConfig finds the cluster.
func (k Kubeconfig) RESTConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = k.Path
	overrides := &clientcmd.ConfigOverrides{CurrentContext: k.Context}
	c, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster to talk to: %w", err)
	}
	// Statuses of thousands of policies are written at once after a start; the
	// server's own priority and fairness is the limit, not ours.
	c.QPS, c.Burst = 100, 200
	return c, nil
}

// Namespace returns the namespace that this process runs in, or "default".
func Namespace() string { return cmp.Or(OwnNamespace(), "default") }

// OwnNamespace is empty outside of a cluster.
func OwnNamespace() string {
	if ns := os.Getenv("POD_NAMESPACE"); ns != "" {
		return ns
	}
	if b, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace"); err == nil {
		return strings.TrimSpace(string(b))
	}
	return ""
}

// How long to wait after the API server refused a write: longer each time.
const (
	FirstRetry = 2 * time.Second
	LastRetry  = time.Minute
)

// WriteTimeout bounds one write: a server that does not answer must not keep
// newer reports waiting.
const WriteTimeout = 10 * time.Second

// Gauge registers a gauge, or returns the one that an earlier Run registered.
func Gauge(m prometheus.Registerer, name, help string) prometheus.Gauge {
	return Registered(m, prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help}))
}

// Registered registers a collector, or returns the one that an earlier Run registered.
func Registered[C prometheus.Collector](m prometheus.Registerer, c C) C {
	var taken prometheus.AlreadyRegisteredError
	if err := m.Register(c); errors.As(err, &taken) {
		return taken.ExistingCollector.(C) // it has the same name
	} else if err != nil {
		panic(err) // a name that is none: a defect of the program
	}
	return c
}

// RetryStart is how long to wait before starting anew.
const RetryStart = 5 * time.Second
