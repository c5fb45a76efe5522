// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An alertCase is what Prometheus sees, a sample a minute, and when an alert is silent and
// when it tells.
type alertCase struct {
	alert  string
	series map[string]string
	silent []string
	tells  string
}

// alertCases has each alert of the chart.
func alertCases() []alertCase {
	const rate = "0+0x20 1+1x40" // nothing for 20 minutes, and then one a minute
	return []alertCase{
		{"OstiaryNotReady", map[string]string{`ostiary_decisions_total{reason="not-ready",pod="a"}`: rate}, []string{"20m", "23m"}, "35m"},
		{"OstiaryPoliciesMayBeOld", map[string]string{`ostiary_api_last_contact_timestamp_seconds{pod="a"}`: "0+60x20 1200+0x40"},
			[]string{"20m", "26m"}, "40m"},
		{"OstiaryRouteAroundPolicy", map[string]string{
			`ostiary_unguarded_routes{kind="Ingress",namespace="shop",name="web",reason="Unguarded"}`: "0+0x20 1+0x40"},
			[]string{"20m", "25m"}, "35m"},
		{"OstiaryRouteNotAsPlanned", map[string]string{
			`ostiary_route_findings{kind="Ingress",namespace="shop",name="web",reason="Conflict"}`: "0+0x20 1+0x40"}, []string{"20m", "25m"}, "35m"},
		{"OstiaryPolicyNotInForce", map[string]string{ // by two replicas, and told of once
			`ostiary_policies_not_in_force{object="shop/app",pod="a"}`: "_x20 1+0x40",
			`ostiary_policies_not_in_force{object="shop/app",pod="b"}`: "_x20 1+0x40"}, []string{"20m", "25m"}, "35m"},
		{"OstiaryDown", map[string]string{`ostiary_build_info{version="1",pod="a"}`: "1+0x20 _x40"}, []string{"20m", "27m"}, "40m"},
		{"OstiaryPanics", map[string]string{`ostiary_panics_total{pod="a"}`: rate}, []string{"20m"}, "25m"},
		{"OstiaryDecisionsSlow", map[string]string{
			`ostiary_decision_duration_seconds_bucket{le="0.025",dialect="nginx",pod="a"}`: "0+1000x30 30000+900x60",
			`ostiary_decision_duration_seconds_count{dialect="nginx",pod="a"}`:             "0+1000x30 31000+1000x60"},
			[]string{"20m", "30m"}, "60m"},
		{"OstiarySignInsFail", map[string]string{
			`ostiary_sign_ins_total{provider="corp",outcome="provider-failed"}`: rate,
			`ostiary_sign_ins_total{provider="corp",outcome="succeeded"}`:       "0+1x20 20+0x40",
			`ostiary_sign_ins_total{provider="good",outcome="provider-failed"}`: "0+1x60",
			`ostiary_sign_ins_total{provider="good",outcome="succeeded"}`:       "0+9x60"}, []string{"20m", "22m"}, "50m"},
		{"OstiaryPasswordGuessing", map[string]string{`ostiary_sign_ins_total{provider="people",outcome="wrong-password"}`: "0+1x30 50+50x30"},
			[]string{"20m", "30m"}, "45m"},
		{"OstiaryRevocationFailed", map[string]string{`ostiary_revocations_total{result="failed",pod="a"}`: rate,
			`ostiary_revocations_total{result="done",pod="a"}`: "0+5x60"}, []string{"20m"}, "25m"},
		{"OstiaryReplicasDiffer", map[string]string{`ostiary_table_info{revision="1",job="o",pod="a"}`: "1+0x60",
			`ostiary_table_info{revision="1",job="o",pod="b"}`: "1+0x20 _x40", `ostiary_table_info{revision="2",job="o",pod="b"}`: "_x20 1+0x40"},
			[]string{"20m", "30m"}, "50m"},
		{"OstiaryKeysNotRotated", map[string]string{ // Prometheus' clock begins at 0
			`ostiary_signing_key_active_timestamp_seconds{job="o",pod="a"}`: "1+0x100000",
			`ostiary_signing_key_active_timestamp_seconds{job="new"}`:       "0+0x100000"}, []string{"59d", "60d30m"}, "61d"},
		{"OstiaryLogLinesLost", map[string]string{`ostiary_log_lines_dropped_total{pod="a"}`: rate}, []string{"20m"}, "25m"},
		{"OstiaryLogLinesLeftOut", map[string]string{`ostiary_log_lines_left_out_total{pod="a"}`: rate}, []string{"20m"}, "25m"},
		{"OstiaryExportsLost", map[string]string{`ostiary_spans_dropped_total{pod="a"}`: rate,
			`ostiary_log_records_dropped_total{pod="a"}`: "0+0x60"}, []string{"20m", "30m"}, "35m"},
		{"OstiaryExportsLost", map[string]string{`ostiary_spans_dropped_total{pod="a"}`: "0+0x60",
			`ostiary_log_records_dropped_total{pod="a"}`: rate}, []string{"20m", "30m"}, "35m"},
		{"OstiaryExportsLost", map[string]string{ // told of once
			`ostiary_spans_dropped_total{pod="a"}`: rate, `ostiary_log_records_dropped_total{pod="a"}`: rate}, []string{"20m", "30m"}, "35m"},
	}
}

