// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// kubectl runs the real one, as people and their tools do.
func kubectl(t *testing.T, input string, args ...string) error {
	t.Helper()
	c := server.Config(t)
	cfg := api.NewConfig()
	cfg.Clusters["c"] = &api.Cluster{Server: "https://" + strings.TrimPrefix(c.Host, "https://"), CertificateAuthorityData: c.CAData}
	cfg.AuthInfos["u"] = &api.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData, Token: c.BearerToken}
	cfg.Contexts["x"] = &api.Context{Cluster: "c", AuthInfo: "u"}
	cfg.CurrentContext = "x"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), append([]string{"--kubeconfig", path}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Logf("kubectl %s: %s", strings.Join(args, " "), &out)
		return err
	}
	return nil
}

// manifest is what is in somebody's repository.
func (b *bench) manifest(more string) string {
	return `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: ` + b.App + `, name: shop, annotations: {access.ostiary.dev/policy: app` + more + `}},
spec: {ingressClassName: nginx, rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}}]}}`
}

// TestGitOps: whoever applies the same manifest again and again takes nothing from
// us, and we take nothing from them: after two rounds nothing moves.
func TestGitOps(t *testing.T) {
	for name, args := range map[string][]string{
		"client-side": {"apply", "-f", "-"},
		"server-side": {"apply", "--server-side", "--field-manager=argocd-controller", "-f", "-"},
		"forced":      {"apply", "--server-side", "--force-conflicts", "--field-manager=kustomize-controller", "-f", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			var versions []string
			for range 4 {
				if err := kubectl(t, b.manifest(""), args...); err != nil {
					t.Fatal(err)
				}
				b.converge(b.optIns(b.C))
				versions = append(versions, b.Ingress("shop").ResourceVersion)
			}
			if a := b.Ingress("shop").Annotations; a[authURL] == "" || a[routes.PolicyAnnotation] != "app" {
				t.Errorf("%v", a)
			}
			if versions[1] != versions[3] {
				t.Errorf("it never settles: %q", versions)
			}
			out := strings.Replace(b.manifest(""), "access.ostiary.dev/policy: app", "", 1)
			if err := kubectl(t, out, args...); err != nil {
				t.Fatal(err)
			}
			b.converge(b.optIns(b.C))
			b.NothingOfOurs()
			fixture.Remove(t, b.C, b.Ingress("shop"))
		})
	}
}

// TestReplaced: a tool that puts its manifest in place of the object takes ours
// away; they come back, at every turn.
func TestReplaced(t *testing.T) {
	b := newBench(t)
	if err := kubectl(t, b.manifest(""), "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := kubectl(t, b.manifest(""), "replace", "-f", "-"); err != nil {
			t.Fatal(err)
		}
		if a := b.Ingress("shop").Annotations; a[authURL] != "" {
			t.Fatalf("it replaces nothing: %v", a)
		}
		b.converge(b.optIns(b.C))
		if a := b.Ingress("shop").Annotations; a[authURL] == "" {
			t.Errorf("%v", a)
		}
	}
}

