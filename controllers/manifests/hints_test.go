// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
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
		set, err := manifests.ReadForCluster(nil, []string{dir}, policy.Terms{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := set.Build(); set.Skipped() != tc.skipped || len(problems) > 0 != tc.problem {
			t.Errorf("%s: %d skipped, %v", name, set.Skipped(), problems)
		}
	}
}
