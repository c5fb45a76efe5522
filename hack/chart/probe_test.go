// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestHelmTest runs what the Pod of `helm test` runs, with its arguments, against the
// release's program, whose Services it names by their listeners' addresses here.
func TestHelmTest(t *testing.T) {
	c := cluster(t)
	admin := kubeconfig(t, "admin", "system:masters")
	values := "testdata/values/login.yaml"
	if out, err := helm(t, "install", "ostiary", chart, "-n", namespace, "--kubeconfig", admin, "-f", values, "--set",
		"admission.keep=false"); err != nil {
		t.Fatalf("helm: %v\n%s", err, out)
	}
	defer func() { _, _ = helm(t, "uninstall", "ostiary", "-n", namespace, "--kubeconfig", admin) }()
	fixture.Eventually(t, "the CRD is served", func() error { return c.List(t.Context(), policies()) })
	objects := render(t, values)
	containers, _, err := unstructured.NestedSlice(find(t, objects, "Pod").Object, "spec", "containers")
	if err != nil || len(containers) != 1 {
		t.Fatalf("%d containers: %v", len(containers), err)
	}
	probe, _, err := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
	if err != nil {
		t.Fatal(err)
	}
	var listen []string
	for name, port := range map[string]string{"authz": "9001", "public": "9002", "preflight": "9004"} {
		at, service := lab.FreeAddress(), "http://ostiary-"+name+"."+namespace+".svc:"+port
		listen = append(listen, "--"+name+"-bind-address="+at)
		found := false
		for i, arg := range probe {
			if arg == "--"+name+"-url="+service {
				probe[i], found = "--"+name+"-url=http://"+at, true
			}
		}
		if !found {
			t.Errorf("the Pod of helm test does not ask %s: %q", service, probe)
		}
	}
	stop := serveAs(t, "system:serviceaccount:"+namespace+":ostiary", arguments(t, objects), listen...)
	defer stop() // before its rights are gone
	out, err := command(t, build(t), probe...)
	if err != nil || strings.Count(out, "ok  ") != 4 {
		t.Errorf("ostiary %s: %v\n%s", strings.Join(probe, " "), err, out)
	}
	stop()
	out, err = command(t, build(t), append(probe, "--patience=1s")...)
	if err == nil || strings.Count(out, "FAILED") != 4 {
		t.Errorf("of nobody: %v\n%s", err, out)
	}
}
