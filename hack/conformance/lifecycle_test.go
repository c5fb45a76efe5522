// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// everywhere asks for a page of each kind of policy, in all variants.
func (a *asking) everywhere(t *testing.T, look func(c *check, a *answer)) {
	t.Helper()
	for name, v := range a.ways {
		if v.Own {
			continue // its applications answer preflights
		}
		a.by(t, name, func(c *check) {
			for _, host := range []string{"app1.site.com", "public.example.com", "app.example.com", "orphan.example.com"} {
				for _, lines := range readers {
					look(c, c.send(request("GET", "/public/x", host, lines...)))
				}
				look(c, c.send(request("OPTIONS", "/p", host, cp("https://spa.example.com", "GET")...)))
			}
		})
	}
}

// closed: nothing passes where nothing is decided.
func closed(c *check, a *answer) {
	c.kept(a)
	c.noCORS(a)
	if a.Status < 500 {
		c.errorf("status %d, want an error%s", a.Status, a.dump())
	}
}

// TestRestartUnderLoad: nothing passes undecided while ostiary restarts under load, and
// as the keys are kept, sessions outlive it. (Without a second replica nginx answers 500
// meanwhile.)
func TestRestartUnderLoad(t *testing.T) {
	e := ask(t, nil)
	session, addr := e.session("app1"), e.ways["keepalive"].Addr
	stop, done := make(chan struct{}), make(chan map[int]int)
	go func() {
		statuses := map[int]int{}
		defer func() { done <- statuses }()
		for {
			select {
			case <-stop:
				return
			default:
				statuses[exchange(clientAddress, addr, request("GET", "/p", "app1.site.com", fetch)).Status]++
				statuses[exchange(clientAddress, addr, request("GET", "/p", "app1.site.com", session)).Status]++
			}
		}
	}()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	e.ostiary.Stop()
	t.Logf("stopped after %v", time.Since(began))
	if err := e.serve(e.policyDir()); err != nil {
		t.Fatal(err)
	}
	if err := e.ostiary.WaitReady(); err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v", time.Since(began))
	time.Sleep(100 * time.Millisecond)
	close(stop)
	statuses := <-done
	t.Logf("statuses: %v", statuses)
	for s := range statuses {
		if s != 401 && s != 200 && s != 500 && s != 502 {
			t.Errorf("status %d", s)
		}
	}
	for _, h := range e.apps.Take() {
		if h.header.Get("X-Access-User") != "ann" {
			t.Errorf("reached without a session: %s", h)
		}
	}
	e.by(t, "keepalive", func(c *check) {
		a := c.send(request("GET", "/p", "app1.site.com", session))
		c.status(a, 200)
		c.through(a, "app1")
	})
}

// TestNotReady: until there is a table, nothing is decided. The policies are a pipe
// here, and reading it ends when the test has written them.
func TestNotReady(t *testing.T) {
	e := ask(t, nil)
	e.ostiary.Stop()
	pipe := filepath.Join(e.dir, "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.serve(pipe); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.ostiary.Kill) // it may be reading the pipe again
	if got := e.ostiary.Ready(); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d, want 503", got)
	}
	for _, path := range []string{"/authz/v1/nginx/GET/public.example.com/", "/authz/v1/nginx-pass/GET/public.example.com/"} {
		if a := exchange("", e.ostiary.Authz, request("GET", path, "ostiary")); a.Status != 503 ||
			a.Header.Get("X-Access-Reason") != "not-ready" {
			t.Errorf("the authz listener%s", a.dump())
		}
	}
	if a := exchange("", e.ostiary.Render, request("GET", "/", "public.example.com", "X-Code: 401", "X-Original-URI: /")); a.Status != 503 {
		t.Errorf("the render listener%s", a.dump())
	}
	if a := exchange("", e.ostiary.Preflight, request("OPTIONS", "/", "app2.site.com", cp(seedOrigin, "GET")...)); a.Status != 503 ||
		a.Header.With("access-control-") != nil {
		t.Errorf("the preflight listener%s", a.dump())
	}
	e.everywhere(t, closed)
	if err := os.WriteFile(pipe, []byte(policies), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.ostiary.WaitReady(); err != nil {
		t.Fatal(err)
	}
	e.by(t, "render", func(c *check) {
		a := c.send(request("GET", "/p", "public.example.com"))
		c.status(a, 200)
		c.through(a, "public")
	})
}

// late sends a request about the host that the test opens, until its answer is as
// wanted. The reference knows nothing of that policy.
func (a *asking) late(t *testing.T, ok func(*answer) bool) *answer {
	t.Helper()
	var got *answer
	for range 250 {
		a.apps.Take()
		got = exchange(clientAddress, a.ways["render"].Addr, request("GET", "/p", "orphan.example.com"))
		if got.hits = a.apps.Take(); ok(got) {
			return got
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("not within 5 s%s", got.dump())
	return nil
}

const latePolicy = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: late, namespace: late}
spec:
  hosts: [orphan.example.com]
  rules: [{action: Bypass, include: [{everyone: true}]}]
`

// TestReloadWithAMistake: a mistake in a file denies what it claimed, and nothing else
// (G3).
func TestReloadWithAMistake(t *testing.T) {
	e := ask(t, nil)
	write := func(text string) {
		t.Helper()
		if err := e.writePolicies("late.yaml", text); err != nil {
			t.Fatal(err)
		}
	}
	through := func(a *answer) bool { return a.Status == 200 && len(a.hits) == 1 }
	reason := func(want string) func(*answer) bool {
		return func(a *answer) bool { return a.Status == 403 && a.Header.Get("X-Access-Reason") == want }
	}
	for name, bad := range map[string]string{
		"syntax":        strings.Replace(latePolicy, "spec:", "spec: {{", 1),
		"cut short":     latePolicy[:len(latePolicy)/2],
		"unknown field": strings.Replace(latePolicy, "rules:", "ruls:", 1),
		"wrong value":   strings.Replace(latePolicy, "Bypass", "Bypas", 1),
		"all + creds":   latePolicy + "  cors: {allowAllOrigins: true, allowAllMethods: true, allowCredentials: true}\n",
		"not UTF-8":     latePolicy + "  # \xff\x00",
	} {
		t.Run(name, func(t *testing.T) {
			write(latePolicy)
			e.late(t, through)
			write(bad)
			denied := e.late(t, reason("invalid-policy"))
			e.by(t, "render", func(c *check) {
				c.kept(denied)
				a := c.send(request("GET", "/p", "public.example.com"))
				c.status(a, 200)
				c.through(a, "public")
				c.answered(c.send(request("OPTIONS", "/p", "app2.site.com", cp(seedOrigin, "GET")...)), seedAnswer...)
			})
		})
	}
	write(latePolicy)
	e.late(t, through)
	if err := os.Remove(filepath.Join(e.policyDir(), "late.yaml")); err != nil {
		t.Fatal(err)
	}
	e.late(t, reason("no-policy")) // G5
}