// rules writes the alerts of the chart as a file of rules, and returns its name.
func rules(t *testing.T, dir string) (file string, alerts []string) {
	t.Helper()
	spec, err := json.Marshal(find(t, render(t, "testdata/values/observed.yaml"), "PrometheusRule").Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	if err := json.Unmarshal(spec, &all); err != nil {
		t.Fatal(err)
	}
	for _, r := range all.Groups[0].Rules {
		alerts = append(alerts, r.Alert)
	}
	file = filepath.Join(dir, "rules.json") // JSON is YAML
	if err := os.WriteFile(file, spec, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, alerts
}

// TestAlerts: each alert tells when there is something to tell, and not before, as Prometheus
// itself reckons.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is not installed: it is in Debian's package prometheus")
	}
	dir := t.TempDir()
	file, alerts := rules(t, dir)
	tried := map[string]bool{}
	for _, c := range alertCases() {
		tried[c.alert] = true
		t.Run(c.alert, func(t *testing.T) {
			out, err := c.run(t, promtool, file)
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	for _, a := range alerts {
		if !tried[a] {
			t.Errorf("%s is not tried", a)
		}
	}
	if out, err := command(t, promtool, "check", "rules", file); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// The test itself: an alert that tells too early is found.
	early := alertCases()[0]
	early.silent = append(early.silent, early.tells)
	if out, err := early.run(t, promtool, file); err == nil || !strings.Contains(out+err.Error(), "FAILED") {
		t.Errorf("what is not silent passes: %v\n%s", err, out)
	}
}

// TestNothingIsLostSilently: each counter of what the log or a collector does not get has an
// alert, the counters that are still to come too.
func TestNothingIsLostSilently(t *testing.T) {
	reference, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	file, _ := rules(t, t.TempDir())
	alerts, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lost := regexp.MustCompile("`(ostiary_[a-z_]+_(?:dropped|left_out|lost)_total)`").FindAllStringSubmatch(string(reference), -1)
	if len(lost) < 4 {
		t.Fatalf("the reference has %d counters of what is lost", len(lost))
	}
	for _, name := range lost {
		if !strings.Contains(string(alerts), name[1]+"[") {
			t.Errorf("no alert looks at %s", name[1])
		}
	}
}

func (c *alertCase) run(t *testing.T, promtool, rules string) (string, error) {
	t.Helper()
	var series, tests []any
	for name, values := range c.series {
		series = append(series, map[string]any{"series": name, "values": values})
	}
	expect := func(at string, samples ...any) {
		tests = append(tests, map[string]any{"expr": `count(ALERTS{alertname="` + c.alert + `",alertstate="firing"})`,
			"eval_time": at, "exp_samples": samples})
	}
	for _, at := range c.silent {
		expect(at)
	}
	expect(c.tells, map[string]any{"labels": "{}", "value": 1})
	interval := "1m"
	if strings.HasSuffix(c.tells, "d") {
		interval = "10m"
	}
	text, err := json.Marshal(map[string]any{"rule_files": []string{rules}, "evaluation_interval": interval,
		"tests": []any{map[string]any{"interval": "1m", "input_series": series, "promql_expr_test": tests}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "test.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return command(t, promtool, "test", "rules", file)
}
