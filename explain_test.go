// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// machines is seed, and tokens of machines: the secret of ci is "new".
const machines = seed + `---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: robots, namespace: shop}
spec:
  hosts: [robots.example.com]
  rules:
  - {name: tokens, action: ServiceAuth, include: [{serviceToken: ci}]}
  - {name: jobs, action: ServiceAuth, include: [{jwt: {issuer: ci, audience: shop, claims: [{name: sub, values: [job]}]}}]}
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: TokenIssuer
metadata: {name: ci}
spec: {issuer: "https://ci.example.com", audiences: [shop], namespaces: [shop]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: ci, namespace: shop}
spec: {duration: 87600h}
status: {clientID: ci, secretSHA256: 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437, issuedAt: "2026-01-31T08:00:00Z"}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: over, namespace: shop}
spec: {duration: 1h}
status: {clientID: over, secretSHA256: 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437, issuedAt: "2026-01-31T08:00:00Z"}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: stopped, namespace: shop}
spec: {duration: 87600h, disabled: true}
status: {clientID: stopped, secretSHA256: 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437, issuedAt: "2026-01-31T08:00:00Z"}
`

// TestExplainMachines: for a machine whose token is not good there is no signing in, so
// explain says that it is denied, and why, as the server does. Whoever sends none can sign in.
func TestExplainMachines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "machines.yaml")
	if err := os.WriteFile(file, []byte(machines), 0o600); err != nil {
		t.Fatal(err)
	}
	token := func(id, secret string) []string {
		return []string{"-H", "X-Access-Client-Id: " + id, "-H", "X-Access-Client-Secret: " + secret}
	}
	claims := func(more string) []string {
		return []string{"--claims", `{"iss": "https://ci.example.com", "aud": "shop", "sub": "job"` + more + `}`}
	}
	const refused = "service-token-invalid"
	for name, c := range map[string]struct {
		args         []string
		code         int
		word, reason string
		status       string
		detail       string
	}{
		"good":               {token("ci", "new"), 0, "ALLOWED", "service-auth", "", "until"},
		"wrong":              {token("ci", "old"), 1, "DENIED", refused, "HTTP 401", "the secret is not that of service token shop/ci"},
		"unknown":            {token("nobody", "new"), 1, "DENIED", refused, "HTTP 401", "no service token has this client ID"},
		"over":               {token("over", "new"), 1, "DENIED", refused, "HTTP 401", "has expired"},
		"disabled":           {token("stopped", "new"), 1, "DENIED", refused, "HTTP 401", "is disabled"},
		"half":               {token("ci", "")[:2], 1, "DENIED", refused, "HTTP 401", "half of one"},
		"wrong, a person":    {append(token("ci", "old"), "--as", "ann@example.com"), 1, "DENIED", refused, "HTTP 401", "not good"},
		"bearer":             {claims(""), 0, "ALLOWED", "service-auth", "", "jwt:ci:job"},
		"bearer, good still": {claims(`, "exp": 4102444800, "nbf": 1`), 0, "ALLOWED", "service-auth", "", "jwt:ci:job"},
		"bearer, over":       {claims(`, "exp": 1769846400`), 1, "DENIED", "token-expired", "HTTP 401", "does not count"},
		"bearer, early":      {claims(`, "nbf": 4102444800`), 1, "DENIED", "token-invalid", "HTTP 401", "does not count"},
		"bearer, audience":   {[]string{"--claims", `{"iss": "https://ci.example.com", "aud": "x"}`}, 1, "DENIED", "token-invalid", "HTTP 401", "does not count"},
		"nobody's bearer":    {[]string{"--claims", `{"iss": "https://x.example.com", "exp": 1}`}, 3, "SIGN IN FIRST", "no-session", "HTTP 401", ""},
		"nothing":            {nil, 3, "SIGN IN FIRST", "no-session", "HTTP 401", ""},
		"nothing, a browser": {[]string{"-H", "accept: text/html"}, 3, "SIGN IN FIRST", "no-session", "HTTP 302", ""},
	} {
		line := append([]string{"explain", "GET", "https://robots.example.com/", "--policies", file}, c.args...)
		code, got, stderr := cli(t, line...)
		if code != c.code || !strings.HasPrefix(got, c.word+"  GET ") || !strings.Contains(got, "reason   "+c.reason+"\n") ||
			!strings.Contains(got, c.status) || !strings.Contains(got, c.detail) {
			t.Errorf("%s: exit code %d, want %d\n%s%s", name, code, c.code, got, stderr)
		}
		if strings.Contains(got, "/login") && c.code == 1 {
			t.Errorf("%s: it leads to a login:\n%s", name, got)
		}
		code, got, _ = cli(t, append(line, "-o", "json")...)
		if code != c.code || !strings.Contains(got, `"reason": "`+c.reason+`"`) {
			t.Errorf("%s: exit code %d, want %d\n%s", name, code, c.code, got)
		}
	}
	for _, text := range []string{`{"iss": "https://ci.example.com"}}`, `{} {}`, `[]`, `null`, `{"iss": `} {
		code, got, stderr := cli(t, "explain", "GET", "https://robots.example.com/", "--policies", file, "--claims", text)
		if code != 2 || got != "" || !strings.Contains(stderr, "write what the token says") {
			t.Errorf("--claims %s: exit code %d\n%s%s", text, code, got, stderr)
		}
	}
}

