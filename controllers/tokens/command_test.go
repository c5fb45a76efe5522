// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
)

const appPolicy = `---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - action: ServiceAuth
    include: [{serviceToken: ci}]
`

// TestCreate: what the command prints is a token that files put in force, for as long as
// it says; the secret is in the Secret alone. What is wrong is refused.
func TestCreate(t *testing.T) {
	var out bytes.Buffer
	c := Command()
	c.SetArgs([]string{"create", "ci", "-n", "shop", "--duration", "48h"})
	c.SetOut(&out)
	if err := c.ExecuteContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	token, secretText, _ := strings.Cut(out.String(), "---\n")
	id := regexp.MustCompile(`clientID: (\S+)`).FindStringSubmatch(secretText)
	secret := regexp.MustCompile(`clientSecret: (\S+)`).FindStringSubmatch(secretText)
	if id == nil || secret == nil || !IsSecret(secret[1]) || strings.Contains(token, secret[1]) || !strings.Contains(token, id[1]) {
		t.Fatal(out.String())
	}
	ask := func(files string, secret string, in time.Duration) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "all.yaml")
		if err := os.WriteFile(path, []byte(files), 0o600); err != nil {
			t.Fatal(err)
		}
		loader, err := manifests.NewLoader([]string{path})
		if err != nil {
			t.Fatal(err)
		}
		table, problems := loader.Load().Build()
		for _, p := range problems {
			if !p.Warning {
				t.Error(p)
			}
		}
		target, _ := policy.ParseTarget("https://app.example.com/")
		r := policy.Request{Target: target, Method: "GET", Now: time.Now().Add(in), Token: policy.PresentedToken{ID: id[1], Secret: secret}}
		return table.Decide(r).Reason.String()
	}
	for _, files := range []string{token + appPolicy, out.String() + appPolicy} {
		for _, tc := range []struct {
			secret string
			in     time.Duration
			want   string
		}{
			{secret[1], 0, "service-auth"}, {secret[1], 47 * time.Hour, "service-auth"}, {secret[1], 48 * time.Hour, "service-token-invalid"},
			{secret[1] + "a", 0, "service-token-invalid"}, {"", 0, "service-token-invalid"},
		} {
			if got := ask(files, tc.secret, tc.in); got != tc.want {
				t.Errorf("%q in %s: %s, want %s", tc.secret, tc.in, got, tc.want)
			}
		}
	}
	if got := ask(strings.ReplaceAll(token, "namespace: shop", "namespace: other")+appPolicy, secret[1], 0); got != "no-rule-matched" {
		t.Errorf("of another namespace: %s", got)
	}
	for _, args := range [][]string{{"create"}, {"create", "a", "b"}, {"create", "CI"}, {"create", "ci", "-n", "a/b"},
		{"create", "ci", "--duration", "1d"}, {"create", "ci", "--duration", "59m"}, {"create", "ci", "--duration", "87601h"}} {
		c := Command()
		c.SetArgs(args)
		c.SetOut(&out)
		if err := c.ExecuteContext(context.Background()); err == nil {
			t.Errorf("%q is not refused", args)
		}
	}
}

// TestFilesSayWhatIsMissing: a ServiceToken without a status is good for nothing in files,
// and a warning says how to make one.
func TestFilesSayWhatIsMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.yaml")
	text := "apiVersion: access.ostiary.dev/v1alpha1\nkind: ServiceToken\nmetadata: {name: ci, namespace: shop}\n" + appPolicy
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loader, _ := manifests.NewLoader([]string{path})
	_, problems := loader.Load().Build()
	if len(problems) != 1 || !strings.Contains(problems[0].String(), "ostiary token create ci -n shop") || !problems[0].Warning {
		t.Error(problems)
	}
}
