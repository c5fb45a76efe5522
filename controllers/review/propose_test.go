// SPDX-License-Identifier: Apache-2.0

package review

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const inForce = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules: [{name: staff, action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: wiki, namespace: shop}
spec:
  hosts: [wiki.example.com]
  rules: [{name: staff, action: Allow, include: [{group: staff}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessGroup
metadata: {name: staff}
spec:
  include: [{emailDomain: example.com}]
`

// TestPropose: what a text says takes the place of what has the same name, and leaves the rest.
func TestPropose(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "policies.yaml"), []byte(inForce), 0o600); err != nil {
		t.Fatal(err)
	}
	base := Base{Paths: []string{dir}, SessionDuration: time.Hour}
	docs := strings.Split(inForce, "---\n")
	for name, c := range map[string]struct {
		text  string
		says  []string
		wrong string
	}{
		"the same": {docs[0], []string{"Nothing opens, closes or changes: 2 policies before, 2 after."}, ""},
		"opens": {strings.Replace(docs[0], "emailDomain: example.com", "everyone: {}", 1), []string{"OPENS",
			"app.example.com", "before  denied (no-rule-matched)", "after   allowed", "request GET https://app.example.com/"}, ""},
		"closes, by a group": {strings.Replace(docs[2], "example.com", "example.org", 1), []string{"CLOSES", "OPENS",
			"wiki.example.com", "shop/wiki"}, ""},
		"another one": {strings.NewReplacer("name: app", "name: new", "app.example", "new.example").Replace(docs[0]),
			[]string{"OPENS", "new.example.com", "Opens: "}, ""},
		"a mistake":      {strings.Replace(docs[0], "Allow", "Alow", 1), nil, "spec.rules[0].action"},
		"no YAML":        {"{", nil, "not YAML"},
		"nothing":        {"", nil, "no AccessPolicy"},
		"something else": {"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n", nil, "no AccessPolicy"},
	} {
		got, err := base.Propose(t.Context(), []byte(c.text))
		if (err != nil) != (c.wrong != "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range c.says {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in:\n%s", name, want, got)
			}
		}
	}
}
