// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// A Guard keeps the ConfigMap from which the API server knows what to put on an
// Ingress in the write that opts in (config/admission): which proxy serves which
// class, and what that proxy is told. While there is nothing in it the API server
// refuses what opts in, and so any replica fills it; only the leader changes it.
type Guard struct {
	Settings routes.Settings
	Leads    func() bool
	Every    time.Duration // between two looks; default 5 s

	client client.Client
	live   client.Reader
	kick   chan struct{}
	mu     sync.Mutex
	want   map[string]string // nil: the classes are not known yet
}

// GuardName is the name of the ConfigMap.
func GuardName(s routes.Settings) string { return s.ServicePrefix + "-guard" }

// SetupWithManager has it run with the manager.
func (g *Guard) SetupWithManager(mgr ctrl.Manager) error {
	g.client, g.live, g.kick = mgr.GetClient(), mgr.GetAPIReader(), make(chan struct{}, 1)
	if g.Every == 0 {
		g.Every = 5 * time.Second
	}
	return mgr.Add(g)
}

// See tells it the classes there are.
func (g *Guard) See(classes []*networkingv1.IngressClass) {
	if g == nil {
		return
	}
	want := family.Published(classes, g.Settings)
	g.mu.Lock()
	changed := !maps.Equal(want, g.want)
	g.want = want
	g.mu.Unlock()
	if changed {
		select {
		case g.kick <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// Start looks whenever the classes change, and every now and then.
func (g *Guard) Start(ctx context.Context) error {
	tick := time.NewTicker(g.Every)
	defer tick.Stop()
	var told string
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.kick:
		case <-tick.C:
		}
		err := g.keep(ctx)
		if err == nil || ctx.Err() != nil {
			told = ""
			continue
		}
		if now := err.Error(); now != told {
			told = now
			logr.FromContextOrDiscard(ctx).Error(err, "the ConfigMap by which the API server protects opted-in Ingresses cannot be written; it refuses those whose class it does not know", "configmap", GuardName(g.Settings))
		}
	}
}

// keep writes the ConfigMap, if it is not what it should be.
func (g *Guard) keep(ctx context.Context) error {
	g.mu.Lock()
	want := g.want
	g.mu.Unlock()
	if want == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	var is corev1.ConfigMap
	err := g.live.Get(ctx, client.ObjectKey{Namespace: g.Settings.Namespace, Name: GuardName(g.Settings)}, &is)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("reading it: %w", err)
	}
	if maps.Equal(is.Data, want) || len(is.Data) > 0 && !g.Leads() {
		return nil
	}
	data := map[string]any{}
	for key, value := range want {
		data[key] = value
	}
	send := &unstructured.Unstructured{Object: map[string]any{"data": data}}
	send.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	send.SetNamespace(g.Settings.Namespace)
	send.SetName(GuardName(g.Settings))
	if err := g.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(send), client.FieldOwner(routes.FieldManager), client.ForceOwnership); err != nil {
		return fmt.Errorf("writing it: %w", err)
	}
	return nil
}
