// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/manifests/secrets"
)

// TestHints: of mistakes that many make, it is said what to do.
func TestHints(t *testing.T) {
	const head = "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: x, namespace: shop}\nspec:\n  hosts: [x.example.com]\n"
	for name, tc := range map[string]struct{ text, want string }{
		"a tab":        {head + "  cors:\n\tmaxAge: 5\n", ":7: shop/x: not YAML: found character that cannot start any token. The line begins with a tab"},
		"a tab within": {head + "  cors:\n  \tmaxAge: 5\n", "tab"},
		"a template":   {strings.Replace(head, "name: x", "name: {{ .Release.Name }}", 1), "It looks like a template: render it first, as in: helm template"},
		"null":         {head + "  cors: {allowedOrigins: [null], allowAllMethods: true}\n", `for the origin null, write "null" in quotes`},
		"null, among other mistakes": {
			head + "  cors: {allowedOrigins: [null], maxAge: x}\n",
			`spec.cors.allowedOrigins[0]: this is empty; it should be a string; for the origin null, write "null" in quotes`,
		},
		"a misspelled field":      {head + "  cros: {allowAllOrigins: true}\n", "unknown field spec.cros. Did you mean cors?"},
		"one of a list":           {head + "  rules: [{action: Allow, incldue: [{everyone: {}}]}]\n", "unknown field spec.rules[0].incldue. Did you mean include?"},
		"one that resembles none": {head + "  zzz: 1\n", "unknown field spec.zzz\n"},
	} {
		file := filepath.Join(t.TempDir(), "x.yaml")
		write(t, file, tc.text)
		_, problems, err := manifests.Read([]string{file})
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, p := range problems {
			all.WriteString(p.String() + "\n")
		}
		if !strings.Contains(all.String(), tc.want) {
			t.Errorf("%s: no %q in\n%s", name, tc.want, all.String())
		}
	}
}

// TestSkipped: what is no manifest, and does not look as if it were to be one of ours, is
// left alone and counted. What may have been meant as one is a mistake.
func TestSkipped(t *testing.T) {
	for name, tc := range map[string]struct {
		text    string
		skipped int
		problem bool
	}{
		"Chart.yaml":         {"apiVersion: v2\nname: x\nversion: 1.0.0\n", 1, false},
		"values.yaml":        {"image: {tag: x}\nreplicas: 2\n", 1, false},
		"a Deployment":       {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n", 1, false},
		"comments":           {"# nothing\n", 1, false},
		"kind is missing":    {"apiVersion: access.ostiary.dev/v1alpha1\nmetadata: {name: x}\nspec: {hosts: [x.example.com]}\n", 0, true},
		"only apiVersion":    {"apiVersion: access.ostiary.dev/v1alpha1\n", 0, true},
		"only a spec":        {"spec: {hosts: [x.example.com]}\n", 0, true},
		"the inside of one":  {"hosts: [x.example.com]\n", 0, true},
		"a list of policies": {"- {kind: AccessPolicy}\n", 0, true},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "x.yaml"), tc.text)
		set, err := manifests.ReadForCluster(nil, []string{dir}, policy.Terms{}, nil, secrets.SystemNamespace)
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := set.Build(); set.Skipped() != tc.skipped || len(problems) > 0 != tc.problem {
			t.Errorf("%s: %d skipped, %v", name, set.Skipped(), problems)
		}
	}
}

// TestSecretElsewhere: a Secret in another namespace than Ostiary's is none, and the message
// says where it is; in the files of a server without a cluster, namespaces are no matter.
func TestSecretElsewhere(t *testing.T) {
	provider := "apiVersion: access.ostiary.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {name: corp}\nspec:\n  oidc:\n" +
		"    issuer: https://sso.example.com\n    clientID: ostiary\n    clientSecretRef: {name: corp-client}\n"
	secret := func(in, value string) string {
		return "---\napiVersion: v1\nkind: Secret\nmetadata: {name: corp-client" + in + "}\nstringData: {clientSecret: " + value + "}\n"
	}
	for name, tc := range map[string]struct {
		text, system string
		want         []string // nothing: all is well
	}{
		"there":                          {provider + secret(", namespace: ostiary-system", "x"), secrets.SystemNamespace, nil},
		"wherever it is applied":         {provider + secret("", "x"), secrets.SystemNamespace, nil},
		"elsewhere":                      {provider + secret(", namespace: shop", "x"), secrets.SystemNamespace, []string{"did you mean the one in", "a.yaml:10?", `namespace "shop"`, `runs in "ostiary-system"`}},
		"Ostiary elsewhere":              {provider + secret(", namespace: ostiary-system", "x"), "access", []string{`namespace "ostiary-system"`, `runs in "access"`}},
		"there, and a namesake":          {provider + secret(", namespace: shop", "x") + secret(", namespace: ostiary-system", "x"), secrets.SystemNamespace, nil},
		"a namesake that is wrong":       {provider + secret(", namespace: ostiary-system", "x") + secret(", namespace: shop", "[]"), secrets.SystemNamespace, nil},
		"there, and it is wrong":         {provider + secret(", namespace: ostiary-system", "''"), secrets.SystemNamespace, []string{"has nothing under the key"}},
		"nowhere":                        {provider, secrets.SystemNamespace, []string{"no file that is read here holds it"}},
		"twice in the right namespace":   {provider + secret(", namespace: ostiary-system", "x") + secret(", namespace: ostiary-system", "y"), secrets.SystemNamespace, []string{"stands in"}},
		"twice in the files of a server": {provider + secret(", namespace: a", "x") + secret(", namespace: b", "y"), "", []string{"stands in"}},
		"in the files of a server":       {provider + secret(", namespace: shop", "x"), "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.yaml")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var problems []manifests.Problem
			if tc.system == "" {
				loader, err := manifests.NewLoader([]string{file})
				if err != nil {
					t.Fatal(err)
				}
				_, problems = loader.Load().Build()
			} else {
				set, err := manifests.ReadForCluster(nil, []string{file}, policy.Terms{}, nil, tc.system)
				if err != nil {
					t.Fatal(err)
				}
				_, problems = set.Build()
			}
			said := ""
			for _, p := range problems {
				said += p.String() + "\n"
			}
			if (said == "") != (tc.want == nil) {
				t.Errorf("said:\n%s", said)
			}
			for _, w := range tc.want {
				if !strings.Contains(said, w) {
					t.Errorf("said:\n%s\nwithout %q", said, w)
				}
			}
		})
	}
}
