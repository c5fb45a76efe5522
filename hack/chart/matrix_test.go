// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// toggles are the paths of every boolean of values.yaml, with what it is not by default.
func toggles(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(chart + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	var walk func(string, map[string]any)
	walk = func(at string, keys map[string]any) {
		for k, v := range keys {
			switch v := v.(type) {
			case bool:
				out[at+k] = !v
			case map[string]any:
				walk(at+k+".", v)
			}
		}
	}
	walk("", parse(t, string(text))[0].Object)
	if len(out) < 15 {
		t.Fatalf("only %d toggles: %v", len(out), out)
	}
	return out
}

// What some toggles cannot be without.
var needs = map[string][]string{
	"tracing.trustIncomingSpan": {"tracing.endpoint=http://collector:4317"},
	"teamIngress.enabled":       {"teamDomain=auth.example.com"},
	"teamHTTPRoute.enabled":     {"teamDomain=auth.example.com", "teamHTTPRoute.parentRefs[0].name=gateway"},
}

// TestToggles: each on its own, and all at once, is taken by the API server.
func TestToggles(t *testing.T) {
	c := cluster(t)
	sets := map[string][]string{}
	var all []string
	for at, value := range toggles(t) {
		set := append([]string{fmt.Sprintf("%s=%t", at, value)}, needs[at]...)
		sets[at] = set
		if value && at != "teamHTTPRoute.enabled" { // one of the two leads the team host
			all = append(all, set...)
		}
	}
	sets["all on"] = all
	for name, set := range sets {
		t.Run(name, func(t *testing.T) {
			objects := render(t, "testdata/values/defaults.yaml", "--set", strings.Join(set, ","))
			apply(t, c, objects, metav1.DryRunAll)
			apply(t, c, []*unstructured.Unstructured{pod(t, objects)}, metav1.DryRunAll)
			if name == "all on" {
				return
			}
			without := render(t, "testdata/values/defaults.yaml",
				append([]string{"--set"}, strings.Join(append(needs[name], "logLevel=info"), ","))...)
			if fmt.Sprint(contents(objects)) == fmt.Sprint(contents(without)) {
				t.Errorf("%s changes nothing", set)
			}
		})
	}
}

func contents(objects []*unstructured.Unstructured) (all []map[string]any) {
	for _, u := range objects {
		all = append(all, u.Object)
	}
	return all
}

// TestPathological: values at the edge of what is taken, under the longest names.
func TestPathological(t *testing.T) {
	c := cluster(t)
	for name, args := range map[string][]string{
		"the longest release":  {strings.Repeat("r", 53)},
		"cut at a hyphen":      {strings.Repeat("r", 41) + "-" + strings.Repeat("s", 11)},
		"the longest fullname": {"r", "--set", "fullnameOverride=" + strings.Repeat("f", 50)},
		"a digit at first":     {"7up", "--set", "fullnameOverride=seven-up"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := helm(t, slices.Concat([]string{"template", args[0], chart, "-n", namespace, "-f", "testdata/pathological.yaml"},
				args[1:])...)
			if err != nil {
				t.Fatal(err)
			}
			objects := parse(t, out)
			apply(t, c, objects, metav1.DryRunAll)
			apply(t, c, []*unstructured.Unstructured{pod(t, objects)}, metav1.DryRunAll)
		})
	}
	if _, err := helm(t, "template", "7up", chart); err == nil || !strings.Contains(err.Error(), "set fullnameOverride") {
		t.Errorf("a release whose Services the API server would refuse: %v", err)
	}
	out, err := helm(t, "lint", "--strict", chart, "-f", "testdata/pathological.yaml")
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	args := append(arguments(t, render(t, "testdata/pathological.yaml")), "--kubeconfig", filepath.Join(t.TempDir(), "none"))
	if _, err := command(t, build(t), append(args, onLoopback("127.0.0.1:0")...)...); err == nil ||
		!strings.Contains(err.Error(), "no cluster to talk to") {
		t.Errorf("ostiary %s: %v", strings.Join(args, " "), err)
	}
}
