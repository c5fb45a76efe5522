// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

// own starts everything for one test, which may then stop it.
func own(t *testing.T) *environment {
	t.Helper()
	e, err := newEnvironment(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	return e
}

// everywhere asks for a page of each kind of policy, in all variants.
func (e *environment) everywhere(t *testing.T, check func(t *testing.T, name string, a *answer)) {
	t.Helper()
	for name, v := range e.variants {
		for _, host := range []string{"app1.site.com", "public.example.com", "app.example.com", "orphan.example.com"} {
			for _, lines := range bothReaders {
				check(t, name+" "+host, e.send(t, v.Addr, request("GET", "/public/x", host, lines...)))
			}
			check(t, name+" "+host, e.send(t, v.Addr, request("OPTIONS", "/p", host, cp("https://spa.example.com", "GET")...)))
		}
	}
}

func wantClosed(t *testing.T, name string, a *answer) {
	t.Helper()
	a.wantKept(t)
	a.wantNoCORS(t)
	if a.status < 500 {
		t.Errorf("%s: status %d, want an error%s", name, a.status, a.dump())
	}
}

func TestOstiaryDown(t *testing.T) {
	e := own(t)
	e.ostiary.stop()
	e.everywhere(t, wantClosed)
	t.Run("restart", func(t *testing.T) {
		if err := e.startOstiary(e.policyDir()); err != nil {
			t.Fatal(err)
		}
		if err := e.waitReady(); err != nil {
			t.Fatal(err)
		}
		for name, v := range e.variants {
			a := e.send(t, v.Addr, request("GET", "/p", "public.example.com"))
			a.wantStatus(t, 200)
			a.wantThrough(t, "public")
			a = e.send(t, v.Addr, request("OPTIONS", "/p", "app2.site.com", cp("https://app1.almightyzero.com", "GET")...))
			a.wantAnswered(t, seedAnswer...)
			if t.Failed() {
				t.Fatal(name)
			}
		}
	})
}

// Nothing passes undecided while ostiary restarts under load, and as the keys are
// kept, sessions outlive it. (Without a second replica nginx answers 500 meanwhile.)
func TestRestartUnderLoad(t *testing.T) {
	e := own(t)
	session := asCookie(mintWith(t, e.ring, credential.Claims{Audience: []string{"shop/app1"}}, time.Now()))
	addr := e.variants["D-keepalive"].Addr
	stop, done := make(chan struct{}), make(chan map[int]int)
	go func() {
		statuses := map[int]int{}
		defer func() { done <- statuses }()
		for {
			select {
			case <-stop:
				return
			default:
				statuses[exchange(t, addr, request("GET", "/p", "app1.site.com")).status]++
				statuses[exchange(t, addr, request("GET", "/p", "app1.site.com", session)).status]++
			}
		}
	}()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	e.ostiary.stop()
	t.Logf("stopped after %v", time.Since(began))
	if err := e.startOstiary(e.policyDir()); err != nil {
		t.Fatal(err)
	}
	if err := e.waitReady(); err != nil {
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
	for _, h := range e.recorder.take() {
		if h.header.get("X-Access-User") != "ann" {
			t.Errorf("reached without a session: %s", h)
		}
	}
	a := e.send(t, addr, request("GET", "/p", "app1.site.com", session))
	a.wantStatus(t, 200)
	a.wantThrough(t, "app1")
}

// Until there is a table, nothing is decided. The policies are a pipe here, and
// reading it ends when the test has written them.
func TestNotReady(t *testing.T) {
	e := own(t)
	e.ostiary.stop()
	pipe := filepath.Join(e.dir, "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.startOstiary(pipe); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.ostiary.cmd.Process.Kill() }) // it may be reading the pipe again
	if got := e.ready(); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d, want 503", got)
	}
	for _, path := range []string{"/authz/v1/nginx/GET/public.example.com/", "/authz/v1/nginx-pass/GET/public.example.com/"} {
		a := exchange(t, e.listens.authz, request("GET", path, "ostiary"))
		a.wantStatus(t, 503)
		a.want(t, "X-Access-Reason", "not-ready")
	}
	a := exchange(t, e.listens.render, request("GET", "/", "public.example.com", "X-Code: 401", "X-Original-URI: /"))
	a.wantStatus(t, 503)
	a = exchange(t, e.listens.preflight, request("OPTIONS", "/", "app2.site.com", cp("https://app1.almightyzero.com", "GET")...))
	a.wantStatus(t, 503)
	a.wantNoCORS(t)
	e.everywhere(t, wantClosed)
	if err := os.WriteFile(pipe, []byte(policies), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.waitReady(); err != nil {
		t.Fatal(err)
	}
	a = e.send(t, e.variants["D"].Addr, request("GET", "/p", "public.example.com"))
	a.wantStatus(t, 200)
	a.wantThrough(t, "public")
}

// eventually sends a request until its answer is as wanted.
func (e *environment) eventually(t *testing.T, raw string, ok func(*answer) bool) *answer {
	t.Helper()
	addr := e.variants["D"].Addr
	var a *answer
	for range 100 {
		if a = e.send(t, addr, raw); ok(a) {
			return a
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("not within 2 s%s", a.dump())
	return nil
}

const onePolicy = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: NAME, namespace: late}
spec:
  hosts: [orphan.example.com]
  rules: [{action: ACTION, include: [{everyone: true}]}]
`

// G3: a mistake in a file denies what it claimed, and nothing else.
func TestReloadWithAMistake(t *testing.T) {
	e := own(t)
	write := func(text string) {
		t.Helper()
		if err := e.writePolicies("late.yaml", text); err != nil {
			t.Fatal(err)
		}
	}
	good := strings.NewReplacer("NAME", "late", "ACTION", "Bypass").Replace(onePolicy)
	ask := request("GET", "/p", "orphan.example.com")
	through := func(a *answer) bool { return a.status == 200 && len(a.hits) == 1 }
	reason := func(want string) func(*answer) bool {
		return func(a *answer) bool { return a.status == 403 && a.header.get("X-Access-Reason") == want }
	}
	for name, bad := range map[string]string{
		"syntax":        strings.Replace(good, "spec:", "spec: {{", 1),
		"cut short":     good[:len(good)/2],
		"unknown field": strings.Replace(good, "rules:", "ruls:", 1),
		"wrong value":   strings.Replace(good, "Bypass", "Bypas", 1),
		"all + creds":   good + "  cors: {allowAllOrigins: true, allowAllMethods: true, allowCredentials: true}\n",
		"not UTF-8":     good + "  # \xff\x00",
	} {
		t.Run(name, func(t *testing.T) {
			write(good)
			e.eventually(t, ask, through)
			write(bad)
			a := e.eventually(t, ask, reason("invalid-policy"))
			a.wantKept(t)
			a = e.send(t, e.variants["D"].Addr, request("GET", "/p", "public.example.com"))
			a.wantStatus(t, 200)
			a.wantThrough(t, "public")
			a = e.send(t, e.variants["D"].Addr, request("OPTIONS", "/p", "app2.site.com", cp("https://app1.almightyzero.com", "GET")...))
			a.wantAnswered(t, seedAnswer...)
		})
	}
	write(good)
	e.eventually(t, ask, through)
	if err := os.Remove(filepath.Join(e.policyDir(), "late.yaml")); err != nil {
		t.Fatal(err)
	}
	e.eventually(t, ask, reason("no-policy")) // G5
}
