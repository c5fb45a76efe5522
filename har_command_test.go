// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const harPolicy = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.site.test, app3.site.test]
  cors: {allowedOrigins: ["https://app1.site.test", "http://free.third.test"], allowedMethods: [GET, PUT]}
  rules:
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
`

// TestHARCommand: what people see of exports of Chromium, and how the command ends.
func TestHARCommand(t *testing.T) {
	dir := t.TempDir()
	policies, none := filepath.Join(dir, "api.yaml"), filepath.Join(dir, "none.har")
	for name, text := range map[string]string{policies: harPolicy, none: `{"log": {"entries": []}}`} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	corpus := func(cause string) string { return "authserver/har/testdata/chromium/" + cause + ".har" }
	for _, c := range []struct {
		args []string
		code int
		want []string
		not  string
	}{
		{[]string{none}, 0, []string{"none.har: 0 requests, 0 problems, 0 notes"}, "1."},
		{[]string{corpus("vary-missing")}, 0, []string{"1 note", "1. note: vary-missing  GET https://bare.plain.test/answer?…"}, "policies"},
		{[]string{corpus("preflight-origin-refused")}, 1, []string{"1 problem", "1. preflight-origin-refused  PUT https://api.site.test/data",
			"field    spec.cors.allowedOrigins"}, "policies"},
		{[]string{corpus("preflight-origin-refused"), "--policies", policies}, 1, []string{
			"policies deny, shop/api spec.cors: origin https://free.third.test is not listed: http://free.third.test is",
			`to allow it, add to spec.cors.allowedOrigins:  - "https://free.third.test"`}, ""},
		{[]string{corpus("refusal-unreadable"), "--policies", policies}, 1, []string{
			`to allow it, add to spec.cors.allowedOrigins:  - "https://free.third.test"`}, ""},
		{[]string{corpus("preflight-method-refused"), "--policies", policies, "-o", "json"}, 1, []string{
			`"cause": "preflight-method-refused"`, `"patch": "- \"DELETE\""`, `"reason": "method-not-allowed"`}, ""},
		{[]string{corpus("session-over"), "--policies", policies}, 1, []string{"policies deny: no policy claims this host"}, ""},
		{[]string{corpus("not-permitted"), "--policies", policies}, 1, []string{"not-permitted"}, "policies deny"},
		// of somebody who is not named
		{[]string{corpus("not-signed-in"), "--policies", policies}, 1, []string{"policies challenge, shop/api"}, "to allow it"},
		{[]string{}, 2, []string{"name a file"}, ""},
		{[]string{filepath.Join(dir, "nothing.har")}, 2, []string{"nothing.har: no such file"}, ""},
		{[]string{policies}, 2, []string{"api.yaml: not an HTTP Archive (HAR)"}, ""},
		{[]string{none, "-o", "xml"}, 2, []string{"text or json"}, ""},
		{[]string{none, "more"}, 2, []string{"one argument too many"}, ""},
		{[]string{corpus("preflight-origin-refused"), "--policies", filepath.Join(dir, "nothing")}, 2, []string{"nothing"}, "1 problem"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), append([]string{"har"}, c.args...), &stdout, &stderr)
		out := stdout.String() + stderr.String()
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("har %s does not print %q:\n%s", c.args, want, out)
			}
		}
		if code != c.code || c.not != "" && strings.Contains(out, c.not) {
			t.Errorf("har %s: exit code %d, want %d, without %q:\n%s", c.args, code, c.code, c.not, out)
		}
	}
}
