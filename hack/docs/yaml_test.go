// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// fragments are the keys with which a part of an object may begin.
var fragments = []string{"spec", "metadata", "cors", "rules", "session"}

// TestYAML: what is an object of ours passes `ostiary check`, values are the chart's,
// and everything else decodes.
func TestYAML(t *testing.T) {
	values := readValues(t)
	objects := 0
	for _, p := range pagesOf(t) {
		for _, b := range p.blocks {
			language, _, _ := strings.Cut(b.language, " ")
			if language != "yaml" || strings.HasSuffix(b.language, ".broken.yaml") {
				continue
			}
			where := p.path + ":" + strconv.Itoa(b.line)
			ours := ""
			for document := range strings.SplitSeq(b.text, "\n---\n") {
				o := map[string]any{}
				if err := yaml.UnmarshalStrict([]byte(document), &o); err != nil {
					t.Errorf("%s: %v", where, err)
					continue
				}
				group, _ := o["apiVersion"].(string)
				switch {
				case strings.HasPrefix(group, "access.ostiary.dev/"), group == "v1" && o["kind"] == "Secret":
					ours += document + "\n---\n"
					objects++
				case group == "" && !isFragment(o, values):
					t.Errorf("%s: neither an object nor values of the chart nor a part of an object", where)
				}
			}
			if ours != "" {
				checkObjects(t, where, ours)
			}
		}
	}
	if objects < 10 {
		t.Errorf("%d objects of ours", objects)
	}
}

func isFragment(o, values map[string]any) bool {
	for key := range o {
		known := hasValue(values, []string{key})
		for _, f := range fragments {
			known = known || key == f
		}
		if !known {
			return false
		}
	}
	return len(o) > 0
}

func checkObjects(t *testing.T, where, text string) {
	t.Helper()
	dir := t.TempDir()
	// Secrets that a page names and does not show.
	for _, name := range []string{"corp-oidc", "github-oidc"} {
		text += "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + ", namespace: ostiary-system}\nstringData: " +
			"{clientSecret: secret}\n---\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "objects.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := runShell(t, "ostiary check objects.yaml || echo FAILED", dir); strings.Contains(out, "FAILED") {
		t.Errorf("%s: ostiary check: %s", where, out)
	}
}
