// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// narrow lets anybody have one path of one host, and nobody anything else, but
// for preflights of one origin.
func narrow(t testing.TB, bindings ...policy.Binding) *policy.Table {
	t.Helper()
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{
		{Source: policy.Source{Namespace: "ns", Name: "open"}, Hosts: []string{"open.example.com"}, Rules: bypass,
			Paths: []policy.Path{{Value: "/open", Exact: true}}},
		{Source: policy.Source{Namespace: "ns", Name: "rest"}, Hosts: []string{"open.example.com", "*.example.com"}, Rules: allow, CORS: apiCORS},
	}), Bindings: bindings})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	return table
}

// mayPass is the reference: written apart from package policy, on the text.
func mayPass(host, uri string) bool {
	host, port, hasPort := strings.Cut(strings.ToLower(host), ":")
	if hasPort && (port == "" || strings.Trim(port, "0123456789") != "") {
		return false
	}
	path, _, _ := strings.Cut(uri, "?")
	return strings.TrimSuffix(host, ".") == "open.example.com" && path == "/open"
}

// fields adds header lines of the fuzzer's choice.
func (v *view) fields(text string) *view {
	for line := range strings.SplitSeq(text, "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			v.set(name, value)
		}
	}
	return v
}

// checkFuzzed holds what is true of every answer to a visitor without a session.
func checkFuzzed(t *testing.T, d dialect.Dialect, v *view, table *policy.Table, may bool) {
	t.Helper()
	a, decision := put(d, v, table, request{})
	if decision != nil && decision.Verdict == policy.Admit && !may {
		t.Fatalf("admitted: %+v", v)
	}
	preflight := decision != nil && decision.Verdict == policy.AnswerPreflight
	if a.Status < 300 && !preflight && (!may || decision == nil) || a.Status < 200 {
		t.Fatalf("status %d: %+v", a.Status, v)
	}
	if a.Status == 302 || a.Status == 303 {
		l, _ := field(a, "Location")
		rest, ok := strings.CutPrefix(l, "https://")
		host, rest, _ := strings.Cut(rest, "/")
		if !ok || !strings.HasPrefix(rest, ".access/login?rd=%2F") || strings.ContainsAny(host, "@\\?#% ") {
			t.Fatalf("redirected to %q: %+v", l, v)
		}
	}
	seen := map[string]bool{}
	size := 0
	for _, f := range a.Fields() {
		if strings.ContainsFunc(f.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			t.Fatalf("a control character in %s: %q", f.Name, f.Value)
		}
		if seen[f.Name] {
			t.Fatalf("%s comes twice", f.Name)
		}
		seen[f.Name] = true
		size += len(f.Name) + len(f.Value) + 4
	}
	if size > 3500 {
		t.Fatalf("a header section of %d bytes: %+v", size, v)
	}
	if o, _ := field(a, "Access-Control-Allow-Origin"); o != "" && !strings.EqualFold(o, "https://spa.example.com") {
		if _, ok := strings.CutSuffix(strings.ToLower(o), ".dev.example.com"); !ok {
			t.Fatalf("ACAO %q", o)
		}
	}
}

const seedHeaders = "Origin:https://spa.example.com\nAccess-Control-Request-Method:PATCH\nX-Forwarded-Uri:/open\nSec-Fetch-Mode:navigate\nAccept:text/html"

func FuzzNginx(f *testing.F) {
	for _, target := range []string{
		"GET/open.example.com/open", "GET/open.example.com/open?x", "GET/OPEN.example.com.:443/open", "GET/app.example.com/open",
		"GET/open.example.com/open/../admin", "GET/open.example.com/%6fpen", "GET/open.example.com//open", "GET/open.example.com/open;x",
		"GET/open.example.com/admin?/open", "GET/open.example.com#/open", "OPTIONS/app.example.com/", "GET/open.example.com/open%2f..%2fadmin",
		"ns/rest/GET/open.example.com/open", "GET/$host/open", `GET/open.example.com\@app.example.com/open`, "GET/[::1]/open",
		"GET/open.example.com?/open",
	} {
		f.Add(target, seedHeaders, false)
		f.Add(target, "", true)
	}
	table := narrow(f)
	f.Fuzz(func(t *testing.T, target, headers string, pass bool) {
		d, prefix := dialect.Nginx{PassPreflights: pass}, contract.NginxPrefix
		if pass {
			prefix = contract.NginxPassPrefix
		}
		v := (&view{method: "GET", target: prefix + target, host: "open.example.com", headers: map[string][]string{}}).fields(headers)
		_, rest, _ := strings.Cut(target, "/")
		i := strings.IndexAny(rest, "/?")
		checkFuzzed(t, d, v, table, i >= 0 && mayPass(rest[:i], rest[i:]))
		if a, _ := put(d, v, table, request{}); len(a.Body) > 0 {
			t.Fatal("a body")
		}
	})
}

