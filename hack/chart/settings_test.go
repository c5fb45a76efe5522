// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

const sharedHost = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: base, namespace: default}
spec: {hosts: [shared.example.com], rules: [{name: staff, action: Allow, include: [{emailDomain: example.com}]}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: pub, namespace: shop}
spec: {hosts: [shared.example.com], paths: [{path: /pub}], rules: [{name: all, action: Bypass, include: [{everyone: {}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shared, namespace: default, annotations: {access.ostiary.dev/policy: base}}
spec:
  ingressClassName: nginx
  rules: [{host: shared.example.com, http: {paths: [
    {path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}},
    {path: /cdn-cgi/access, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: stolen, namespace: shop}
spec: {ingressClassName: nginx, rules: [{host: auth.example.com, http: {paths: [{path: /x, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
`

// TestOneTruth: what commands say in the Pod is what the Pod does, with whatever it was
// started; and by its own rights it can take everything back.
func TestOneTruth(t *testing.T) {
	c := cluster(t)
	admin := kubeconfig(t, "admin", "system:masters")
	values := []string{"--set-json", `hostGrants={"shared.example.com":["shop"]}`, "--set",
		"pathPrefix=/cdn-cgi/access,teamDomain=auth.example.com,admission.guard=false"} // objects come before the server
	if out, err := helm(t, append([]string{"install", "ostiary", chart, "-n", namespace, "--kubeconfig", admin}, values...)...); err != nil {
		t.Fatalf("helm: %v\n%s", err, out)
	}
	defer func() { _, _ = helm(t, "uninstall", "ostiary", "-n", namespace, "--kubeconfig", admin) }()
	fixture.Eventually(t, "the CRD is served", func() error { return c.List(t.Context(), policies()) })
	objects := parse(t, sharedHost)
	for i, o := range objects {
		if i == 1 {
			time.Sleep(1100 * time.Millisecond) // whose the host is must not be a matter of chance: ages are seconds
		}
		if err := c.Create(t.Context(), o.DeepCopy()); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Delete(t.Context(), o) }()
	}
	account := "system:serviceaccount:" + namespace + ":ostiary"
	authz := lab.FreeAddress()
	stop := serveAs(t, account, arguments(t, render(t, "testdata/values/defaults.yaml", values...)), "--authz-bind-address="+authz)
	defer stop()
	fixture.Eventually(t, "the settings are published", func() error {
		return c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "ostiary-settings"}, &corev1.ConfigMap{})
	})
	fixture.Eventually(t, "the guest's path is open", func() error { return decided(authz, "/pub", http.StatusOK) })
	if err := decided(authz, "/other", http.StatusUnauthorized); err != nil {
		t.Error(err)
	}

	in := inPod{t: t, binary: build(t), kubeconfig: kubeconfig(t, account, "system:serviceaccounts", "system:serviceaccounts:"+namespace,
		"system:authenticated")}
	if code, out := in.run("explain", "GET", "https://shared.example.com/pub"); code != 0 || !strings.Contains(out, "shop/pub") {
		t.Errorf("explain says %d of what is let through:\n%s", code, out)
	}
	if code, out := in.run("explain", "GET", "https://shared.example.com/other"); code != 3 ||
		!strings.Contains(out, "https://shared.example.com/cdn-cgi/access/login") || strings.Contains(out, "note:") {
		t.Errorf("explain, %d:\n%s", code, out)
	}
	if code, out := in.run("explain", "GET", "https://shared.example.com/other", "--path-prefix", "/.own"); code != 3 ||
		!strings.Contains(out, "/.own/login") {
		t.Errorf("its own flag counts, %d:\n%s", code, out)
	}
	code, out := in.run("audit")
	for _, words := range []string{"LoginPathTaken", "shared.example.com (AccessPolicy default/base", "TeamHostTaken", "Ingress shop/stolen"} {
		if code != 1 || !strings.Contains(out, words) {
			t.Errorf("audit, %d, does not say %q:\n%s", code, words, out)
		}
	}
	if strings.Contains(out, "forbidden") || strings.Contains(out, "NotApplied") {
		t.Errorf("audit:\n%s", out)
	}

	stop() // as the chart's README says: scaled to zero
	if code, out := in.run("detach", "--yes"); code != 0 {
		t.Errorf("release, %d:\n%s", code, out)
	}
	// The Pod that the README runs it in is one that the API server takes there, where the
	// standard is restricted.
	readme, err := os.ReadFile(chart + "/README.md")
	_, rest, ok := strings.Cut(string(readme), "--overrides='")
	overrides, _, _ := strings.Cut(rest, "'")
	if err != nil || !ok {
		t.Fatal("the README has no command", err)
	}
	if err := c.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace,
		Name: "default"}}); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
	if out, err := command(t, tool(t, "KUBECTL", "kubectl"), "-n", namespace, "--kubeconfig", admin, "run", "ostiary-detach",
		"--restart=Never", "--image=x", "--dry-run=server", "-o", "yaml",
		"--override-type=strategic", "--overrides="+overrides, "--", "detach", "--yes"); err != nil ||
		!strings.Contains(out, "serviceAccountName: ostiary") || !strings.Contains(out, "- --yes") {
		t.Errorf("the Pod of the README: %v\n%s", err, out)
	}
	left := &unstructured.UnstructuredList{}
	left.SetAPIVersion("networking.k8s.io/v1")
	left.SetKind("IngressList")
	if err := c.List(t.Context(), left, client.HasLabels{"access.ostiary.dev/route"}); err != nil || len(left.Items) > 0 {
		t.Errorf("%d Ingresses are left: %v", len(left.Items), err)
	}
}

func decided(authz, path string, want int) error {
	res, err := http.Get("http://" + authz + "/authz/v1/nginx/GET/shared.example.com" + path)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // there is nothing in it
	if res.StatusCode != want {
		return fmt.Errorf("%s: %s", path, res.Status)
	}
	return nil
}

// An inPod runs commands as `kubectl exec` does: with the rights of the ServiceAccount, in
// its namespace.
type inPod struct {
	t                  *testing.T
	binary, kubeconfig string
}

func (p inPod) run(args ...string) (code int, out string) {
	var b bytes.Buffer
	cmd := exec.CommandContext(p.t.Context(), p.binary, append(args, "--kubeconfig", p.kubeconfig)...)
	cmd.Env = append(os.Environ(), "POD_NAMESPACE="+namespace)
	cmd.Stdout, cmd.Stderr = &b, &b
	_ = cmd.Run() // the code says it
	return cmd.ProcessState.ExitCode(), b.String()
}
