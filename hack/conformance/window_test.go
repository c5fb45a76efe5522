// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/hack/lab"
)

const windowPolicy = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: window, namespace: shop}
spec:
  hosts: [w0.window.site.com, w1.window.site.com, w2.window.site.com, w3.window.site.com, w4.window.site.com, w5.window.site.com]
  rules: [{name: staff, action: Allow, include: [{emailDomain: example.com}]}]
`

// notices is how long Traefik may take to: it gathers changes for two seconds.
const notices = 3 * time.Second

// A window is what strangers find at a host, all the time.
type window struct {
	*setup
	t        *testing.T
	replicas []*lab.Ostiary
	cases    []string // what was measured
}

// TestNoWindow: whatever happens to an Ingress that names a policy, and to Ostiary,
// no stranger reaches the application: a real Traefik, with its own time to notice.
// Without the policies of config/admission it is open until a replica has seen it.
func TestNoWindow(t *testing.T) {
	s := &setup{world: shared, addr: lab.FreeAddress()}
	shared.ostiary.Stop()
	w := &window{setup: s, t: t}
	t.Cleanup(func() {
		for _, p := range w.replicas {
			p.Stop()
		}
		s.close()
	})
	dir := filepath.Join(shared.dir, "window")
	w.must(w.prepare(dir))
	w.must(w.startBoth())
	w.must(s.traefik(dir, []string{"KUBECONFIG=" + s.cluster.kubeconfig}, "--providers.kubernetesIngress", "--providers.kubernetesCRD"))
	ctx := t.Context()

	w.closed("created", "w0", 401, func() { w.create("w0") })
	w.closed("replaced", "w0", 401, func() {
		o := w.manifest("w0")
		o.ResourceVersion = w.get("w0").ResourceVersion
		w.must(s.cluster.client.Update(ctx, o))
	})
	w.closed("deleted and created, three times", "w0", 401, func() {
		for range 3 {
			w.must(s.cluster.client.Delete(ctx, w.get("w0")))
			w.create("w0")
			time.Sleep(300 * time.Millisecond)
		}
	})
	w.closed("applied by force", "w0", 401, func() { w.apply("w0") })
	w.closed("its annotations removed", "w0", 401, func() {
		w.must(s.cluster.client.Patch(ctx, w.get("w0"), client.RawPatch(types.MergePatchType,
			[]byte(`{"metadata": {"annotations": {"traefik.ingress.kubernetes.io/router.middlewares": null}}}`))))
	})
	w.closed("created, both replicas away", "w2", 0, func() {
		w.stopBoth()
		w.create("w2")
	})
	w.closed("replaced while both are away", "w0", 0, func() {
		o := w.manifest("w0")
		o.ResourceVersion = w.get("w0").ResourceVersion
		w.must(s.cluster.client.Update(ctx, o))
	})
	w.closed("created when Ostiary comes back", "w3", 401, func() {
		w.must(w.startBoth())
		w.create("w3")
	})
	w.must(w.policies(func(u *unstructured.Unstructured) error { return s.cluster.client.Delete(ctx, u) }))
	time.Sleep(time.Second) // the API server goes on by what it knows for a while
	w.opened("without the policies: created", "w4", func() { w.create("w4") })
	w.opened("without the policies: created, the leader killed", "w5", func() {
		w.kill()
		w.create("w5")
	})
	w.must(w.policies(func(u *unstructured.Unstructured) error { return s.cluster.client.Create(ctx, u) }))
	w.must(w.guards())
	w.closed("created, the leader dead", "w1", 0, func() { w.create("w1") })
	figures(t, "open to strangers (a real Traefik 3.7.9 and API server; one stranger every 2 ms or so)", w.cases)
}

// figures logs what was measured, and appends it to the file OSTIARY_FIGURES: the log of
// a test that passes is not shown, and CI is to show them.
func figures(t *testing.T, title string, lines []string) {
	t.Helper()
	text := title + ":\n  " + strings.Join(lines, "\n  ") + "\n"
	t.Log(text)
	path := os.Getenv("OSTIARY_FIGURES")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Error(err)
	}
}

// opened measures what the choice against the policies costs: a replica sees to it, the
// leader or, where it is dead, another one, and the proxy takes its time.
func (w *window) opened(what, name string, do func()) {
	w.t.Helper()
	counts, first, last := w.strangers(name, 0, do)
	open := last.Sub(first).Round(time.Millisecond)
	w.cases = append(w.cases, fmt.Sprintf("%s: open for %s (by status: %v)", what, open, counts))
	if open > 5*time.Second {
		w.t.Errorf("%s: open for %s", what, open)
	}
}

func (w *window) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// prepare starts an API server with our policies of admission in it.
func (w *window) prepare(dir string) error {
	c, err := w.startCluster(dir, traefikView{manifestView: w.manifests(), Class: "traefik", Controller: "traefik.io/ingress-controller"})
	if err != nil {
		return err
	}
	w.cluster = c
	ring, err := os.ReadFile(filepath.Join(w.keys(), "keyring.json"))
	if err != nil {
		return err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ostiary", Name: controllers.DefaultKeySecret},
		Data: map[string][]byte{feed.KeyRingField: ring}}
	if err := c.client.Create(context.Background(), secret); err != nil {
		return err
	}
	if err := c.apply("people", windowPolicy); err != nil {
		return err
	}
	return w.policies(func(u *unstructured.Unstructured) error { return c.client.Create(context.Background(), u) })
}

// policies does something with each object of config/admission.
func (w *window) policies(do func(*unstructured.Unstructured) error) error {
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "admission", "policies.yaml"))
	if err != nil {
		return err
	}
	return eachObject(strings.ReplaceAll(string(text), "ostiary-system", "ostiary"), do)
}

// startBoth starts two replicas, and waits until the API server guards.
func (w *window) startBoth() error {
	w.replicas = nil
	for i := range 2 {
		r := lab.NewOstiary(w.ostiary.Binary, filepath.Join(w.dir, "window", fmt.Sprintf("replica%d.log", i)))
		if i == 0 { // only the first is asked
			o := w.ostiary
			r.Authz, r.Public, r.Render, r.Preflight, r.Probes = o.Authz, o.Public, o.Render, o.Preflight, o.Probes
		}
		if err := r.Serve([]string{"POD_NAMESPACE=ostiary"}, "--team-url", teamURL, "--leader-elect", "--admission-guard",
			"--kubeconfig", w.cluster.kubeconfig, "--authz-url", "http://"+w.ostiary.Authz); err != nil {
			return err
		}
		w.replicas = append(w.replicas, r)
	}
	return w.guards()
}

// guards waits until the API server does.
func (w *window) guards() error {
	return w.replicas[1].Wait("what the API server guards by", func() bool {
		o := w.manifest("is-it")
		return w.cluster.client.Create(context.Background(), o, client.DryRunAll) == nil && len(o.Annotations) > 1
	})
}

func (w *window) stopBoth() {
	var wg sync.WaitGroup
	for _, p := range w.replicas {
		wg.Go(p.Stop)
	}
	wg.Wait()
}

// kill ends the replica that leads, without a chance to say so.
func (w *window) kill() {
	w.t.Helper()
	var lease coordinationv1.Lease
	var pid string
	for range 400 { // one may just be competing for it
		if err := w.cluster.client.Get(context.Background(), client.ObjectKey{Namespace: "ostiary", Name: controllers.LeaseName},
			&lease); err == nil && lease.Spec.HolderIdentity != nil {
			pid = *lease.Spec.HolderIdentity
		}
		for _, p := range w.replicas {
			if strings.Contains(pid, fmt.Sprintf("-%d-", p.PID())) && p.Runs() {
				p.Kill()
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.t.Fatalf("nobody leads: %q", pid)
}

func (w *window) manifest(name string) *networkingv1.Ingress {
	class, prefix := "traefik", networkingv1.PathTypePrefix
	o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name,
		Annotations: map[string]string{"access.ostiary.dev/policy": "window"}}}
	o.Spec.IngressClassName = &class
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: apps[0].name,
		Port: networkingv1.ServiceBackendPort{Number: 80}}}
	o.Spec.Rules = []networkingv1.IngressRule{{Host: name + ".window.site.com",
		IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: backend}}}}}}
	return o
}

func (w *window) create(name string) {
	w.t.Helper()
	w.must(w.cluster.client.Create(w.t.Context(), w.manifest(name)))
}

func (w *window) get(name string) *networkingv1.Ingress {
	w.t.Helper()
	o := &networkingv1.Ingress{}
	w.must(w.cluster.client.Get(w.t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, o))
	return o
}

// apply applies the manifest, as another manager, which takes every field of it.
func (w *window) apply(name string) {
	w.t.Helper()
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"ingressClassName": "traefik"}}}
	u.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("Ingress"))
	u.SetNamespace("shop")
	u.SetName(name)
	u.SetAnnotations(map[string]string{"access.ostiary.dev/policy": "window", "example.com/rollout": "2"})
	w.must(w.cluster.client.Apply(w.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("rollout"),
		client.ForceOwnership))
}

// closed fails if a stranger gets in while something is done, and until the proxy has
// noticed: until it answers with that status, or for a few seconds where it is 0.
func (w *window) closed(what, name string, until int, do func()) {
	w.t.Helper()
	counts, _, _ := w.strangers(name, until, do)
	all := 0
	for _, n := range counts {
		all += n
	}
	w.cases = append(w.cases, fmt.Sprintf("%s: %d of %d got in (by status: %v)", what, counts[200], all, counts))
	if counts[200] > 0 || all < 100 {
		w.t.Errorf("%s: %v", what, counts)
	}
}

// strangers ask all the time, and tell what they were answered, and when they got in
// first and last.
func (w *window) strangers(name string, until int, do func()) (counts map[int]int, first, last time.Time) {
	w.t.Helper()
	counts = map[int]int{}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var mu sync.Mutex
	ctx, cancel := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.addr+"/", nil)
			if err != nil {
				return
			}
			r.Host = name + ".window.site.com"
			answer, err := transport.RoundTrip(r)
			if err != nil {
				continue
			}
			_ = answer.Body.Close() // the status is enough
			mu.Lock()
			counts[answer.StatusCode]++
			if answer.StatusCode == http.StatusOK {
				if last = time.Now(); first.IsZero() {
					first = last
				}
			}
			mu.Unlock()
			time.Sleep(2 * time.Millisecond)
		}
	})
	do()
	start := time.Now()
	for time.Since(start) < 20*time.Second {
		time.Sleep(50 * time.Millisecond)
		mu.Lock()
		there := (until == 0 || counts[until] > 0) && time.Since(last) > time.Second
		mu.Unlock()
		if there && time.Since(start) > notices {
			break
		}
	}
	cancel()
	wg.Wait()
	if until != 0 && counts[until] == 0 {
		w.t.Errorf("%s: never %d: %v\n%s", name, until, counts, w.replicas[0].Tail())
	}
	return counts, first, last
}
