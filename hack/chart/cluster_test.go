// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/lab/apiserver"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// server is the API server that the tests of this package share.
var server = apiserver.Server{CRDs: []string{"hack/chart/testdata/servicemonitor.yaml", "hack/chart/testdata/others.yaml"}}

// binary is the program, built on first use.
var binary func() (string, error)

func TestMain(m *testing.M) {
	lab.Main(m, "chart", func(dir string) (func(), error) {
		binary = sync.OnceValues(func() (string, error) { return lab.Binary(context.Background(), dir) })
		return func() { _ = server.Stop() }, nil // it has served
	})
}

// cluster connects to the API server. The release's namespace is there, and
// takes only pods of the restricted standard.
func cluster(t *testing.T) client.Client {
	t.Helper()
	c := server.Client(t, nil)
	for name, standard := range map[string]string{namespace: "restricted", "shop": "baseline", "ingress-nginx": "privileged",
		"traefik": "privileged", "1": "privileged"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name,
			Labels: map[string]string{"pod-security.kubernetes.io/enforce": standard}}}
		if err := c.Create(t.Context(), ns); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	keepParams(t, c)
	return c
}

// apply applies objects as kubectl's --server-side --validate=strict does.
func apply(t *testing.T, c client.Client, objects []*unstructured.Unstructured, dryRun ...string) {
	t.Helper()
	force := true
	for _, u := range objects {
		data, err := u.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		err = c.Patch(t.Context(), u.DeepCopy(), client.RawPatch(types.ApplyPatchType, data), &client.PatchOptions{
			Force: &force, FieldManager: "chart-test", DryRun: dryRun,
			Raw: &metav1.PatchOptions{FieldValidation: metav1.FieldValidationStrict},
		})
		if err != nil {
			t.Errorf("%s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// pod is what the Deployment would make.
func pod(t *testing.T, objects []*unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	template, _, err := unstructured.NestedMap(find(t, objects, "Deployment").Object, "spec", "template")
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: template}
	u.SetAPIVersion("v1")
	u.SetKind("Pod")
	u.SetNamespace(namespace)
	u.SetName("ostiary-x")
	return u
}

// TestAccepted asks the API server about everything that every set of values
// renders to, and about the pod that would come of it.
func TestAccepted(t *testing.T) {
	c := cluster(t)
	for _, values := range valueSets(t) {
		t.Run(filepath.Base(values), func(t *testing.T) {
			objects := render(t, values)
			apply(t, c, objects, metav1.DryRunAll)
			apply(t, c, []*unstructured.Unstructured{pod(t, objects)}, metav1.DryRunAll)
		})
	}
}

// TestRestricted makes sure that TestAccepted would notice a pod with rights.
func TestRestricted(t *testing.T) {
	c := cluster(t)
	p := pod(t, render(t, "testdata/values/defaults.yaml"))
	unstructured.RemoveNestedField(p.Object, "spec", "securityContext", "seccompProfile")
	err := c.Create(t.Context(), p, client.DryRunAll)
	if err == nil || !strings.Contains(err.Error(), "seccompProfile") {
		t.Errorf("a pod without a seccomp profile: %v", err)
	}
}

// kubeconfig writes one for a user.
func kubeconfig(t *testing.T, name string, groups ...string) string {
	t.Helper()
	cluster(t)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := server.Kubeconfig(path, name, groups...); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestInstall goes through the life of a release: the binary runs with the
// release's arguments and nothing but its ServiceAccount's rights, and an
// uninstall leaves the policies and the keys.
func TestInstall(t *testing.T) {
	c := cluster(t)
	admin := kubeconfig(t, "admin", "system:masters")
	run := helmAs(t, admin)
	run("install", "ostiary", chart, "--set", "admission.keep=false")
	defer run("uninstall", "ostiary")
	fixture.Eventually(t, "the CRD is served", func() error {
		return c.List(t.Context(), policies())
	})
	// As a user would: every file of the folder is an object for the API server.
	if out, err := command(t, tool(t, "KUBECTL", "kubectl"), "apply", "--kubeconfig", admin, "-f", root+"/config/samples"); err != nil {
		t.Fatalf("kubectl apply: %v\n%s", err, out)
	}

	stop := serveAs(t, "system:serviceaccount:"+namespace+":ostiary", arguments(t, render(t, "testdata/values/defaults.yaml")))

	list := policies()
	fixture.Eventually(t, "statuses are written", func() error {
		if err := c.List(t.Context(), list); err != nil {
			return err
		}
		for _, p := range list.Items {
			conditions, _, _ := unstructured.NestedSlice(p.Object, "status", "conditions")
			if len(conditions) < 2 || len(list.Items) != 4 {
				return fmt.Errorf("%s of %d has %v", p.GetName(), len(list.Items), conditions)
			}
		}
		return nil
	})
	fixture.Eventually(t, "events are recorded", func() error {
		var events corev1.EventList
		if err := c.List(t.Context(), &events, client.InNamespace("shop")); err != nil {
			return err
		}
		if len(events.Items) == 0 {
			return fmt.Errorf("none")
		}
		return nil
	})
	stop()
	run("upgrade", "ostiary", chart, "--set", "teamDomain=auth.example.com,admission.keep=false")
	run("uninstall", "ostiary")
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "ostiary-keys"}, &corev1.Secret{}); err != nil {
		t.Errorf("the keys did not outlive the release: %v", err)
	}
	if err := c.List(t.Context(), list); err != nil || len(list.Items) != 4 {
		t.Errorf("%d policies outlived the release: %v", len(list.Items), err)
	}
	run("install", "ostiary", chart, "--set", "admission.keep=false")
}

func policies() *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("access.ostiary.dev/v1alpha1")
	list.SetKind("AccessPolicyList")
	return list
}

// serveAs runs the binary as a user, and returns once it is ready. stop ends it
// and looks whether it lacked a right.
func serveAs(t *testing.T, user string, args []string, last ...string) (stop func()) {
	t.Helper()
	probes := lab.FreeAddress()
	config := kubeconfig(t, user, "system:serviceaccounts", "system:serviceaccounts:"+namespace, "system:authenticated")
	p, err := lab.Start(filepath.Join(t.TempDir(), "log"), []string{"POD_NAMESPACE=" + namespace}, build(t),
		slices.Concat(args, []string{"--kubeconfig", config}, onLoopback(probes), last)...)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("the binary said:\n%s", p.Text())
		}
		for line := range strings.Lines(p.Text()) {
			if strings.Contains(line, "forbidden") || strings.Contains(line, "may not be read") {
				t.Errorf("the chart's roles do not suffice: %s", line)
			}
		}
	})
	t.Cleanup(stop)
	if err := p.Wait("the binary", func() bool { return lab.Status("http://"+probes+"/readyz") == http.StatusOK }); err != nil {
		t.Fatal(err)
	}
	return stop
}
