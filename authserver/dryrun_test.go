// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// rehearsing is a world whose one policy is in a dry run, and admits bob alone.
func rehearsing(t *testing.T, mode policy.DryRun) *world {
	w := newWorld(t, nil)
	w.rebuild(func(in *policy.Input) {
		in.Policies = policy.CompileAll(
			[]policy.Policy{{Source: policy.Source{Namespace: "ns", Name: "rest"}, Hosts: []string{"app.example.com"}, DryRun: mode,
				Rules: []policy.Rule{
					{Name: "bob", Action: policy.Allow, Include: []policy.Selector{{Property: policy.Email, Value: "bob@example.com"}}},
				}}},
		)
	})
	return w
}

// TestDryRun: what would have been is told in a header, the log and a counter, and a
// client's identity headers are overwritten all the same.
func TestDryRun(t *testing.T) {
	w := rehearsing(t, policy.DryRunOpen)
	addr := w.authz(t)
	a := get(t, addr, "/x", "X-Access-Email: root@example.com")
	if a.StatusCode != 200 || a.Header.Get(contract.DryRunHeader) != "challenge no-session" ||
		a.Header.Get(contract.ReasonHeader) != "no-session" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	for _, name := range contract.Identity() {
		if v, ok := a.Header[name]; !ok || v[0] != "" {
			t.Errorf("%s: %q", name, v)
		}
	}
	a = get(t, addr, "/x", "Cookie: __Host-ostiary=good")
	if a.StatusCode != 200 || a.Header.Get(contract.DryRunHeader) != "deny no-rule-matched" ||
		a.Header.Get(contract.IdentityEmail) != "ann@example.com" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	a = raw(t, addr, "GET /authz/v1/nginx/OPTIONS/app.example.com/x HTTP/1.1\r\nHost: a\r\n"+
		"Origin: https://o.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n")[0]
	if a.StatusCode != 200 || a.Header.Get(contract.DryRunHeader) != "deny preflight-not-configured" ||
		a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	lines := w.log.lines(t, "decision")
	if len(lines) != 3 || lines[0]["verdict"] != "allow" || lines[0]["reason"] != "dry-run" || lines[0]["dryRun"] != "Open" ||
		lines[0]["would"] != "challenge no-session" || lines[0]["wouldField"] != "ns/rest spec.rules[0]" || lines[1]["user"] != "u1" {
		t.Errorf("%v", lines)
	}
	want := []string{"ns/rest no-rule-matched deny 1", "ns/rest no-session challenge 1", "ns/rest preflight-not-configured deny 1"}
	got := slices.DeleteFunc(w.counts(t), func(line string) bool { return !strings.HasPrefix(line, "ns/rest ") })
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDryRunAuthenticate(t *testing.T) {
	w := rehearsing(t, policy.DryRunAuthenticate)
	addr := w.authz(t)
	a := get(t, addr, "/x")
	if a.StatusCode != 401 || a.Header.Get(contract.DryRunHeader) != "challenge no-session" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	a = get(t, addr, "/x", "Cookie: __Host-ostiary=good")
	if a.StatusCode != 200 || a.Header.Get(contract.DryRunHeader) != "deny no-rule-matched" ||
		a.Header.Get(contract.IdentityEmail) != "ann@example.com" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}

// TestDryRunOverGRPC: the visitor is told, and the application is told nobody's name.
func TestDryRunOverGRPC(t *testing.T) {
	w := rehearsing(t, policy.DryRunOpen)
	o := w.check(t, checkRequest("GET /x", false, "x-access-email: root@example.com"))
	if !o.allowed || o.added["x-access-dry-run"] != "challenge no-session" || o.set["x-access-dry-run"] != "" ||
		o.set["x-access-email"] != "" {
		t.Errorf("%+v", o)
	}
}
