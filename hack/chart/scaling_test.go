// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The Go runtime is told 90 % of the limit in every notation of a quantity, and
// nothing where there is no limit.
func TestMemoryLimit(t *testing.T) {
	for limit, want := range map[string]string{
		"512Mi": "483183821", "1Gi": "966367642", "0.5Gi": "483183821", "500M": "450000000",
		"1e9": "900000000", "536870912": "483183821", "": "",
	} {
		args := []string{"--set-string", "resources.limits.memory=" + limit}
		if limit == "" {
			args = []string{"--set", "resources.limits=null"}
		}
		got := ""
		for _, v := range container(t, render(t, "testdata/values/defaults.yaml", args...))["env"].([]any) {
			if e := v.(map[string]any); e["name"] == "GOMEMLIMIT" {
				got, _ = e["value"].(string)
			}
		}
		if got != want {
			t.Errorf("limit %q: GOMEMLIMIT is %q, wanted %q", limit, got, want)
		}
	}
}

// Who switches autoscaling on for a running release keeps the replicas that run.
func TestAutoscalingKeepsReplicas(t *testing.T) {
	c := cluster(t)
	admin := kubeconfig(t, "admin", "system:masters")
	run := helmAs(t, admin)
	replicas := func() int32 {
		t.Helper()
		var d appsv1.Deployment
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "ostiary"}, &d); err != nil {
			t.Fatal(err)
		}
		return *d.Spec.Replicas
	}
	run("install", "ostiary", chart, "--set", "replicaCount=5,admission.keep=false")
	defer run("uninstall", "ostiary")
	run("upgrade", "ostiary", chart, "--set", "autoscaling.enabled=true,admission.keep=false")
	if n := replicas(); n != 5 {
		t.Errorf("autoscaling leaves %d of 5 replicas", n)
	}
	run("upgrade", "ostiary", chart, "--set", "autoscaling.enabled=true,autoscaling.minReplicas=6,admission.keep=false")
	if n := replicas(); n != 6 {
		t.Errorf("%d replicas, and the least is 6", n)
	}
}
