// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// A running is one replica's addresses.
type running struct{ authz, public string }

// TestRevoke: a user is out on both replicas as soon as `kubectl apply` says so,
// and so is one who signed out everywhere at one of them. THREATS F11.
func TestRevoke(t *testing.T) {
	c := cluster(t)
	admin := kubeconfig(t, "admin", "system:masters")
	kubectl := func(args ...string) {
		t.Helper()
		if out, err := command(t, tool(t, "KUBECTL", "kubectl"), append(args, "--kubeconfig", admin)...); err != nil {
			t.Fatalf("kubectl %v: %v\n%s", args, err, out)
		}
	}
	if out, err := helm(t, "install", "ostiary", chart, "-n", namespace, "--kubeconfig", admin, "--set",
		"teamDomain=auth.example.com,admission.keep=false"); err != nil {
		t.Fatalf("helm: %v\n%s", err, out)
	}
	defer func() { _, _ = helm(t, "uninstall", "ostiary", "-n", namespace, "--kubeconfig", admin) }()
	fixture.Eventually(t, "the CRD is served", func() error { return c.List(t.Context(), policies()) })
	kubectl("apply", "-f", root+"/config/samples")
	args := append(arguments(t, render(t, "testdata/values/defaults.yaml")), "--team-url=https://auth.example.com", "--leader-elect")
	var replicas []running
	for range 2 {
		r := running{lab.FreeAddress(), lab.FreeAddress()}
		stop := serveAs(t, "system:serviceaccount:"+namespace+":ostiary", args, "--authz-bind-address="+r.authz, "--public-bind-address="+
			r.public)
		defer stop() // before its rights are gone
		replicas = append(replicas, r)
	}
	ann, bob := token(t, c, "ann"), token(t, c, "bob")
	for _, r := range replicas {
		for _, s := range []string{ann, bob} {
			fixture.Eventually(t, "the session is good", func() error { return r.want(s, http.StatusOK) })
		}
	}

	file := filepath.Join(t.TempDir(), "ann.yaml")
	text := "apiVersion: access.ostiary.dev/v1alpha1\nkind: SessionRevocation\nmetadata: {name: ann}\nspec: {user: ann@example.com, " +
		"before: \"" +
		time.Now().Add(time.Second).UTC().Format(time.RFC3339) + "\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl("apply", "-f", file)
	defer kubectl("delete", "-f", file)
	t.Logf("kubectl apply: denied on %d replicas %v after it returned", len(replicas), until(t, replicas, ann))
	for _, r := range replicas {
		if err := r.want(bob, http.StatusOK); err != nil {
			t.Errorf("bob: %v", err)
		}
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+replicas[0].public+"/.access/logout?all", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "app1.localhost"
	req.Header.Set("Cookie", credential.CookieName+"="+bob)
	req.Header.Set("Sec-Fetch-Site", "same-origin") // else the page asks first
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusFound {
		t.Fatalf("logout?all: %s", res.Status)
	}
	t.Logf("sign-out everywhere: denied on %d replicas %v after it returned", len(replicas), until(t, replicas, bob))
}

// until asks all replicas until each denies, and returns how long that took.
func until(t *testing.T, replicas []running, session string) time.Duration {
	t.Helper()
	start := time.Now()
	for _, r := range replicas {
		for r.want(session, http.StatusUnauthorized) != nil {
			if time.Since(start) > 20*time.Second { // a busy machine's patience; the figure is in the log
				t.Fatal("not denied within 20 s")
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return time.Since(start).Round(time.Millisecond)
}

// want asks about app1 as ingress-nginx does.
func (r running) want(session string, status int) error {
	req, err := http.NewRequest(http.MethodGet, "http://"+r.authz+"/authz/v1/nginx/GET/app1.localhost/x", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Cookie", credential.CookieName+"="+session)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != status {
		return fmt.Errorf("%s, reason %q", res.Status, res.Header.Get("X-Access-Reason"))
	}
	return nil
}

// token makes a session out of the keys in the cluster, as signing in does.
func token(t *testing.T, c client.Client, user string) string {
	t.Helper()
	var secret corev1.Secret
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "ostiary-keys"}, &secret); err != nil {
		t.Fatal(err)
	}
	ring, err := credential.ParseRing(secret.Data["keyring.json"])
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s, err := ring.Mint(credential.Claims{Issuer: "https://auth.example.com", Audience: []string{"shop/app1"}, ID: user, Email: user +
		"@example.com",
		IssuedAt: now.Add(-time.Minute), Lifetime: time.Hour}, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
