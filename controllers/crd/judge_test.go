// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/crd"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// A sample is a manifest of api/v1alpha1/testdata, where a real API server has judged it.
type sample struct {
	name, text string
	accepted   bool
	wants      []want
	object     map[string]any
}

// A want is a part of what the API server said, and about which field.
type want struct{ message, field string }

func samples(t testing.TB) []sample {
	t.Helper()
	var out []sample
	for _, folder := range []string{"accept", "refuse"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "api", "v1alpha1", "testdata", folder, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no manifests to %s: %v", folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := sample{name: folder + "/" + strings.TrimSuffix(filepath.Base(file), ".yaml"), text: string(text), accepted: folder == "accept"}
			for line := range strings.Lines(s.text) {
				line = strings.TrimSuffix(line, "\n")
				if message, ok := strings.CutPrefix(line, "# want: "); ok {
					s.wants = append(s.wants, want{message: message})
				} else if field, ok := strings.CutPrefix(line, "# at: "); ok {
					s.wants[len(s.wants)-1].field = field
				}
			}
			out = append(out, s)
		}
	}
	return out
}

// object reads a manifest as the API server does, numbers included.
func object(t testing.TB, text string) map[string]any {
	t.Helper()
	js, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	if err := utiljson.Unmarshal(js, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func judge(t testing.TB, o map[string]any) []policy.Issue {
	t.Helper()
	kind, _ := o["kind"].(string)
	k := crd.Of(kind)
	if k == nil {
		t.Fatalf("no kind %q", kind)
	}
	return k.Judge(o)
}

// TestSameAsTheAPIServer: what the API server said of each sample is said without one.
// There may be more: the API server runs no CEL rule beside an error of the schema.
func TestSameAsTheAPIServer(t *testing.T) {
	for _, s := range samples(t) {
		issues := judge(t, object(t, s.text))
		if s.accepted != (len(issues) == 0) {
			t.Errorf("%s: %v", s.name, issues)
		}
		for _, w := range s.wants {
			if !slices.ContainsFunc(issues, func(i policy.Issue) bool {
				return fieldsAgree(i.Source.Field, w.field) && (i.Code != "schema-rule" || strings.Contains(i.Message, w.message))
			}) {
				t.Errorf("%s: not said: %s: %s\n%v", s.name, w.field, w.message, issues)
			}
		}
	}
}

// fieldsAgree: the API server leaves out the field of some errors.
func fieldsAgree(ours, theirs string) bool {
	return ours == theirs || theirs == "" || theirs == "<nil>"
}