// TestConflict: what another manager writes is its own. It is said whose field it
// is and how to end it, it is said once, and there is no fight.
func TestConflict(t *testing.T) {
	for name, args := range map[string][]string{
		"kubectl-client-side-apply": {"apply", "-f", "-"},
		"argocd-controller":         {"apply", "--server-side", "--field-manager=argocd-controller", "-f", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			c, written := counting(t)
			theirs := b.manifest(", " + authURL + ": 'https://other.example/ask'")
			if err := kubectl(t, theirs, args...); err != nil {
				t.Fatal(err)
			}
			before := b.Ingress("shop")
			optIns := b.optIns(c)
			b.converge(optIns)
			once := written.Load()
			for range 3 {
				b.converge(optIns)
			}
			if n := written.Load() - once; n > 0 {
				t.Errorf("%d more tries", n)
			}
			if now := b.Ingress("shop"); now.ResourceVersion != before.ResourceVersion {
				t.Errorf("it was changed: %v", now.Annotations)
			}
			heard := strings.Join(b.heard(), "\n")
			for _, want := range []string{reasonFieldConflict, "metadata.annotations." + authURL + " (of " + name + ")",
				"/metadata/annotations/nginx.ingress.kubernetes.io~1auth-url", "ignoreDifferences", "Flux"} {
				if strings.Count(heard, want) != 1 {
					t.Errorf("%q is not said once:\n%s", want, heard)
				}
			}
			if got := sumOf(t, optIns, "ostiary_route_findings", map[string]string{"kind": "Ingress", "namespace": b.App, "name": "shop", "reason": reasonFieldConflict}); got != 1 {
				t.Errorf("the metric says %v", got)
			}
			// They give it back, and it is ours.
			if err := kubectl(t, b.manifest(""), args...); err != nil {
				t.Fatal(err)
			}
			b.converge(optIns)
			if a := b.Ingress("shop").Annotations; !strings.HasPrefix(a[authURL], b.Settings.AuthzURL) {
				t.Errorf("%v", a)
			}
			if got := sumOf(t, optIns, "ostiary_route_findings", nil); got != 0 {
				t.Errorf("the metric still says %v", got)
			}
			fixture.Remove(t, b.C, b.Ingress("shop"))
		})
	}
}

// TestTakenByForce: a manager that takes a field of ours keeps it, and the rest of
// ours stays.
func TestTakenByForce(t *testing.T) {
	b := newBench(t)
	fixture.Create(t, b.C, b.OptedIn("shop", "shop.example.com"))
	b.converge(b.optIns(b.C))
	theirs := b.manifest(", " + authURL + ": 'https://other.example/ask'")
	if err := kubectl(t, theirs, "apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	optIns := b.optIns(b.C)
	b.converge(optIns)
	if a := b.Ingress("shop").Annotations; a[authURL] != "https://other.example/ask" || a[errors4] == "" {
		t.Errorf("%v", a)
	}
	if heard := strings.Join(b.heard(), "\n"); !strings.Contains(heard, reasonFieldConflict) {
		t.Errorf("nobody is told:\n%s", heard)
	}
	// Without a policy what is still ours goes, and theirs stays.
	fixture.Change(t, b.C, b.Ingress("shop"), func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) })
	b.converge(optIns)
	if a := b.Ingress("shop").Annotations; a[authURL] != "https://other.example/ask" || len(a) != 1 {
		t.Errorf("%v", a)
	}
}

// TestSameValue: what two managers say alike is no conflict, and stays the other's
// when we leave.
func TestSameValue(t *testing.T) {
	b := newBench(t)
	if err := kubectl(t, b.manifest(", "+errors4+": '401,403'"), "apply", "--server-side", "--field-manager=argocd-controller", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	b.converge(b.optIns(b.C))
	if a := b.Ingress("shop").Annotations; a[authURL] == "" {
		t.Errorf("%v", a)
	}
	fixture.Change(t, b.C, b.Ingress("shop"), func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) })
	b.converge(b.optIns(b.C))
	if a := b.Ingress("shop").Annotations; len(a) != 1 || a[errors4] == "" {
		t.Errorf("%v", a)
	}
}

// TestRouteRights: without the right to write a route it is left alone, and said so;
// it is tried again in seconds.
func TestRouteRights(t *testing.T) {
	b := newBench(t)
	cfg := server.Config(t)
	cfg.Impersonate = rest.ImpersonationConfig{UserName: "nobody-of-note"}
	barred, err := client.New(cfg, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	fixture.Create(t, b.C, b.OptedIn("shop", "shop.example.com"))
	optIns := b.optIns(b.C)
	optIns.apply.client = barred
	result, err := optIns.Reconcile(t.Context(), reconcile.Request{})
	if err != nil || result.RequeueAfter <= 0 || result.RequeueAfter > againFirst {
		t.Errorf("%v, %v", result, err)
	}
	if heard := strings.Join(b.heard(), "\n"); !strings.Contains(heard, reasonNotAllowed) {
		t.Errorf("nobody is told:\n%s", heard)
	}
	if a := b.Ingress("shop").Annotations; len(a) != 1 {
		t.Errorf("%v", a)
	}
}
