// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func kustomize(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	out, err := command(t, tool(t, "KUBECTL", "kubectl"), "kustomize", filepath.Join(root, "config", folder))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, out)
}

func TestKustomizeAccepted(t *testing.T) {
	c := cluster(t)
	objects := kustomize(t, "default")
	apply(t, c, objects, metav1.DryRunAll)
	apply(t, c, []*unstructured.Unstructured{pod(t, objects)}, metav1.DryRunAll)
}

// TestSameInstallation: config/default and the chart's defaults differ in the
// marks of their tools only.
func TestSameInstallation(t *testing.T) {
	byChart := plain(t, render(t, "testdata/values/defaults.yaml"))
	byKustomize := plain(t, kustomize(t, "default"))
	delete(byKustomize, "Namespace "+namespace)
	if a, b := slices.Sorted(maps.Keys(byChart)), slices.Sorted(maps.Keys(byKustomize)); !slices.Equal(a, b) {
		t.Fatalf("the chart has\n%s\nand config/default\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
	for name, object := range byChart {
		if at := difference(object, byKustomize[name]); at != "" {
			t.Errorf("%s differs%s", name, at)
		}
	}
}

// difference returns the first place where the chart and kustomize differ.
func difference(chart, kustomize any) string {
	if a, ok := chart.(map[string]any); ok {
		if b, ok := kustomize.(map[string]any); ok {
			for _, k := range slices.Sorted(maps.Keys(a)) {
				if at := difference(a[k], b[k]); at != "" {
					return "." + k + at
				}
			}
			for _, k := range slices.Sorted(maps.Keys(b)) {
				if _, ok := a[k]; !ok {
					return fmt.Sprintf(".%s: not in the chart", k)
				}
			}
			return ""
		}
	}
	if a, ok := chart.([]any); ok {
		if b, ok := kustomize.([]any); ok && len(a) == len(b) {
			for i := range a {
				if at := difference(a[i], b[i]); at != "" {
					return fmt.Sprintf("[%d]%s", i, at)
				}
			}
			return ""
		}
	}
	if reflect.DeepEqual(chart, kustomize) {
		return ""
	}
	return fmt.Sprintf(": the chart has %v, config/default %v", chart, kustomize)
}

// plain takes away what marks an object as helm's.
func plain(t *testing.T, objects []*unstructured.Unstructured) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, u := range objects {
		labels, annotations := u.GetLabels(), u.GetAnnotations()
		if annotations["helm.sh/hook"] != "" { // of no installation, but made by `helm test`
			continue
		}
		for _, l := range []string{"helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version"} {
			delete(labels, l)
		}
		delete(annotations, "helm.sh/resource-policy")
		u.SetLabels(labels)
		if len(annotations) == 0 {
			annotations = nil
		}
		u.SetAnnotations(annotations)
		all[u.GetKind()+" "+u.GetName()] = u.Object
	}
	return all
}

// TestCRDs: the chart's copies say exactly what config/crd says, and can be
// left out.
func TestCRDs(t *testing.T) {
	files, err := filepath.Glob(root + "/config/crd/*_*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs: %v", err)
	}
	rendered := map[string]any{}
	for _, u := range render(t, "testdata/values/bare.yaml") {
		if u.GetKind() == "CustomResourceDefinition" {
			if u.GetAnnotations()["helm.sh/resource-policy"] != "" {
				t.Errorf("%s is kept in spite of crds.keep: false", u.GetName())
			}
			rendered[u.GetName()] = u.Object["spec"]
		}
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		crd := parse(t, string(data))[0]
		if !reflect.DeepEqual(rendered[crd.GetName()], crd.Object["spec"]) {
			t.Errorf("the chart's %s is not that of config/crd: hack/chart/sync-crds.sh copies it", crd.GetName())
		}
		delete(rendered, crd.GetName())
	}
	if len(rendered) > 0 {
		t.Errorf("the chart has CRDs that config/crd has not: %v", slices.Collect(maps.Keys(rendered)))
	}
	kept := find(t, render(t, "testdata/values/defaults.yaml"), "CustomResourceDefinition")
	if kept.GetAnnotations()["helm.sh/resource-policy"] != "keep" {
		t.Error("an uninstall would remove every policy")
	}
	for _, u := range render(t, "testdata/values/without-cluster-wide.yaml") {
		if u.GetKind() == "CustomResourceDefinition" {
			t.Error("crds.enabled: false renders a CRD")
		}
	}
}
