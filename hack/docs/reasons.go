// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// reasonsPage is docs/reference/reasons.md: where the field `docs` of a refusal leads to.
func reasonsPage(root string, pages map[string]string) error {
	said, err := notices(root)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(heading("Reasons", "authserver/policy, authserver/web and hack/docs"))
	b.WriteString("Every answer that is not a permission has the header `X-Access-Reason`, and JSON for scripts:\n\n" +
		"```json\n{\"reason\": \"no-session\", \"login_url\": \"https://app.example.com/.access/login?rd=%2F\", \"request_id\": " +
		"\"2c2ea8779b9ffee5\",\n" +
		" \"docs\": \"https://docs.example.com/reasons#no-session\"}\n```\n\n" +
		"`login_url` is there if signing in helps, `message` if the client can do something. `docs` is there, and pages have a link *What " +
		"this means*, if the installation\n" +
		"says where this page, or one with the same headings, is: `--docs-url URL`, value `docsURL`. Both are the URL, `#` and the reason. " +
		"The same reason is in the log, in the\n" +
		"metric `ostiary_decisions_total` and in `ostiary explain`. [Conditions](conditions.md) of objects and [mistakes](mistakes.md) in " +
		"them have pages of their own.\n\n" +
		"## Decisions\n\nThe examples below ask these policies:\n\n```yaml file=reasons.yaml\n" + asked + "```\n")
	for r := policy.Reason(1); int(r) < policy.Reasons; r++ {
		s, ok := decisions[r]
		if !ok {
			return fmt.Errorf("hack/docs/decisions.go does not say what %s means", r)
		}
		s.write(&b, r.String(), pagesWith(said, r.String()))
	}
	b.WriteString("\n## Sign-in\n\nPages of the sign-in, and answers of `/.access/`, have these reasons beside those of decisions.\n")
	var names []string
	for _, n := range said {
		if n.reason != "" && !isDecision(n.reason) && !slices.Contains(names, n.reason) {
			names = append(names, n.reason)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		s, ok := signIn[name]
		if !ok {
			return fmt.Errorf("hack/docs/notices.go does not say what %s means", name)
		}
		s.write(&b, name, pagesWith(said, name))
	}
	if len(names) != len(signIn) {
		return fmt.Errorf("hack/docs/notices.go has %d reasons, and there are %d: %q", len(signIn), len(names), names)
	}
	pages["docs/reference/reasons.md"] = b.String()
	return nil
}

func isDecision(name string) bool {
	for r := range decisions {
		if r.String() == name {
			return true
		}
	}
	return false
}

// pagesWith are the titles and words of the pages that show a reason.
func pagesWith(said []notice, reason string) (out []string) {
	for _, n := range said {
		if n.reason != reason || n.title == "" {
			continue
		}
		line := "*" + n.title + "*"
		if n.words != "" {
			line += ": " + n.words
		}
		if !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

// write is the heading of a reason, and what is below.
func (s symptom) write(b *strings.Builder, reason string, shown []string) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n", reason, s.why)
	if s.see != "" {
		shown = append([]string{s.see}, shown...)
	}
	switch {
	case len(shown) == 1:
		fmt.Fprintf(b, "\n**What you see.** %s\n", shown[0])
	case len(shown) > 1:
		fmt.Fprintf(b, "\n**What you see.**\n\n- %s\n", strings.Join(shown, "\n- "))
	}
	if s.todo != "" {
		fmt.Fprintf(b, "\n**What to do.** %s\n", s.todo)
	}
	if s.fix != "" {
		fmt.Fprintf(b, "\n```yaml\n%s```\n", s.fix)
	}
	switch {
	case s.explain != "":
		fmt.Fprintf(b, "\n```console\n$ ostiary explain %s --policies reasons.yaml\n...\n  reason   %s\n...\n```\n", s.explain, reason)
	case s.shell != "":
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", s.shell)
	}
}
