// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
)

// WitnessesName is the ConfigMap in which replicas tell each other whose questions have
// arrived: a proxy may have asked another replica than the one that writes conditions, and
// one that asked before a restart still can.
const WitnessesName = "ostiary-witnesses"

const (
	witnessEvery = 10 * time.Second
	// witnessesMax is about what a ConfigMap holds.
	witnessesMax = 8000
)

// A witnessing keeps what this replica and the others have seen. It delays no question.
type witnessing struct {
	mine      *policy.Witnesses
	namespace string
	every     time.Duration
	changed   func()

	client   client.Client
	live     client.Reader
	mu       sync.Mutex
	known    map[string]bool // keys, of all replicas; nil: they were not read yet
	reported bool            // that they cannot be shared
}

func (w *witnessing) setup(mgr ctrl.Manager) error {
	w.client, w.live = mgr.GetClient(), mgr.GetAPIReader()
	return mgr.Add(w)
}

// NeedLeaderElection: every replica has witnesses.
func (w *witnessing) NeedLeaderElection() bool { return false }

// Start shares witnesses until ctx is done.
func (w *witnessing) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := w.share(ctx); err != nil && ctx.Err() == nil && !w.reported {
			w.reported = true
			logr.FromContextOrDiscard(ctx).Error(err, "the routes whose auth requests arrive cannot be shared with other replicas; Covered goes by this one", "configMap", WitnessesName)
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.every):
		}
	}
	return nil
}

// share reads what others saw, and adds what is new here.
func (w *witnessing) share(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	var m corev1.ConfigMap
	err := w.live.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: WitnessesName}, &m)
	all, fresh := map[string]bool{}, map[string]any{}
	if client.IgnoreNotFound(err) != nil {
		maps.Copy(all, w.known) // what is known stays so; nobody else writes it
	}
	for key := range m.Data {
		all[key] = true
	}
	for _, key := range w.ours() {
		if !all[key] && len(all) < witnessesMax && len(validation.IsConfigMapKey(key)) == 0 { // who asks wrote it
			all[key], fresh[key] = true, time.Now().UTC().Format(time.RFC3339)
		}
	}
	w.learn(all)
	if len(fresh) == 0 || client.IgnoreNotFound(err) != nil {
		return client.IgnoreNotFound(err)
	}
	if err != nil {
		o := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: WitnessesName,
			Labels:      map[string]string{"app.kubernetes.io/name": "ostiary", "app.kubernetes.io/component": "witnesses"},
			Annotations: map[string]string{routes.ForAnnotation: "routes whose auth requests have arrived, and when the first did; for the condition Covered"}}}
		if err := w.client.Create(ctx, o); client.IgnoreAlreadyExists(err) != nil {
			return err
		}
	}
	patch, err := json.Marshal(map[string]any{"data": fresh})
	if err != nil {
		return err
	}
	m.Namespace, m.Name = w.namespace, WitnessesName
	return w.client.Patch(ctx, &m, client.RawPatch(types.MergePatchType, patch))
}

func (w *witnessing) learn(all map[string]bool) {
	w.mu.Lock()
	news := !maps.Equal(all, w.known)
	w.known = all
	w.mu.Unlock()
	if news {
		w.changed()
	}
}

// ours are the keys of what this replica saw.
func (w *witnessing) ours() []string {
	pins, policies := w.mine.Seen()
	var out []string
	for _, pin := range pins {
		kind, name, _ := strings.Cut(pin, "/")
		out = append(out, witnessKey(kind, name))
	}
	for _, name := range policies {
		out = append(out, witnessKey("AccessPolicy", name))
	}
	return out
}

// witnessKey is a key of a ConfigMap. A namespace has no dot in it.
func witnessKey(kind, name string) string {
	namespace, rest, _ := strings.Cut(name, "/")
	key := fmt.Sprintf("%s.%s.%s", kind, namespace, rest)
	if len(key) > 253 {
		key = key[:200] + "." + digestOf(name)
	}
	return key
}

// arrived reports whether a question about a route has arrived, or one without a pin that
// the policy decided.
func (w *witnessing) arrived(route routes.Ref, policy types.NamespacedName) bool {
	if w == nil {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return route.Name != "" && w.known[witnessKey(route.Kind, route.NamespacedName.String())] || w.known[witnessKey("AccessPolicy", policy.String())]
}