func FuzzNginxHeaders(f *testing.F) {
	for _, url := range []string{
		"https://open.example.com/open", "http://open.example.com/open?x", "https://open.example.com:8443/open",
		"https://app.example.com@open.example.com/open",
		"https://open.example.com/admin?x=/open", "https://open.example.com#.app.example.com/open", "//open.example.com/open", "/open", "",
		"HTTPS://open.example.com/open",
		"https://open.example.com/open%00", "https:///open.example.com/open", "https://open.example.com/./open", "ftp://open.example.com/open",
	} {
		f.Add(url, "GET", "")
		f.Add(url, "OPTIONS", seedHeaders)
	}
	table := narrow(f)
	f.Fuzz(func(t *testing.T, url, method, headers string) {
		v := (&view{method: "GET", target: contract.NginxHeaderPath, host: "open.example.com", headers: map[string][]string{}}).fields(headers)
		v.set("X-Original-Url", url)
		v.set("X-Original-Method", method)
		_, rest, ok := strings.Cut(url, "://")
		i := strings.IndexAny(rest, "/?")
		checkFuzzed(t, dialect.NginxHeaders{}, v, table, ok && i >= 0 && mayPass(rest[:i], rest[i:]))
	})
}

func FuzzForward(f *testing.F) {
	for _, uri := range []string{"/open", "/open?x", "/open/", "/admin", "//open", "/open#", "", "https://open.example.com/open", "/open%2e",
		"*"} {
		f.Add("GET", "https", "open.example.com", uri, "")
		f.Add("POST", "wss", "OPEN.example.com:443", uri, seedHeaders)
		f.Add("OPTIONS", "http", "app.example.com, open.example.com", uri, "X-Original-Url:x")
	}
	table := narrow(f)
	f.Fuzz(func(t *testing.T, method, proto, host, uri, headers string) {
		v := (&view{method: "GET", target: contract.ForwardPath, host: "open.example.com", headers: map[string][]string{}}).fields(headers)
		v.set("X-Forwarded-Method", method)
		v.set("X-Forwarded-Proto", proto)
		v.set("X-Forwarded-Host", host)
		v.set("X-Forwarded-Uri", uri)
		checkFuzzed(t, dialect.Forward{Pages: pages}, v, table, mayPass(host, uri))
	})
}

func FuzzEnvoy(f *testing.F) {
	for _, uri := range []string{"/open", "/open?x", "/open/", "/admin", "//open", "/open#", "", "?x", "x", "https://open.example.com/open",
		"/open%2e", "*", "/../envoy/open"} {
		f.Add("GET", "open.example.com", uri, "")
		f.Add("OPTIONS", "OPEN.example.com:443", uri, seedHeaders)
		f.Add("POST", "app.example.com", uri, "X-Original-Url:x")
	}
	table := narrow(f)
	f.Fuzz(func(t *testing.T, method, host, uri, headers string) {
		v := (&view{method: method, target: contract.EnvoyPrefix + uri, host: host, headers: map[string][]string{}}).fields(headers)
		checkFuzzed(t, dialect.Envoy{Pages: pages}, v, table, mayPass(host, uri))
	})
}

func FuzzRender(f *testing.F) {
	for _, code := range []string{"401", "403", "", "200", "503", "404", "x"} {
		f.Add("GET", "open.example.com", "/", "/open", code, "")
		f.Add("OPTIONS", "app.example.com", "/", "/", code, seedHeaders)
		f.Add("GET", "open.example.com", contract.RenderPrefix+code+"/GET/open.example.com/open", "", "", seedHeaders)
	}
	table := narrow(f)
	f.Fuzz(func(t *testing.T, method, host, target, uri, code, headers string) {
		v := (&view{method: method, target: target, host: host, headers: map[string][]string{}}).fields(headers)
		v.set("X-Original-Uri", uri)
		v.set("X-Code", code)
		d := dialect.Render{Pages: pages}
		a, decision := put(d, v, table, request{})
		if a.Status < 300 && (decision == nil || decision.Verdict != policy.AnswerPreflight || a.Status != 200) {
			t.Fatalf("render answers %d: %+v", a.Status, v)
		}
		if decision == nil || decision.Verdict != policy.Admit {
			checkFuzzed(t, d, v, table, false)
		}
	})
}
