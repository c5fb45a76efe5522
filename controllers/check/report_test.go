// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/check"
	"github.com/ostiary/ostiary/controllers/manifests"
)

// TestReport writes for people and for programs.
func TestReport(t *testing.T) {
	var text strings.Builder
	for _, name := range []string{"a", "b", "c"} {
		fmt.Fprintf(&text, `---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: %s, namespace: shop}
spec: {hosts: [%s.example.com], rules: [{action: Allow, include: [{everyone: true}]}]}
`, name, name)
	}
	var b strings.Builder
	for format, want := range map[string]string{"json": `{"policies":3,"problems":[]}` + "\n", "text": "3 policies, all valid\n"} {
		b.Reset()
		ok, err := check.Run(&b, format, policy.Terms{}, strings.NewReader(text.String()), []string{manifests.Stdin})
		if !ok || err != nil || b.String() != want {
			t.Errorf("%t %v %s", ok, err, b.String())
		}
	}
	const table = 3 // policies
	problems := []manifests.Problem{{File: "f", Line: 3, Object: "a/b", Field: "spec", Message: "bad", Warning: true}, {File: "f",
		Message: "worse"}}
	b.Reset()
	if ok, _ := check.Report(&b, "text", check.Read{Policies: table, Others: 0}, problems); ok ||
		b.String() != "f:3: warning: a/b spec: bad\nf: worse\n" {
		t.Errorf("%t %s", ok, b.String())
	}
	b.Reset()
	var out struct{ Problems []manifests.Problem }
	if ok, _ := check.Report(&b, "json", check.Read{Policies: table, Others: 0}, problems[:1]); !ok ||
		json.Unmarshal([]byte(b.String()), &out) != nil || len(out.Problems) != 1 || out.Problems[0] != problems[0] {
		t.Errorf("%t %s", ok, b.String())
	}
}

// TestReportForTools: what tools read names each problem's code and line, and nothing in
// a message ends a workflow's command.
func TestReportForTools(t *testing.T) {
	problems := []manifests.Problem{
		{File: "a,b/p.yaml", Line: 3, Object: "a/b", Field: "spec.hosts[0]", Code: "host-scheme", Message: "100%\n::error::x"},
		{File: "f", Message: "odd", Warning: true},
	}
	var b strings.Builder
	want := "::error file=a%2Cb/p.yaml,line=3,title=host-scheme::a/b spec.hosts[0]: 100%25\\n::error::x\n::warning file=f,title=manifest::odd\n"
	if ok, err := check.Report(&b, "github", check.Read{Policies: 1, Others: 0}, problems); ok || err != nil || b.String() != want {
		t.Errorf("%t %v %s", ok, err, b.String())
	}
	b.Reset()
	if ok, err := check.Report(&b, "sarif", check.Read{Policies: 1, Others: 0}, problems); ok || err != nil {
		t.Errorf("%t %v", ok, err)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Rules []struct {
						ID               string
						ShortDescription struct{ Text string }
					}
				}
			}
			Results []struct {
				RuleID, Level string
				Locations     []struct {
					PhysicalLocation struct{ Region struct{ StartLine int } }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &log); err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 ||
		len(log.Runs[0].Results) != 2 {
		t.Fatalf("%v %s", err, b.String())
	}
	run := log.Runs[0]
	if r := run.Results[0]; r.RuleID != "host-scheme" || r.Level != "error" || r.Locations[0].PhysicalLocation.Region.StartLine != 3 {
		t.Errorf("%+v", r)
	}
	if r := run.Tool.Driver.Rules; len(r) != 2 || r[0].ShortDescription.Text != "Remove the scheme." {
		t.Errorf("%+v", r)
	}
}

// TestCheckUpstreamHeaders: headers that the installation does not list are warned of, if it
// is known which it lists; if not, the flag that says so is named. Either is no mistake.
func TestCheckUpstreamHeaders(t *testing.T) {
	const text = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: grafana, namespace: shop}
spec:
  hosts: [grafana.example.com]
  rules: [{action: Allow, include: [{everyone: true}]}]
  upstreamHeaders: [{name: x-webauth-user, from: User}, {name: X-Webauth-Email, from: Email}]
`
	const unlisted = "-:8: warning: shop/grafana spec.upstreamHeaders[1].name: X-Webauth-Email is not sent"
	const unknown = "the upstreamHeaders (X-Webauth-Email, X-Webauth-User) is not known: give --upstream-headers"
	for name, tc := range map[string]struct {
		args        []string
		says, never string
		fails       bool
	}{
		"not given": {nil, unknown, "warning", false},
		"both":      {[]string{"--upstream-headers", "X-WEBAUTH-USER,X-Webauth-Email"}, "1 policy, all valid\n", "upstream", false},
		"one":       {[]string{"--upstream-headers", "X-Webauth-User"}, unlisted, unknown, false},
		"none":      {[]string{"--upstream-headers", ""}, "X-Webauth-User is not sent", unknown, false},
		"as JSON": {[]string{"-o", "json", "--upstream-headers", "X-Webauth-User"}, `"upstream-header-not-listed"`,
			"X-Webauth-User is", false},
		"JSON alone":  {[]string{"-o", "json"}, `{"policies":1,"problems":[]}`, "upstream", false},
		"a wrong one": {[]string{"--upstream-headers", "Authorization"}, "", "all valid", true},
	} {
		c := check.Command()
		var out, errs strings.Builder
		c.SetIn(strings.NewReader(text))
		c.SetOut(&out)
		c.SetErr(&errs)
		c.SetArgs(append(tc.args, manifests.Stdin))
		err := c.ExecuteContext(t.Context())
		if !strings.Contains(out.String(), tc.says) || strings.Contains(out.String(), tc.never) || (err != nil) != tc.fails {
			t.Errorf("%s: %v\n%s%s", name, err, out.String(), errs.String())
		}
	}
}
