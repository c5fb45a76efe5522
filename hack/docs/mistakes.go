// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/check"
	"github.com/ostiary/ostiary/controllers/crd"
	"github.com/ostiary/ostiary/controllers/translate"
)

// messages are what is said of each mistake: as the tests of the policies find it, which
// make each of them, and as `ostiary check` says it of objects that have the others.
func messages(root string) (map[string]string, error) {
	said := map[string]string{}
	text, err := os.ReadFile(filepath.Join(root, "authserver", "policy", "testdata", "messages.txt"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		code, message, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		said[code] = message
	}
	var out bytes.Buffer
	if _, err := check.Run(&out, "json", policy.Terms{}, nil, []string{filepath.Join(root, "hack", "docs", "testdata",
		"mistakes.yaml")}); err != nil {
		return nil, err
	}
	var found struct {
		Problems []struct{ Code, Field, Message string }
	}
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return nil, err
	}
	for _, p := range found.Problems {
		if said[p.Code] == "" {
			said[p.Code] = p.Field + ": " + p.Message
		}
	}
	return said, nil
}

// mistakesPage is docs/reference/mistakes.md: each code of a mistake, with a message.
func mistakesPage(root string, pages map[string]string) error {
	said, err := messages(root)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(heading("Mistakes", "the lists of codes beside the checks"))
	b.WriteString("Every problem that `ostiary check` and the condition `Accepted` report has a code that never changes: `ostiary check " +
		"-o json` and `-o github` print it.\n" +
		"Each heading has a message of the mistake as an example, and what to do.\n\n```sh\nostiary check policies/\nkubectl -n shop " +
		"describe ap orders\n```\n\n## Policies\n")
	writeMistakes(&b, slices.Concat(policy.Codes(), translate.Codes(), crd.Codes()), said)
	b.WriteString("\n## Identity providers\n")
	writeMistakes(&b, config.Codes(), said)
	b.WriteString("\n## Token issuers\n")
	writeMistakes(&b, bearerconfig.Codes(), said)
	pages["docs/reference/mistakes.md"] = b.String()
	return nil
}

func writeMistakes(b *strings.Builder, codes []policy.CodeDoc, said map[string]string) {
	for _, c := range codes {
		fmt.Fprintf(b, "\n### `%s`\n\n", c.Code)
		if m := said[string(c.Code)]; m != "" {
			fmt.Fprintf(b, "```text\n%s\n```\n\n", m)
		}
		fmt.Fprintf(b, "%s\n", prose(c.Fix))
		if c.Reason != policy.Invalid && conditions[string(c.Reason)].why != "" {
			fmt.Fprintf(b, "The condition's reason is [%s](conditions.md#%s).\n", c.Reason, strings.ToLower(string(c.Reason)))
		}
	}
}
