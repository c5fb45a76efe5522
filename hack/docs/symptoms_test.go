// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/har"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
	"github.com/ostiary/ostiary/controllers/crd"
	"github.com/ostiary/ostiary/controllers/translate"
)

// headings are the headings of a page that begin a symptom, each with what is below.
func headings(t *testing.T, name string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "reference", name))
	if err != nil {
		t.Fatal(err)
	}
	p, found := readPage(name, string(text)), map[string]string{}
	for i, line := range p.prose {
		title, ok := strings.CutPrefix(line, "### ")
		if !ok {
			continue
		}
		anchor := anchorOf(title)
		for n := range 8 { // Chrome and Safari say some things in the same words
			if found[anchor] == "" {
				break
			}
			anchor = anchorOf(title) + "-" + string(rune('1'+n))
		}
		end := slices.IndexFunc(p.lines[i+1:], func(l string) bool { return strings.HasPrefix(l, "## ") || strings.HasPrefix(l, "### ") })
		if end < 0 {
			end = len(p.lines) - i - 1
		}
		found[anchor] = strings.Join(p.lines[i+1:i+1+end], "\n")
	}
	return found
}

// symptoms are what there has to be a heading for, by page: each reason of a decision or of
// the sign-in, reason of a condition, code of a mistake, and cause of a HAR file.
func symptoms(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for r := policy.Reason(1); int(r) < policy.Reasons; r++ {
		all["reasons.md"] = append(all["reasons.md"], r.String())
	}
	said, err := notices(root)
	if err != nil || len(said) < 30 {
		t.Fatalf("%d notices, %v", len(said), err)
	}
	for _, n := range said {
		if n.reason != "" {
			all["reasons.md"] = append(all["reasons.md"], n.reason)
		}
	}
	reasons, err := toldOf(root)
	if err != nil || len(reasons) < 90 {
		t.Fatalf("%d reasons of conditions, %v", len(reasons), err)
	}
	for value := range reasons {
		all["conditions.md"] = append(all["conditions.md"], strings.ToLower(value))
	}
	for _, c := range slices.Concat(policy.Codes(), translate.Codes(), crd.Codes(), config.Codes(), bearerconfig.Codes()) {
		all["mistakes.md"] = append(all["mistakes.md"], string(c.Code))
	}
	for _, d := range har.Causes() {
		all["har.md"] = append(all["har.md"], string(d.Cause))
	}
	return all
}

// TestHeadings: every symptom has a heading whose anchor is its name, which is what the field
// `docs` of a refusal leads to.
func TestHeadings(t *testing.T) {
	for name, all := range symptoms(t) {
		found := headings(t, name)
		for _, symptom := range all {
			if found[symptom] == "" {
				t.Errorf("%s has no heading for %s", name, symptom)
			}
			if to := web.Docs("https://docs.example.com/x").Of(symptom); !strings.HasSuffix(to, "#"+symptom) {
				t.Errorf("%s leads to %s", symptom, to)
			}
		}
	}
}

// TestRefusalsAreExplained: what refuses says what a person sees, what to do, and what shows
// it; what explain can show is shown by explain.
func TestRefusalsAreExplained(t *testing.T) {
	passes := []string{"bypass", "signed-in", "service-auth", "preflight-answered", "preflight-bypass", "dry-run"}
	for reason, below := range headings(t, "reasons.md") {
		for _, part := range []string{"**What you see.**", "**What to do.**"} {
			if !slices.Contains(passes, reason) && !strings.Contains(below, part) {
				t.Errorf("%s: %s is missing", reason, part)
			}
		}
		if !strings.Contains(below, "```console\n$ ostiary explain ") && !strings.Contains(below, "```sh\n") {
			t.Errorf("%s: no command shows it", reason)
		}
		if strings.Contains(below, "  reason   ") && !strings.Contains(below, "  reason   "+reason+"\n") {
			t.Errorf("%s: what explain prints is of another reason", reason)
		}
	}
}

// TestMistakesHaveMessages: but for those that no text can have any more, or that other
// checks are faster to find.
func TestMistakesHaveMessages(t *testing.T) {
	without := []string{"auth-param", "provider-name", "provider-twice", "provider-type", "client-id", "client-secret-none", "step-up",
		"schema-one-key", "schema-range", "schema-value", "second-factor"}
	for code, below := range headings(t, "mistakes.md") {
		if !strings.Contains(below, "```text\n") && !slices.Contains(without, code) {
			t.Errorf("%s: no message", code)
		}
	}
}

// mdn are the names of MDN's pages about what Firefox says.
var mdn = strings.Fields("CORSAllowOriginNotMatchingOrigin CORSDidNotSucceed CORSDisabled CORSExternalRedirectNotAllowed " +
	"CORSInvalidAllowHeader " +
	"CORSInvalidAllowMethod CORSMethodNotFound CORSMissingAllowCredentials CORSMissingAllowHeaderFromPreflight CORSMissingAllowOrigin " +
	"CORSMultipleAllowOriginNotAllowed CORSNotSupportingCredentials CORSOriginHeaderNotAdded CORSPreflightDidNotSucceed CORSRequestNotHttp")

// TestConsoleMessages: each message of a browser has a heading, which says what it means or
// leads to that; MDN's names are all there; and so is each cause that a console tells of.
func TestConsoleMessages(t *testing.T) {
	found, causes, names := headings(t, "console.md"), map[har.Cause]bool{}, []string{}
	for _, browser := range consoles {
		for _, m := range browser.messages {
			below := found[anchorOf(prose(m.text))]
			if below == "" || len(m.causes) == 0 && m.note == "" {
				t.Errorf("%s: %q is not explained", browser.name, m.text)
			}
			for _, c := range m.causes {
				causes[c] = true
				if c.Doc().Title == "" {
					t.Errorf("%s: %q: there is no cause %s", browser.name, m.text, c)
				}
			}
			if m.name != "" {
				names = append(names, m.name)
			}
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, mdn) {
		t.Errorf("of MDN's names there are %q", names)
	}
	silent := []har.Cause{har.Aborted}
	for _, d := range har.Causes() {
		if !causes[d.Cause] && !d.IsNote && !slices.Contains(silent, d.Cause) {
			t.Errorf("no message means %s", d.Cause)
		}
	}
}

// TestAdmissions: what the chart's admission rules say has a heading, and each heading is of
// what one says.
func TestAdmissions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "charts", "ostiary", "templates", "admission*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	expression := regexp.MustCompile(`(?m)^    messageExpression: >-\n((?:      .*\n)+)`)
	used := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range expression.FindAllStringSubmatch(string(text), -1) {
			at := slices.IndexFunc(admissions, func(a admission) bool { return strings.Contains(m[1], a.message) })
			if at < 0 {
				t.Errorf("%s: hack/docs/conditions.go does not have\n%s", file, m[1])
				continue
			}
			used[admissions[at].message] = true
		}
	}
	for _, a := range admissions {
		if !used[a.message] {
			t.Errorf("nothing says %q", a.message)
		}
	}
}
