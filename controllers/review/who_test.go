// SPDX-License-Identifier: Apache-2.0

package review_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/controllers/review"
)

const policies = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com]
  identityProviders: [corp]
  session: {duration: 8h}
  exempt: [/sw.js]
  crossSite: Allow
  cors: {allowedOrigins: ["https://app.example.com"], allowedMethods: [GET], allowedHeaders: [content-type], allowCredentials: true}
  rules:
  - {name: staff, action: Allow, include: [{emailDomain: example.com}, {email: bob@example.org}], require: [{authMethod: mfa}], exclude: [{idpGroup: interns}, {claim: {name: level, value: "0", identityProvider: corp}}]}
  - {action: Allow, methods: [GET], include: [{everyone: {}}], sessionDuration: 15m}
  - {name: office, action: Bypass, methods: [GET, HEAD], include: [{ip: [10.0.0.0/8, 192.0.2.0/24]}], require: [{country: [NL]}]}
  - {name: never, action: Block, methods: [DELETE], include: [{loginMethod: corp}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: admin, namespace: shop}
spec:
  hosts: [orders.example.com, "*.apps.example.com"]
  paths: [{path: /admin}, {path: /exact, type: Exact}]
  cors: {preflight: Bypass}
  rules: [{action: Block, include: [{everyone: {}}]}]
`

func who(t *testing.T, line ...string) (code int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte(policies), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	line = append(append([]string{"who"}, line...), "--policies", file, "--assume-providers", "corp")
	code = command.Execute(t.Context(), command.Root("ostiary", "test", "", review.Who()), line, &out, &errs)
	return code, out.String(), errs.String()
}

func TestWho(t *testing.T) {
	const rest = `
Sessions
  last for 8h, of people who sign in by corp

Pages of other origins (CORS)
  https://app.example.com
    may call with GET; headers content-type; with cookies
  every site may make a browser send requests with its cookies (crossSite: Allow)
`
	const staff = "people at example.com, or bob@example.org, who have to be people signed in with mfa as well, but not members of group interns, " +
		"or people with 0 at claim level of corp: " +
		"allowed once signed in  (staff)\n"
	const office = "clients from 10.0.0.0/8 or 192.0.2.0/24, who have to be clients in NL as well: allowed without signing in  (office)\n"
	const rules = `
DELETE
  1. ` + staff + `  2. people signed in by corp: refused  (never)
  3. everybody else: refused

GET
  1. ` + office + `  2. ` + staff + `  3. everybody: allowed once signed in, for 15m  (spec.rules[1])
  4. everybody else: refused

HEAD
  1. ` + office + `  2. ` + staff + `  3. everybody else: refused

Every other method
  1. ` + staff + `  2. everybody else: refused
`
	const admin = "\nEvery method\n  1. everybody: refused  (spec.rules[0])\n  2. everybody else: refused\n\nSessions\n  last for 24h\n\n" +
		"Pages of other origins (CORS)\n  preflights are answered by the application\n"
	const whole = "it claims orders.example.com, every path that no other policy has\n"
	for line, want := range map[string]string{
		"orders.example.com/new": "orders.example.com/new\n  policy   shop/orders\n  why      " + whole + rules + rest,
		"orders.example.com/sw.js": "orders.example.com/sw.js\n  policy   shop/orders\n  why      " + whole +
			"\nEXEMPT: GET and HEAD need no session here\n" + rules + rest,
		"https://ORDERS.example.com/admin/x?y": "orders.example.com/admin/x\n  policy   shop/admin\n  why      " +
			"it claims orders.example.com, path /admin (Prefix): the most specific of 3 claims there\n" + admin,
		"x.apps.example.com/exact": "x.apps.example.com/exact\n  policy   shop/admin\n  why      " +
			"it claims *.apps.example.com, and no policy claims x.apps.example.com, path /exact (Exact): the most specific of 2 claims there\n" + admin,
	} {
		if code, got, stderr := who(t, line); code != 0 || got != want {
			t.Errorf("%s: exit code %d %s\n%s\nwant\n%s", line, code, stderr, got, want)
		}
	}
	for line, want := range map[string]string{
		"other.example.com":        "other.example.com/\n  nobody: no policy claims other.example.com\n",
		"x.apps.example.com/exac":  "x.apps.example.com/exac\n  nobody: policies claim x.apps.example.com, and none of them this path\n",
		"x.y.apps.example.com/":    "x.y.apps.example.com/\n  nobody: no policy claims x.y.apps.example.com\n",
		"apps.example.com":         "apps.example.com/\n  nobody: no policy claims apps.example.com\n",
		"orders.example.com.:8443": "",
	} {
		if code, got, stderr := who(t, line); want != "" && (code != 1 || got != want) || want == "" && code != 0 {
			t.Errorf("%s: exit code %d %s\n%s\nwant\n%s", line, code, stderr, got, want)
		}
	}
}

// TestWhoJSON holds the shape that programs read.
func TestWhoJSON(t *testing.T) {
	_, stdout, _ := who(t, "orders.example.com/new", "-o", "json")
	var got struct {
		Version           int
		Host, Path, Why   string
		Policy            struct{ Namespace, Name string }
		Session           string
		IdentityProviders []string
		Methods           []struct {
			Methods string
			Rules   []struct{ Field, Name, Action, Who, Session string }
		}
		CORS struct {
			Preflight                 string
			Origins, Methods, Headers []string
			Credentials, AnySite      bool
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != 1 || got.Policy.Name != "orders" || got.Session != "8h" || len(got.IdentityProviders) != 1 || len(got.Methods) != 4 ||
		got.Methods[1].Rules[2].Session != "15m" || got.Methods[1].Rules[0].Field != "spec.rules[2]" || got.CORS.Preflight != "answered" ||
		!got.CORS.Credentials || !got.CORS.AnySite || len(got.CORS.Origins) != 1 {
		t.Errorf("%+v", got)
	}
}
