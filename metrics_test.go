// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const twoPolicies = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: good, namespace: shop}
spec:
  hosts: [good.example.com]
  rules: [{action: Bypass, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: broken, namespace: shop}
spec:
  hosts: [broken.example.com]
  rules: [{action: Bypass, include: [{ip: not-a-network}]}]
`

// scraped serves the policies of a file, asks the authz listener about a target, edits
// the file, and returns what is at /metrics then.
func scraped(t *testing.T, manifests, target string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.yaml"), []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	log, stderr := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		args := []string{"serve", "--policies", filepath.Join(dir, "p.yaml"), "--keys", filepath.Join(dir, "keys"),
			"--team-url", "https://auth.example.com"}
		for _, l := range []string{"authz", "public", "render", "preflight", "grpc", "metrics", "health-probe"} {
			args = append(args, "--"+l+"-bind-address", "127.0.0.1:0")
		}
		if code := run(ctx, args, io.Discard, stderr); code != 0 {
			t.Errorf("exit code %d", code)
		}
		_ = stderr.Close() // it ends the log
	}()
	addresses := map[string]string{}
	lines := bufio.NewScanner(log)
	for inForce := false; !inForce || len(addresses) < 7; {
		if !lines.Scan() {
			t.Fatalf("the log ended: %v", addresses)
		}
		var l struct{ Msg, Listener, Address string }
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		inForce = inForce || l.Msg == "table in force"
		if l.Msg == "listening" {
			addresses[l.Listener] = l.Address
		}
	}
	again := make(chan struct{}, 1)
	go func() { // until the log ends
		for lines.Scan() {
			if strings.Contains(lines.Text(), `"msg":"table in force"`) {
				select {
				case again <- struct{}{}:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	get := func(listener, path string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addresses[listener]+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", listener, err)
		}
		defer resp.Body.Close() //nolint:errcheck // it was read
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	get("authz-bind-address", target)
	edited := strings.Replace(manifests, "good.example.com", "better.example.com", 1)
	if err := os.WriteFile(filepath.Join(dir, "p.yaml"), []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	<-again
	if front, stray := get("metrics-bind-address", "/"), get("metrics-bind-address", "/x"); !strings.Contains(front, "/metrics") ||
		strings.Contains(front+stray, "# HELP") {
		t.Errorf("/ says %.100q, /x says %.100q", front, stray)
	}
	return get("metrics-bind-address", "/metrics")
}

// TestMetricsOfTheProgram: what the program says of itself without a cluster is there, is
// documented, and is what Prometheus wants it to be.
func TestMetricsOfTheProgram(t *testing.T) {
	text := scraped(t, twoPolicies, "/authz/v1/nginx/GET/good.example.com/")
	for _, want := range []string{
		"ostiary_table_policies 2\n", `ostiary_policies_not_in_force{object="shop/broken"} 1` + "\n", `ostiary_table_info{revision="`,
		"ostiary_table_built_timestamp_seconds 1", "ostiary_table_build_duration_seconds_count ",
		`ostiary_decisions_total{dialect="nginx",reason="bypass",verdict="allow"} `,
		`ostiary_policy_decisions_total{policy="shop/good",reason="bypass",verdict="allow"} `,
		`ostiary_decision_duration_seconds_count{dialect="nginx"} `,
		`ostiary_build_info{commit="`, "ostiary_signing_key_active_timestamp_seconds 1", "ostiary_session_cache_hits_total 0\n",
		"ostiary_session_cache_misses_total 0\n", "ostiary_log_lines_dropped_total 0\n", "ostiary_panics_total 0\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if !regexp.MustCompile(`(?m)^ostiary_change_enforcement_duration_seconds_count [1-9]`).MatchString(text) {
		t.Error("an edit that is in force was not measured")
	}
	page, err := os.ReadFile("docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^# HELP (ostiary_\S+) (.*)$`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(page), "| `"+m[1]+"` | "+strings.ReplaceAll(m[2], `\\`, `\`)+" |") {
			t.Errorf("%s is not documented as it says of itself", m[1])
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("OSTIARY_PROXIES") != "" {
			t.Fatal("promtool is not installed (Debian's prometheus)")
		}
		t.Skip("promtool is not installed")
	}
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = strings.NewReader(text)
	out, err := check.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "ostiary_") {
			t.Errorf("promtool: %s", line)
		}
	}
	if err != nil && !strings.Contains(string(out), "non-histogram and non-summary") {
		t.Logf("promtool: %v\n%s", err, out) // of what others register
	}
}
