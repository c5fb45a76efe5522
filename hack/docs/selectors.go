// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// storyOf begins a story that is the worked example of a selector.
const storyOf = "# selector: "

// selectorsPage is docs/reference/selectors.md: each selector of a rule, with its example,
// which is a story.
func selectorsPage(root string, pages map[string]string) error {
	selectors, err := selectorsOf(root)
	if err != nil {
		return err
	}
	stories, err := exampleStories(root)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(heading("Selectors", "config/crd and hack/stories"))
	b.WriteString("What rules of an AccessPolicy, and AccessGroups, look at: one key each, in `include`, `require` and `exclude`. Each example is a story that a\n" +
		"test runs. Behind a request stands what it carries: `as` who is signed in, and their groups; `ip` the client's address.\n")
	for _, name := range slices.Sorted(maps.Keys(selectors)) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", name, flow(selectors[name].Description))
		if s, ok := stories[name]; ok {
			s.write(&b)
		}
	}
	pages["docs/reference/selectors.md"] = b.String()
	return nil
}

// selectorsOf are the fields of a selector, by name.
func selectorsOf(root string) (map[string]*schema, error) {
	text, err := os.ReadFile(filepath.Join(root, "config", "crd", "access.ostiary.dev_accessgroups.yaml"))
	if err != nil {
		return nil, err
	}
	var d definition
	if err := yaml.Unmarshal(text, &d); err != nil {
		return nil, err
	}
	return d.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["include"].Items.Properties, nil
}

// A story is one of hack/stories.
type story struct{ file, words, objects, requests string }

// exampleStories are the stories that are worked examples, by selector.
func exampleStories(root string) (map[string]story, error) {
	files, err := filepath.Glob(filepath.Join(root, "hack", "stories", "*.story"))
	if err != nil {
		return nil, err
	}
	out := map[string]story{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		first, rest, _ := strings.Cut(string(text), "\n")
		name, ok := strings.CutPrefix(first, storyOf)
		if !ok {
			continue
		}
		if other, taken := out[name]; taken {
			return nil, fmt.Errorf("%s and %s are both the example of %s", other.file, file, name)
		}
		s := story{file: filepath.Base(file)}
		s.objects, s.requests, _ = strings.Cut(rest, "\n----------\n")
		for strings.HasPrefix(s.objects, "# ") {
			line, more, _ := strings.Cut(s.objects, "\n")
			s.words, s.objects = s.words+strings.TrimPrefix(line, "# ")+"\n", more
		}
		out[name] = s
	}
	return out, nil
}

func (s story) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s\n```yaml\n%s\n```\n\n| request | decision |\n|---|---|\n", s.words, s.objects)
	for line := range strings.Lines(s.requests) {
		request, decision, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if ok && !strings.HasPrefix(request, "#") && !strings.HasPrefix(request, "!") {
			fmt.Fprintf(b, "| `%s` | `%s` |\n", strings.ReplaceAll(request, "|", `\|`), decision)
		}
	}
	fmt.Fprintf(b, "\n([%s](../../hack/stories/%s))\n", s.file, s.file)
}
