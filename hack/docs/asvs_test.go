// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// asvs are the levels of the requirements of ASVS 5.0, by section: 3.2:113 is 3.2.1 and 3.2.2 at level 1, and 3.2.3 at 3.
const asvs = "3.1:3 3.2:113 3.3:12223 3.4:11222233 3.5:11122333 3.6:3 3.7:22333 4.1:12233 4.2:23333 4.3:22 4.4:1222 " +
	"6.1:122 6.2:111111112222 6.3:11223333 6.4:112233 6.5:22222333 6.6:2223 6.7:33 6.8:2222 7.1:222 7.2:1111 7.3:22 7.4:11222 " +
	"7.5:223 7.6:22 9.1:111 9.2:1222 10.1:22 10.2:223 10.3:22223 10.4:1111122222233333 10.5:22222 10.6:22 10.7:222"

var asvsRow = regexp.MustCompile(`^\| (\d+\.\d+\.\d+) \| (\w+) \| (.*) \|$`)

// TestASVS: the page has every requirement of its chapters once, at its level, in a state that there is; what is met is
// shown by a test, and what is not has its reason.
func TestASVS(t *testing.T) {
	namesTests(t, "docs/asvs.md", testsOfTree(t), 150)
	text, err := os.ReadFile(filepath.Join(root, "docs/asvs.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range asvsMistakes(string(text)) {
		t.Error(wrong)
	}
}

// asvsMistakes is what is wrong with the page, but for names of tests.
func asvsMistakes(page string) (wrong []string) {
	want := map[string]bool{} // at level 3
	for section := range strings.FieldsSeq(asvs) {
		name, levels, _ := strings.Cut(section, ":")
		for i, level := range levels {
			want[fmt.Sprintf("%s.%d", name, i+1)] = level == '3'
		}
	}
	states := []string{"met", "part", "no", "yours", "none"}
	high := false
	for line := range strings.Lines(page) {
		high = high || strings.HasPrefix(line, "## Level 3")
		m := asvsRow.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		is3, known := want[m[1]]
		delete(want, m[1])
		switch {
		case !known:
			wrong = append(wrong, m[1]+": unknown, or there twice")
		case is3 != high:
			wrong = append(wrong, m[1]+": at another level")
		case !slices.Contains(states, m[2]):
			wrong = append(wrong, m[1]+": "+m[2]+" is no state")
		case m[2] == "met" && !testName.MatchString(m[3]):
			wrong = append(wrong, m[1]+": no test")
		case strings.TrimSpace(m[3]) == "":
			wrong = append(wrong, m[1]+": no reason")
		}
	}
	for name := range want {
		wrong = append(wrong, name+": missing")
	}
	slices.Sort(wrong)
	return wrong
}

// TestASVSMistakes: each mistake is seen.
func TestASVSMistakes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/asvs.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	row := "| 3.4.4 | met | authserver TestPublic |\n"
	for change, want := range map[string]string{
		"": "3.4.4: missing", row + row: "3.4.4: unknown, or there twice", "| 3.4.4 | met | as it should |\n": "3.4.4: no test",
		"| 3.4.4 | maybe | authserver TestPublic |\n": "3.4.4: maybe is no state", "| 3.4.4 | no |  |\n": "3.4.4: no reason",
		row + "| 3.4.99 | no | x |\n": "3.4.99: unknown, or there twice", row + "## Level 3\n": "3.4.5: at another level",
	} {
		if got := asvsMistakes(strings.Replace(page, row, change, 1)); !slices.Contains(got, want) {
			t.Errorf("%q: %q, want %q", change, got, want)
		}
	}
}
