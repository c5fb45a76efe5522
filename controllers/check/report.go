// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/crd"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Formats are those that Report writes: for people, for programs, for tools that show
// what is wrong beside the line (SARIF 2.1.0), and for the log of a GitHub workflow,
// which does so, too.
var Formats = []string{"text", "json", "sarif", "github"}

// Report writes what a check found, and returns whether everything is active. To have
// looked at nothing is no success.
func Report(w io.Writer, format string, policies, others int, problems []manifests.Problem) (valid bool, err error) {
	valid = !slices.ContainsFunc(problems, func(p manifests.Problem) bool { return !p.Warning })
	var out []byte
	switch format {
	case "json":
		out, err = jsonOf(map[string]any{"policies": policies, "problems": problems})
	case "sarif":
		out, err = jsonOf(sarif(problems))
	default:
		word := manifests.Problem.String
		if format == "github" {
			word = annotation
		}
		var b strings.Builder
		for _, p := range problems {
			fmt.Fprintln(&b, word(p))
		}
		if valid {
			b.WriteString(summary(policies, others))
			valid = policies+others > 0
		}
		out = []byte(b.String())
	}
	if err == nil {
		_, err = w.Write(out)
	}
	return valid, err
}

func summary(policies, others int) string {
	switch {
	case policies == 1:
		return "1 policy, all valid\n"
	case policies > 0:
		return fmt.Sprintf("%d policies, all valid\n", policies)
	case others > 0:
		return "no AccessPolicy, and all else is valid\n"
	default:
		return "no AccessPolicy found\n"
	}
}

func jsonOf(v any) ([]byte, error) {
	js, err := json.Marshal(v)
	return append(policy.EscapeJSON(js), '\n'), err
}

// annotation is a workflow command of GitHub Actions.
func annotation(p manifests.Problem) string {
	level := "error"
	if p.Warning {
		level = "warning"
	}
	properties := "file=" + inProperty.Replace(policy.Line(filepath.ToSlash(p.File)))
	if p.Line > 0 {
		properties += fmt.Sprintf(",line=%d", p.Line)
	}
	properties += ",title=" + inProperty.Replace(ruleOf(p))
	return fmt.Sprintf("::%s %s::%s", level, properties, inMessage.Replace(policy.Line(p.Text())))
}

// What workflow commands escape.
var (
	inMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	inProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// ruleOf is the problem's code. What is about the text itself has none.
func ruleOf(p manifests.Problem) string { return cmp.Or(p.Code, "manifest") }

// sarif is a log of one run, SARIF 2.1.0, with the rules that were broken.
func sarif(problems []manifests.Problem) map[string]any {
	type object = map[string]any
	fixes := map[string]string{"manifest": "Correct the text of the manifest."}
	for _, c := range slices.Concat(policy.Codes(), translate.Codes(), crd.Codes()) {
		fixes[string(c.Code)] = c.Fix
	}
	results, rules, known := []object{}, []object{}, map[string]bool{}
	for _, p := range problems {
		id, level := ruleOf(p), "error"
		if p.Warning {
			level = "warning"
		}
		if !known[id] {
			known[id] = true
			rules = append(rules, object{"id": id, "shortDescription": object{"text": cmp.Or(fixes[id], id)}})
		}
		place := object{"artifactLocation": object{"uri": filepath.ToSlash(p.File)}}
		if p.Line > 0 {
			place["region"] = object{"startLine": p.Line}
		}
		results = append(results, object{
			"ruleId": id, "level": level, "message": object{"text": p.Text()},
			"locations": []object{{"physicalLocation": place}},
		})
	}
	driver := object{"name": "ostiary", "rules": rules}
	return object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []object{{"tool": object{"driver": driver}, "results": results}},
	}
}
