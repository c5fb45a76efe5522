// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The dashboard and the alerts ask for metrics that the program has, and for labels
// and reasons that it knows.
func TestMetricsExist(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"authserver/*.go", "authserver/policy/*.go", "controllers/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(f, "_test.go") {
				source.Write(text)
			}
		}
	}
	objects := render(t, "testdata/values/observed.yaml")
	rules, err := json.Marshal(find(t, objects, "PrometheusRule").Object)
	if err != nil {
		t.Fatal(err)
	}
	dashboard, _ := find(t, objects, "ConfigMap").Object["data"].(map[string]any)
	text, _ := dashboard["ostiary.json"].(string)
	var valid struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(text), &valid); err != nil || len(valid.Panels) < 8 {
		t.Fatalf("the dashboard: %d panels, %v", len(valid.Panels), err)
	}
	seen := map[string]bool{}
	for _, name := range regexp.MustCompile(`ostiary_[a-z_]+`).FindAllString(text+string(rules), -1) {
		seen[name] = true
		if !strings.Contains(source.String(), `"`+name+`"`) {
			t.Errorf("%s is no metric of the program's", name)
		}
	}
	if len(seen) < 6 {
		t.Errorf("only %v are asked for", seen)
	}
	for _, reason := range regexp.MustCompile(`reason=\\?"([a-z-]+)`).FindAllStringSubmatch(string(rules), -1) {
		if !strings.Contains(source.String(), `"`+reason[1]+`"`) {
			t.Errorf("no decision has the reason %s", reason[1])
		}
	}
}
