// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/controllers/manifests"
)

// A limit is one constraint of the CRD's schema, and values that break it.
type limit struct {
	path   []string // "[]" is an entry of a list
	what   string
	breaks []any
}

var listed = regexp.MustCompile(`^!\(self\.(?:lower|upper)Ascii\(\) in \[([^\]]*)\]\)`)

// limitsOf collects what the schema itself says of a field and all below it.
func limitsOf(schema map[string]any, path []string) (out []limit) {
	add := func(what string, breaks ...any) { out = append(out, limit{slices.Clone(path), what, breaks}) }
	number := func(key string) (int, bool) {
		n, ok := schema[key].(float64)
		return int(n), ok
	}
	if n, ok := number("maxLength"); ok {
		add("maxLength", strings.Repeat("a", n+1))
	}
	if n, ok := number("maxItems"); ok {
		add("maxItems", make([]any, n+1))
	}
	if n, ok := number("minItems"); ok && n > 0 {
		add("minItems", []any{})
	}
	if n, ok := number("maximum"); ok {
		add("maximum", n+1)
	}
	if n, ok := number("minimum"); ok {
		add("minimum", n-1)
	}
	if _, ok := schema["enum"]; ok {
		add("enum", "Bogus")
	}
	if p, ok := schema["pattern"].(string); ok {
		value := "\u00e9 \""
		if strings.HasPrefix(p, "^[^") { // of text for people
			value = "\u202e"
		}
		add("pattern", value)
	}
	rules, _ := schema["x-kubernetes-validations"].([]any)
	for _, r := range rules {
		rule := strings.Join(strings.Fields(r.(map[string]any)["rule"].(string)), " ")
		if m := listed.FindStringSubmatch(rule); m != nil {
			for name := range strings.SplitSeq(m[1], ",") {
				name = strings.Trim(name, " '")
				add(name, name, strings.ToUpper(name))
			}
		}
	}
	if properties, ok := schema["properties"].(map[string]any); ok {
		for name, below := range properties {
			out = append(out, limitsOf(below.(map[string]any), append(slices.Clone(path), name))...)
		}
	}
	if items, ok := schema["items"].(map[string]any); ok {
		out = append(out, limitsOf(items, append(slices.Clone(path), "[]"))...)
	}
	return out
}

// siblings are what has to stand beside a field, so that it alone is wrong.
var siblings = map[string]map[string]any{
	"spec":         {"hosts": []any{"a.example.com"}},
	"spec.cors":    {"allowedOrigins": []any{"https://b.example.com"}, "allowedMethods": []any{"GET"}},
	"spec.paths[]": {"path": "/x"},
	"spec.rules[]": {"action": "Allow", "include": []any{map[string]any{"everyone": map[string]any{}}}},
}

// broken makes an object in which a value stands at a path.
func broken(at string, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if path[0] == "[]" {
		return []any{broken(at+"[]", path[1:], value)}
	}
	out := map[string]any{}
	for k, v := range siblings[at] {
		out[k] = v
	}
	out[path[0]] = broken(strings.TrimPrefix(at+"."+path[0], "."), path[1:], value)
	return out
}

// TestEveryLimitOfTheSchema breaks each bound, list, enumeration and pattern of the
// CRD's schema, one at a time: files are refused what the API server refuses, and the
// problem is at that field.
func TestEveryLimitOfTheSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "access.ostiary.dev_accesspolicies.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct{ OpenAPIV3Schema map[string]any }
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	properties := crd.Spec.Versions[0].Schema.OpenAPIV3Schema["properties"].(map[string]any)
	limits := limitsOf(properties["spec"].(map[string]any), []string{"spec"})
	if len(limits) < 80 {
		t.Fatalf("only %d limits were found", len(limits))
	}
	file := filepath.Join(t.TempDir(), "p.yaml")
	for _, l := range limits {
		for _, value := range l.breaks {
			object := broken("", l.path, value).(map[string]any)
			object["apiVersion"], object["kind"] = "access.ostiary.dev/v1alpha1", "AccessPolicy"
			object["metadata"] = map[string]any{"name": "a", "namespace": "a"}
			js, _ := json.Marshal(object)
			write(t, file, string(js))
			_, problems, err := manifests.Read([]string{file})
			field := strings.ReplaceAll(strings.Join(l.path, "."), ".[]", "")
			if err != nil || !slices.ContainsFunc(problems, func(p manifests.Problem) bool {
				at := regexp.MustCompile(`\[\d+\]`).ReplaceAllString(p.Field, "")
				return !p.Warning && (l.what != "maxItems" || strings.Contains(p.Message, "at most")) && at != "" && at != "spec" && (strings.HasPrefix(field, at) || strings.HasPrefix(at, field))
			}) {
				t.Errorf("%s, %s: %.80s is accepted: %v %v", field, l.what, js, problems, err)
			}
		}
	}
}
