// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// configNamespaces are those in which the release may read ConfigMaps, and those that
// the process is told to read.
func configNamespaces(t *testing.T, objects []*unstructured.Unstructured) (granted []string, told string) {
	t.Helper()
	for _, u := range objects {
		if u.GetKind() == "RoleBinding" && strings.HasSuffix(u.GetName(), "-proxies") {
			granted = append(granted, u.GetNamespace())
		}
	}
	args, _, _ := unstructured.NestedStringSlice(container(t, objects), "args")
	i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "--proxy-config-namespaces=") })
	if i < 0 {
		t.Fatalf("arguments %v", args)
	}
	return granted, strings.TrimPrefix(args[i], "--proxy-config-namespaces=")
}

// Whose ConfigMaps may be read is where the proxies are, if nobody says otherwise; and
// what is granted is what is read.
func TestProxyConfigMaps(t *testing.T) {
	for _, c := range []struct {
		set  []string
		want string
	}{
		{nil, "ingress-nginx"},
		{[]string{"--set-json", `networkPolicy.proxyNamespaces=["edge","inner"]`}, "edge,inner"},
		{[]string{"--set-json", `proxyConfigMaps=["nginx"]`}, "nginx"},
		{[]string{"--set-json", `proxyConfigMaps=[]`}, ""},
		{[]string{"--set-json", `proxyConfigMaps=null`}, "ingress-nginx"},
		{[]string{"--set-json", `networkPolicy.proxyNamespaces=[]`, "--set-json", `networkPolicy.proxyCIDRs=["10.0.0.0/20"]`}, ""},
		{[]string{"--set", "ingressOptIn.enabled=false"}, "-"},
	} {
		granted, told := configNamespaces(t, render(t, "testdata/values/defaults.yaml", c.set...))
		if want := strings.TrimPrefix(c.want, "-"); strings.Join(granted, ",") != want || c.want != "-" && told != want {
			t.Errorf("%v: granted in %v, read in %q, want %q", c.set, granted, told, c.want)
		}
	}
}

// helm install asks the cluster: a Role in a namespace that is not there would fail it.
// An upgrade grants what could not be granted then.
func TestProxyConfigMapsOfACluster(t *testing.T) {
	c := cluster(t)
	admin := kubeconfig(t, "admin", "system:masters")
	run := helmAs(t, admin)
	ask := func(space string, want bool) {
		t.Helper()
		fixture.Eventually(t, "the rights in "+space, func() error {
			return ask(t, c, "reader", right{space, "list", "", "configmaps", ""},
				want)
		})
	}
	values := []string{"--set", "fullnameOverride=reader,crds.enabled=false,rbac.aggregateToDefaultRoles=false,admission.guard=false",
		"--set-json", `networkPolicy.proxyNamespaces=["ingress-nginx","made-later"]`}
	run(append([]string{"install", "reader", chart}, values...)...)
	defer run("uninstall", "reader")
	ask("ingress-nginx", true)
	ask("made-later", false)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "made-later"}}
	if err := c.Create(t.Context(), ns); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	run(append([]string{"upgrade", "reader", chart}, values...)...)
	ask("made-later", true)
	run(append([]string{"upgrade", "reader", chart, "--set-json", "proxyConfigMaps=[]"}, values...)...)
	ask("made-later", false)
	ask("ingress-nginx", false)
}
