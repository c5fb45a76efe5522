// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// guards are what has the API server guard opted-in Ingresses.
func guards(objects []*unstructured.Unstructured) (out []*unstructured.Unstructured) {
	for _, u := range objects {
		if strings.Contains(u.GetKind(), "AdmissionPolicy") || u.GetKind() == "ConfigMap" && strings.HasSuffix(u.GetName(), "-guard") {
			out = append(out, u)
		}
	}
	return out
}

func guardKinds(objects []*unstructured.Unstructured) string {
	var all []string
	for _, u := range guards(objects) {
		all = append(all, strings.TrimSuffix(u.GetKind(), "AdmissionPolicy"))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

// TestGuardIsInstalled: by default, as far as the API server can, and not where it was
// switched off; the controller is told, and so is who installs. THREATS G12.
func TestGuardIsInstalled(t *testing.T) {
	const whole = "ConfigMap Mutating MutatingAdmissionPolicyBinding Validating ValidatingAdmissionPolicyBinding"
	const old = "ConfigMap Validating ValidatingAdmissionPolicyBinding"
	for _, c := range []struct {
		args        []string
		kinds, flag string
		note        string
	}{
		{nil, whole, "true", "stay after an uninstall"},
		{[]string{"--kube-version", "1.36.0"}, whole, "true", ""},
		{[]string{"--kube-version", "1.35.2"}, old, "true", "has the auth annotations already"},
		{[]string{"--kube-version", "1.35.2", "--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"}, whole, "true", ""},
		{[]string{"--set", "admission.guard=false"}, "", "false", "admission.guard is off"},
		{[]string{"--set", "ingressOptIn.enabled=false"}, "", "false", "ingressOptIn is off"},
	} {
		objects := render(t, "testdata/values/defaults.yaml", c.args...)
		if got := guardKinds(objects); got != c.kinds {
			t.Errorf("%v: %s, want %s", c.args, got, c.kinds)
		}
		if args := fmt.Sprint(container(t, objects)["args"]); !strings.Contains(args, "--admission-guard="+c.flag) {
			t.Errorf("%v: %s", c.args, args)
		}
		notes, err := helm(t, append([]string{"install", "ostiary", chart, "-n", namespace, "--dry-run=client", "-f",
			"testdata/values/defaults.yaml"}, c.args...)...)
		if slices.Contains(c.args, "--kube-version") {
			continue // an install knows its API server
		}
		if err != nil || !strings.Contains(notes, c.note) {
			t.Errorf("%v: the notes lack %q: %v", c.args, c.note, err)
		}
	}
	for keep, want := range map[string]string{"true": "keep", "false": ""} {
		for _, u := range guards(render(t, "testdata/values/defaults.yaml", "--set", "admission.keep="+keep)) {
			if got := u.GetAnnotations()["helm.sh/resource-policy"]; got != want {
				t.Errorf("keep %s: %s %s has %q", keep, u.GetKind(), u.GetName(), got)
			}
		}
	}
	args := fmt.Sprint(container(t, render(t, "testdata/values/no-guard.yaml"))["args"])
	for _, want := range []string{"--object-labels=team=platform", "--object-annotations=example.com/owner=platform=1"} {
		if !strings.Contains(args, want) {
			t.Errorf("%s: no %s", args, want)
		}
	}
}

// TestGuardOfARelease: a release by another name has policies that belong together, and
// that guard.
func TestGuardOfARelease(t *testing.T) {
	c := cluster(t)
	for _, u := range guards(render(t, "testdata/values/defaults.yaml")) { // an uninstall of another test left them
		if err := c.Delete(t.Context(), u); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
	}
	objects := guards(render(t, "testdata/values/defaults.yaml", "--set", "fullnameOverride=another"))
	apply(t, c, objects)
	t.Cleanup(func() {
		for _, u := range objects {
			_ = c.Delete(context.WithoutCancel(t.Context()), u)
		}
	})
	filled := find(t, objects, "ConfigMap").DeepCopy()
	filled.Object["data"] = map[string]any{"class_nginx": "ingress-nginx",
		"ask_ingress-nginx_nginx.ingress.kubernetes.io_auth-url": "http://a:1/authz/v1/nginx/{namespace}/{name}/$request_method/$host$request_uri"}
	ingress := func() *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": map[string]any{
			"ingressClassName": "nginx", "defaultBackend": map[string]any{"service": map[string]any{"name": "app",
				"port": map[string]any{"number": int64(80)}}}}}}
		u.SetNamespace("shop")
		u.SetName("app")
		u.SetAnnotations(map[string]string{"access.ostiary.dev/policy": "app"})
		return u
	}
	fixture.Eventually(t, "what names a policy is refused while nothing is known", func() error {
		if err := c.Create(t.Context(), ingress(), client.DryRunAll); !apierrors.IsForbidden(err) ||
			!strings.Contains(err.Error(), "http://another-authz."+namespace+".svc") {
			return errors.Join(errors.New("not yet"), err)
		}
		return nil
	})
	apply(t, c, []*unstructured.Unstructured{filled})
	fixture.Eventually(t, "what names a policy is guarded", func() error {
		u := ingress()
		if err := c.Create(t.Context(), u, client.DryRunAll); err != nil {
			return err
		}
		if got := u.GetAnnotations()["nginx.ingress.kubernetes.io/auth-url"]; got != "http://a:1/authz/v1/nginx/shop/app/$request_method/$host$request_uri" {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
}
