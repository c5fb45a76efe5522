// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

func returnTable(t testing.TB) *policy.Table {
	t.Helper()
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{{
		Source: policy.Source{Namespace: "shop", Name: "app"},
		Hosts:  []string{"app.example.com", "other.example.com", "*.preview.example.com"},
		Rules:  []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}},
	}})})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	return table
}

func returnHandler(t testing.TB, team string) *Handler {
	t.Helper()
	u, err := url.Parse(team)
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{Site: &public.Site{TeamURL: u, PathPrefix: "/.access"}})
}

// TestReturnURL: THREATS E1 and E2, and what has to work.
func TestReturnURL(t *testing.T) {
	table := returnTable(t)
	const home = "https://app.example.com/"
	h := returnHandler(t, "https://auth.example.com")
	for _, c := range []struct{ rd, want string }{
		{"/", home},
		{"/orders?id=1&next=%2Fx#top", home + "orders?id=1&next=%2Fx#top"},
		{"/a//b", home + "a//b"},
		{"/a%2Fb", home + "a%2Fb"},
		{"/.access/done", home + ".access/done"},
		{"https://app.example.com/x", home + "x"},
		{"https://app.example.com", home},
		{"https://app.example.com?q=1", home + "?q=1"},
		{"https://other.example.com/x?y", "https://other.example.com/x?y"},
		{"https://x.preview.example.com/", "https://x.preview.example.com/"},
	} {
		if got := h.destination(c.rd, "app.example.com", table); got != c.want {
			t.Errorf("%q: %q, want %q", c.rd, got, c.want)
		}
	}
	for _, rd := range []string{
		"", " ", "x", "?", "#", ".", "..", "orders",
		"//evil.com", "///evil.com", "////evil.com", `/\evil.com`, `\\evil.com`, `\/evil.com`, `/\/evil.com`, "/ /evil.com",
		"/\t/evil.com", "/\v/evil.com", "/\n/evil.com", "/\r/evil.com", "\t//evil.com", "/\r\\evil.com", "/\x00/evil.com",
		`/./\evil.com`, `/./../\evil.com`, "/.//evil.com", "/..//evil.com", "/./../../evil.com", "/%2e//evil.com", "/%2E%2e//evil.com",
		"/%09/evil.com", "/%5cevil.com", "/%5Cevil.com", "/%00", "/%2Fevil.com", "/%2f/evil.com", "/a/../b", "/%0d%0aset-cookie:x=1", "/\u2028/evil.com", "/\uff0fevil.com",
		"https://app.example.com.evil.com/", "https://evil.com?app.example.com", "https://evil.com#.example.com", "https://evil.com/app.example.com",
		"https://app.example.com@evil.com/", "https://app.example.com:443@evil.com", "https://user@app.example.com/", "https:evil.com", "https:/evil.com",
		"https:///evil.com", "https://", "https:", "http://app.example.com/", "https://app.example.com:8080/", "https://app.example.com:443/",
		"https://app.example.com./", "https://APP.example.com/", "HTTPS://app.example.com/", "https://evil.com", "https://auth.example.com/",
		"https://a.b.preview.example.com/", "https://preview.example.com/", `https://app.example.com\@evil.com`, "https://app.example.com%2eevil.com/",
		"https://app.example.com%00.evil.com", "https://[::1]/", "https://127.0.0.1/", "https://app.example.com//evil.com",
		"javascript:alert(1)", "JaVaScRiPt:alert(1)//https://app.example.com/", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://app.example.com/x",
		"/" + strings.Repeat("a", maxReturn),
	} {
		if got := h.destination(rd, "app.example.com", table); got != home {
			t.Errorf("%q leads to %q", rd, got)
		}
	}
}

// TestReturnURLPort: the port is the team host's, never one of the request.
func TestReturnURLPort(t *testing.T) {
	table := returnTable(t)
	h := returnHandler(t, "http://auth.example.com:8000")
	for rd, want := range map[string]string{
		"/x":                                "http://app.example.com:8000/x",
		"http://other.example.com:8000/y":   "http://other.example.com:8000/y",
		"http://other.example.com/y":        "http://app.example.com:8000/",
		"http://other.example.com:8001/y":   "http://app.example.com:8000/",
		"http://other.example.com:80008000": "http://app.example.com:8000/",
	} {
		if got := h.destination(rd, "app.example.com", table); got != want {
			t.Errorf("%q: %q, want %q", rd, got, want)
		}
	}
}

// FuzzReturnURL: whatever is asked for, a browser ends on a host that a policy
// claims, on our scheme and port.
func FuzzReturnURL(f *testing.F) {
	for _, rd := range []string{"/x", "//evil.com", `/\evil`, "https://other.example.com/y", "https://app.example.com@evil.com", "/./x", "https://x.preview.example.com:443/"} {
		f.Add(rd)
	}
	table := returnTable(f)
	h := returnHandler(f, "https://auth.example.com")
	f.Fuzz(func(t *testing.T, rd string) {
		got := h.destination(rd, "app.example.com", table)
		u, err := url.Parse(got)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || !table.Claims(u.Host) {
			t.Fatalf("%q leads to %q (%v)", rd, got, err)
		}
		if strings.ContainsAny(got, "\\\t\r\n \x00") || strings.HasPrefix(u.Path, "//") {
			t.Fatalf("%q leads to %q, which browsers read in their own way", rd, got)
		}
		if again := h.destination(got, "app.example.com", table); again != got {
			t.Fatalf("%q leads to %q, and that to %q", rd, got, again)
		}
	})
}