func TestExplainText(t *testing.T) {
	code, got, _ := cli(t, "explain", "OPTIONS", "https://app2.example.com/api", "--policies", "FILE", "-H", "origin: https://app1.example.com",
		"-H", "access-control-request-method: PATCH", "-H", "access-control-request-headers: content-type")
	revision := strings.Fields(got[strings.Index(got, "table"):])[1]
	want := `PREFLIGHT ANSWERED  OPTIONS https://app2.example.com/api
  reason   preflight-answered
  decided  shop/app2 spec.cors
  table    REVISION

The browser gets
  HTTP 200 OK
  vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers
  access-control-allow-origin: https://app1.example.com
  access-control-allow-methods: PATCH
  access-control-allow-headers: content-type
  access-control-allow-credentials: true
  access-control-max-age: 600

Why
  1. target     canonical  host app2.example.com, path /api
  2. policy     found      shop/app2: by host app2.example.com, path / (Prefix); policies in the table: 1
  3. preflight  answered   shop/app2 spec.cors: origin, method and headers are allowed; credentials play no part
`
	if code != 0 || strings.ReplaceAll(got, revision, "REVISION") != want {
		t.Errorf("exit code %d, got\n%s\nwant\n%s", code, got, want)
	}
}

func TestExplainJSON(t *testing.T) {
	code, got, _ := cli(t, "explain", "GET", "https://app2.example.com/a?b=<c>", "--policies", "FILE", "-o", "json", "-H", "origin: https://app1.example.com")
	var report struct {
		Method, URL, Verdict, Reason, Rule, Revision, Body string
		Status                                             int
		Source                                             struct{ Namespace, Name, Field string }
		Headers                                            []struct{ Name, Value string }
		Steps                                              []struct{ What, Outcome, Detail string }
	}
	if err := json.Unmarshal([]byte(got), &report); err != nil || code != 3 {
		t.Fatalf("exit code %d, %v:\n%s", code, err, got)
	}
	if report.Verdict != "challenge" || report.Reason != "no-session" || report.Rule != "staff" || report.Status != 401 || report.Revision == "" ||
		report.Source.Name != "app2" || report.Source.Field != "spec.rules[0]" || len(report.Steps) != 5 || len(report.Headers) == 0 ||
		!strings.Contains(report.Body, `"login_url":"https://app2.example.com/.access/login?rd=%2Fa%3Fb%3D%3Cc%3E"`) {
		t.Errorf("%+v", report)
	}
}

// TestExplainAsked: what is no question is refused before any policy is read, with what to
// write; and a question can be one of a browser that opens a page, or about a path of ours.
func TestExplainAsked(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"get", "https://app2.example.com/"}, 2, "methods are case-sensitive, so write GET"},
		{[]string{"GET", "app2.example.com/a"}, 2, "write https://app2.example.com/a"},
		{[]string{"GET", "ftp://app2.example.com/"}, 2, "is not a URL that begins with http:// or https://"},
		{[]string{"GET", "https://ann:secret@app2.example.com/"}, 2, "no browser sends what stands before the @"},
		{[]string{"GET", "HTTPS://app2.example.com/"}, 3, "HTTP 401 Unauthorized"},
		{[]string{"GET", "https://app2.example.com/", "--navigation"}, 3, "HTTP 302 Found"},
		{[]string{"GET", "https://app2.example.com/.access/login"}, 3, "what is below /.access is answered by Ostiary itself"},
		{[]string{"GET", "https://app2.example.com/.accessory"}, 3, "depends on the user"},
	} {
		policies := "FILE"
		if tc.code == 2 {
			policies = "no-such-file.yaml" // it is not looked at
		}
		code, out, errs := cli(t, append([]string{"explain", "--policies", policies}, tc.args...)...)
		if got := out + errs; code != tc.code || !strings.Contains(got, tc.want) || strings.Contains(got, "no-such-file") {
			t.Errorf("%v: exit code %d, want %d with %q:\n%s", tc.args, code, tc.code, tc.want, got)
		}
	}
}

// TestExplainSessions: a question can be about a session of some age, and about a token of
// cors.tokens in place of one.
func TestExplainSessions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.yaml")
	text := strings.Replace(seed, "    maxAge: 600\n", "    tokens: true\n", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const app1, evil = "https://app1.example.com", "https://evil.example"
	for name, c := range map[string]struct {
		args         []string
		code         int
		word, reason string
	}{
		"fresh":              {nil, 0, "ALLOWED", "signed-in"},
		"in time":            {[]string{"--age", "23h"}, 0, "ALLOWED", "signed-in"},
		"over":               {[]string{"--age", "25h"}, 3, "SIGN IN FIRST", "session-expired"},
		"a token":            {[]string{"--token-from", app1, "-H", "origin: " + app1}, 0, "ALLOWED", "signed-in"},
		"a token, elsewhere": {[]string{"--token-from", app1, "-H", "origin: " + evil}, 3, "SIGN IN FIRST", "wrong-audience"},
		"a token for others": {[]string{"--token-from", evil, "-H", "origin: " + evil}, 3, "SIGN IN FIRST", "wrong-audience"},
	} {
		line := append([]string{"explain", "GET", "https://app2.example.com/", "--policies", file, "--as", "ann@example.com"}, c.args...)
		code, got, stderr := cli(t, line...)
		if code != c.code || !strings.HasPrefix(got, c.word+"  GET ") || !strings.Contains(got, "reason   "+c.reason+"\n") {
			t.Errorf("%s: exit code %d, want %d\n%s%s", name, code, c.code, got, stderr)
		}
	}
}
