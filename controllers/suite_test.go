// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/apiserver"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// server is the API server that the tests of this package share.
var server apiserver.Server

func TestMain(m *testing.M) { server.Main(m) }

// emptied connects to the API server, which then holds no policy.
func emptied(t *testing.T) client.Client {
	t.Helper()
	return fixture.Connect(t, &server)
}

// Namespace makes one that no other test uses.
func namespace(t *testing.T, c client.Client) string {
	t.Helper()
	return server.Namespace(t, c)
}

// A replica is one Run, as a process would have it.
type replica struct {
	t        *testing.T
	Live     policy.Live
	Keys     credential.Live
	ring     atomic.Pointer[credential.Ring]
	rings    atomic.Int32 // published so far
	Registry *prometheus.Registry
	log      *fixture.LogBuffer
	stop     context.CancelFunc
	ended    chan error
}

const issuer = "https://auth.example.com"

// run starts a replica, which ends with the test if it does not before.
func run(t *testing.T, namespace string, change ...func(*Options)) *replica {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &replica{t: t, Registry: prometheus.NewRegistry(), log: &fixture.LogBuffer{}, stop: cancel, ended: make(chan error, 1)}
	cfg := server.Config(t)
	cfg.QPS, cfg.Burst = 500, 1000
	o := Options{
		Config: cfg, Live: &r.Live, Namespace: namespace, Metrics: r.Registry,
		RotateKeys: func(old []byte, now time.Time) ([]byte, bool, error) {
			return credential.RotateBytes(old, now, credential.Schedule{})
		},
		PublishKeys: func(data []byte) error {
			ring, err := credential.ParseRing(data)
			if err == nil {
				r.ring.Store(ring)
				r.Keys.Publish(credential.NewVerifier(ring, issuer, 10))
				r.rings.Add(1)
			}
			return err
		},
		Log: logr.FromSlogHandler(slog.NewTextHandler(r.log, nil)),
	}
	for _, f := range change {
		f(&o)
	}
	go func() {
		r.ended <- Run(ctx, o)
		close(r.ended)
	}()
	t.Cleanup(func() {
		r.end()
		if t.Failed() {
			t.Logf("a replica said:\n%s", r.log)
		}
	})
	return r
}

// end stops the replica, as SIGTERM would, and waits for it.
func (r *replica) end() {
	r.t.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Errorf("the replica ended with: %v", err)
		}
	case <-time.After(time.Minute):
		r.t.Error("the replica does not end")
	}
}

// running fails the test if the replica has ended.
func (r *replica) running() {
	r.t.Helper()
	select {
	case err := <-r.ended:
		r.t.Fatalf("the replica ended by itself: %v", err)
	default:
	}
}

// ask decides about a request of nobody.
func (r *replica) ask(method, rawURL string) policy.Decision {
	r.t.Helper()
	target, err := policy.ParseTarget(rawURL)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.Live.Table().Decide(policy.Request{Target: target, Method: method, Now: time.Now(), Address: netip.MustParseAddr("192.0.2.1")})
}

// decides waits until a GET is decided for that reason.
func (r *replica) decides(rawURL string, want policy.Reason) {
	r.t.Helper()
	fixture.Eventually(r.t, fmt.Sprintf("GET %s is %s", rawURL, want), func() error {
		if got := r.ask("GET", rawURL); got.Reason != want {
			return fmt.Errorf("%s by %q", got.Reason, got.Source)
		}
		return nil
	})
}

// decidedBy waits until a GET is decided by that policy.
func (r *replica) decidedBy(rawURL, source string) {
	r.t.Helper()
	fixture.Eventually(r.t, fmt.Sprintf("GET %s is decided by %s", rawURL, source), func() error {
		got := r.ask("GET", rawURL)
		if got.Source.Namespace+"/"+got.Source.Name != source {
			return fmt.Errorf("%s by %q", got.Reason, got.Source)
		}
		return nil
	})
}

func (r *replica) says(words ...string) {
	r.t.Helper()
	for _, w := range words {
		fixture.Eventually(r.t, fmt.Sprintf("the log says %q", w), func() error {
			if !strings.Contains(r.log.String(), w) {
				return errors.New("it does not")
			}
			return nil
		})
	}
}

// gauge reads a metric of the replica.
func (r *replica) gauge(name string) float64 {
	r.t.Helper()
	return fixture.Sum(r.t, r.Registry, name, nil)
}

// writes counts what a replica writes, and lets a test stand in its way.
type writes struct {
	statuses atomic.Int32
	creates  atomic.Int32
	updates  atomic.Int32
	refuse   atomic.Pointer[func(context.Context) error] // asked before each write of a status
}

func (w *writes) refuseWith(f func(context.Context) error) {
	if f == nil {
		w.refuse.Store(nil)
		return
	}
	w.refuse.Store(&f)
}

func (w *writes) all() int32 { return w.statuses.Load() + w.creates.Load() + w.updates.Load() }

func (w *writes) count(o *Options) {
	o.newClient = func(cfg *rest.Config, co client.Options) (client.Client, error) {
		c, err := client.NewWithWatch(cfg, co)
		if err != nil {
			return nil, err
		}
		return interceptor.NewClient(c, interceptor.Funcs{
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
				if f := w.refuse.Load(); f != nil {
					if err := (*f)(ctx); err != nil {
						return err
					}
				}
				w.statuses.Add(1)
				return c.SubResource(sub).Patch(ctx, o, p, opts...)
			},
			Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				w.creates.Add(1)
				return c.Create(ctx, o, opts...)
			},
			Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
				w.updates.Add(1)
				return c.Update(ctx, o, opts...)
			},
		}), nil
	}
}

// elected makes replicas of one namespace compete, and quickly.
func elected(o *Options) {
	o.LeaderElect = true
	o.pace.lease = 3 * time.Second
}

func keySecret(ns string) types.NamespacedName {
	return types.NamespacedName{Namespace: ns, Name: DefaultKeySecret}
}
