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

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/crd"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Formats are those that Report writes: for people, for programs, for tools that show
// what is wrong beside the line (SARIF 2.1.0), and for the log of a GitHub workflow,
// which does so, too.
var Formats = []string{"text", "json", "sarif", "github"}

// Read is how much was read: policies, other objects of ours, and files that hold neither.
type Read struct {
	Policies, Others, Skipped int
	// Headers are those that policies set for applications, if it is not known which the
	// installation lists.
	Headers []string
}

// Report writes what a check found, and returns whether everything is active. To have
// looked at nothing is no success.
func Report(w io.Writer, format string, read Read, problems []manifests.Problem) (valid bool, err error) {
	valid = !slices.ContainsFunc(problems, func(p manifests.Problem) bool { return !p.Warning })
	var out []byte
	switch format {
	case "json":
		out, err = jsonOf(map[string]any{"policies": read.Policies, "problems": problems})
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
			b.WriteString(read.summary())
			valid = read.Policies+read.Others > 0
		}
		out = []byte(b.String())
	}
	if err == nil {
		_, err = w.Write(out)
	}
	return valid, err
}

func (r Read) summary() (out string) {
	switch {
	case r.Policies > 0:
		out = command.Count(r.Policies, "policy") + ", all valid\n"
	case r.Others > 0:
		out = "no AccessPolicy, and all else is valid\n"
	default:
		out = "no AccessPolicy found\n"
	}
	switch {
	case r.Skipped == 1:
		out += "1 file was skipped: Ostiary reads nothing in it\n"
	case r.Skipped > 1:
		out += fmt.Sprintf("%d files were skipped: Ostiary reads nothing in them\n", r.Skipped)
	}
	if len(r.Headers) > 0 {
		out += fmt.Sprintf("whether the installation lists the upstreamHeaders (%s) is not known: give --upstream-headers, as serve has it\n",
			strings.Join(r.Headers, ", "))
	}
	return out
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
