// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// previous is the chart as it was released before this one. Whoever changes the
// chart's version puts the one that it replaces here.
const previous = "testdata/ostiary-0.1.0.tgz"

// An upgrade from the previous chart keeps the policies and what cannot be changed in
// place, brings the new CRDs, and leaves nothing of the old behind.
func TestUpgrade(t *testing.T) {
	c := cluster(t)
	admin := kubeconfig(t, "admin", "system:masters")
	run := helmAs(t, admin)
	policy := func(name, spec string) *unstructured.Unstructured {
		return parse(t, fmt.Sprintf("apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: %s, namespace: "+
			"default}\nspec: %s\n", name, spec))[0]
	}
	without := policy("without-hosts", "{}")
	run("install", "ostiary", previous, "--set", "teamDomain=auth.example.com")
	defer run("uninstall", "ostiary")
	kept := policy("kept", "{hosts: [kept.example.com]}")
	fixture.Eventually(t, "the CRD is served", func() error { return client.IgnoreAlreadyExists(c.Create(t.Context(), kept.DeepCopy())) })
	defer func() { _ = c.Delete(t.Context(), kept) }()
	var before, after appsv1.Deployment
	key := client.ObjectKey{Namespace: namespace, Name: "ostiary"}
	if err := c.Get(t.Context(), key, &before); err != nil {
		t.Fatal(err)
	}
	if c.Create(t.Context(), without.DeepCopy()) == nil {
		t.Error("the previous CRD takes a policy without hosts, so that this test shows nothing")
	}
	// helm takes the old defaults then, without what is new: that must not end in a
	// template's nil pointer.
	if _, err := helm(t, "upgrade", "ostiary", chart, "--reuse-values", "-n", namespace, "--kubeconfig", admin); err == nil ||
		!strings.Contains(err.Error(), "missing properties 'ingressOptIn'") {
		t.Errorf("--reuse-values: %v", err)
	}
	run("upgrade", "ostiary", chart, "--reset-then-reuse-values", "--set", "admission.keep=false")
	fixture.Eventually(t, "the new CRD is served", func() error {
		return client.IgnoreAlreadyExists(c.Create(t.Context(),
			without.DeepCopy()))
	})
	defer func() { _ = c.Delete(t.Context(), without) }()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(kept), kept); err != nil {
		t.Errorf("the policy is lost: %v", err)
	}
	if err := c.Get(t.Context(), key, &after); err != nil || before.UID != after.UID ||
		!reflect.DeepEqual(before.Spec.Selector, after.Spec.Selector) {
		t.Errorf("the Deployment was made anew: %v", err)
	}
	if args := strings.Join(after.Spec.Template.Spec.Containers[0].Args, " "); !strings.Contains(args,
		"--team-url=https://auth.example.com") || !strings.Contains(args, "--service-prefix=ostiary") {
		t.Errorf("arguments %s", args)
	}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "ostiary-grpc"}, &corev1.Service{}); err != nil {
		t.Error(err)
	}
	var old networkingv1.NetworkPolicy // one for all listeners, in the previous chart
	if err := c.Get(t.Context(), key, &old); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the old NetworkPolicy is still there: %v", err)
	}
}
