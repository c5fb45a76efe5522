// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/controllers/manifests"
)

// asked are requests of all kinds to the applications of machines.
func asked(table *policy.Table, now time.Time) (all []policy.Request) {
	for _, url := range []string{"https://app2.example.com/", "https://app2.example.com/a%20b%3Fc%23d/", "https://robots.example.com/x",
		"https://other.example.com/"} {
		target, _ := policy.ParseTarget(url)
		for _, origin := range []string{"", "https://app1.example.com", "https://other.example.org"} {
			for _, user := range []string{"", "ann@example.com", "eve@example.org"} {
				r := policy.Request{Target: target, Origin: origin, Now: now, Address: netip.MustParseAddr("192.0.2.1")}
				if in, ok := table.SignIn(target, ""); ok && user != "" {
					r.Subject = &policy.Subject{ID: "1", Email: user, Audience: in.Audience, SignedInAt: now, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
				}
				for _, method := range []string{"GET", "OPTIONS"} {
					r.Method = method
					all = append(all, r)
				}
				r.Preflight.Method = "PATCH"
				all = append(all, r)
			}
		}
	}
	return all
}

// TestRequestID: of every decision it is found what it was, and that it would be the same
// now; after an edit, where it would be another one.
func TestRequestID(t *testing.T) {
	dir := t.TempDir()
	file, log, edited := filepath.Join(dir, "policies.yaml"), filepath.Join(dir, "log"), filepath.Join(dir, "edited.yaml")
	closed := strings.ReplaceAll(machines, "emailDomain: example.com", "emailDomain: example.net")
	if err := os.WriteFile(edited, []byte(closed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(machines), 0o600); err != nil {
		t.Fatal(err)
	}
	loader, err := manifests.NewLoader([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	table, _ := loader.Load().Build()
	var b bytes.Buffer
	decisions := telemetry.New(telemetry.Options{Log: slog.New(slog.NewJSONHandler(&b, nil)), Wanted: telemetry.LogAll})
	requests := asked(table, time.Now())
	verdicts := make([]policy.Decision, len(requests))
	for i, r := range requests {
		verdicts[i] = table.Decide(r)
		status := 403
		if verdicts[i].Verdict == policy.Admit {
			status = 200
		}
		decisions.Decided("nginx", &dialect.Ask{Request: r, RequestID: fmt.Sprint("r", i)}, &verdicts[i], status, table, time.Millisecond)
	}
	if err := os.WriteFile(log, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for i := range requests {
		d := &verdicts[i]
		line := []string{"explain", "--request-id", fmt.Sprint("r", i), "--log", log, "-o", "json", "--policies"}
		if requests[i].IsPreflight() {
			line = append([]string{line[0], "-H", "access-control-request-method: PATCH"}, line[1:]...)
		}
		code, stdout, stderr := cli(t, append(line, file)...)
		var got struct {
			Decided, Now struct{ Verdict, Reason string }
			Same         bool
			Lacks        []string
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err, stdout, stderr)
		}
		want := map[policy.Verdict]int{policy.Deny: 1, policy.Challenge: 3}[d.Verdict]
		if !got.Same || code != want || got.Decided.Reason != d.Reason.String() || got.Now.Reason != d.Reason.String() || got.Lacks == nil {
			t.Errorf("%+v was decided %s: exit code %d\n%s%s", requests[i], d.Reason, code, stdout, stderr)
		}
		_, stdout, _ = cli(t, append(line, edited)...)
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err, stdout)
		}
		if s := requests[i].Subject; !got.Same {
			changed++
			if s == nil || s.Email != "ann@example.com" || got.Decided.Verdict != "allow" || got.Now.Verdict != "deny" {
				t.Errorf("%+v: %s, then %s", requests[i], got.Decided, got.Now)
			}
		}
	}
	if changed == 0 {
		t.Error("no edit changes a decision")
	}
}

// TestRequestIDInWords: what people read, and what is said where there is nothing to find.
func TestRequestIDInWords(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	const now = `{"time":"2026-11-28T09:15:01Z","msg":"decision","host":"app2.example.com","verdict":`
	if err := os.WriteFile(log, []byte(now+`"deny","reason":"no-rule-matched","method":"GET","path":"/x","policy":"shop/app2",`+
		`"user":"1","email":"eve@example.org","provider":"corp","address":"192.0.2.7","revision":"abc","requestID":"a"}
`+now+`"deny","reason":"method-not-allowed","method":"OPTIONS","path":"/","policy":"shop/app2","field":"spec.cors",`+
		`"origin":"https://app1.example.com","requestID":"b"}
`+now+`"allow","reason":"service-auth","method":"GET","path":"/","user":"service:shop/ci","clientID":"ci","requestID":"c"}
`+now+`"allow","reason":"service-auth","method":"GET","path":"/","user":"linked:shop/x:y","clientID":"y","requestID":"d"}
`+now+`"deny","reason":"no-rule-matched","method":"GET","path":"/`+strings.Repeat("x", 511)+`","user":"5f3a","requestID":"e"}
`+now+`"challenge","reason":"session-expired","method":"GET\u001b[2J","path":"/","requestID":"f"}
{"time":"2026-11-28T09:15:01Z","msg":"refused","dialect":"nginx","reason":"ambiguous-path","why":"above the root","requestID":"g"}
{"time":"2026-11-28T09:15:01Z","msg":"shown","dialect":"render","reason":"blocked","host":"app2.example.com","requestID":"h"}
{"time":"2026-11-28T09:15:02Z","msg":"shown","dialect":"render","reason":"no-session","host":"app2.example.com","requestID":"a"}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line           []string
		code           int
		stdout, stderr string // parts
	}{
		{[]string{"a", "--policies", "FILE", "--assume-providers", "corp"}, 1,
			"DENIED  GET app2.example.com/x\n  time     2026-11-28T09:15:01Z\n" +
				"  reason   no-rule-matched\n  decided  shop/app2\n  user     eve@example.org\n  provider corp\n  address  192.0.2.7\n" +
				"  table    abc\n\nThe log does not say:\n", ""},
		{[]string{"a", "--policies", "FILE", "--as", "ann@example.com"}, 0,
			"Now: ANOTHER ANSWER, as far as is known.\n\nALLOWED  GET https://app2.example.com/x\n", ""},
		{[]string{"b", "--policies", "FILE"}, 1, "  - which method the preflight asked for: GET is assumed", ""},
		{[]string{"b", "--policies", "FILE", "-H", "Access-Control-Request-Method: PUT"}, 1, "Now: the same answer", ""},
		{[]string{"c", "--policies", "FILE"}, 1, "ALLOWED  GET app2.example.com/\n", ""},
		{[]string{"d", "--policies", "FILE"}, 3, "  - the credential of linked:shop/x:y (--claims, --linked-app)\n", ""},
		{[]string{"e", "--policies", "FILE"}, 3, "  - the path beyond its first 512 bytes\n", ""},
		{[]string{"e", "--policies", "FILE"}, 3, "  - the email address of the user: nobody is taken to be signed in (--as)\n", ""},
		{[]string{"f", "--policies", "FILE"}, 1, "SIGN IN FIRST  GET\\x1b[2J app2.example.com/\n", ""},
		{[]string{"f", "--policies", "FILE"}, 1, "  - whose session that was: nobody is taken to be signed in (--as)\n", ""},
		{[]string{"g", "--policies", "FILE"}, 1, "DENIED  a question of nginx that could not be read\n", ""},
		{[]string{"h", "--policies", "FILE"}, 2, "", "a page that said blocked for app2.example.com at 2026-11-28T09:15:01Z"},
		{[]string{"z", "--policies", "FILE"}, 2, "",
			"no line of request z in LOG (9 lines). Requests that passed are logged with decisionLog=all"},
		{[]string{"a", "GET", "--policies", "FILE"}, 2, "", `which request --request-id was: leave out "GET"`},
		{[]string{"a", "--policies", "FILE", "-o", "yaml"}, 2, "", `--output "yaml"`},
		{[]string{"a", "--kubeconfig", "nowhere"}, 2, "DENIED  GET app2.example.com/x\n", "what would be decided now is not known: "},
	} {
		code, stdout, stderr := cli(t, append([]string{"explain", "--log", log, "--request-id"}, c.line...)...)
		stderr = strings.ReplaceAll(stderr, log, "LOG")
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: exit code %d, want %d\nstdout, wanted %q:\n%s\nstderr, wanted %q:\n%s",
				c.line, code, c.code, c.stdout, stdout, c.stderr, stderr)
		}
	}
	code, _, stderr := cli(t, "explain", "--request-id", "a", "--kubeconfig", "nowhere")
	if code != 2 || !strings.Contains(stderr, "--log FILE") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
