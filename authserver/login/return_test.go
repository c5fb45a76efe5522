// SPDX-License-Identifier: Apache-2.0

package login

import (
	"html"
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
		{"/.access/done?0.5", home + ".access/done?0.5"},
		{"/.access/done2?0.5", home}, {"/.access/done/?0.5", home}, {"/.access/logout?/done", home},
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

// TestLongLink: who is sent to the login with an address that it cannot carry has the
// tab keep that; the login goes on with what it can carry, and ends at a page that looks there.
// What may not be led to is not kept either. (The page's script: hack/browser TestLongAddress.)
func TestLongLink(t *testing.T) {
	s := newSite(t, nil)
	long := "/explore?panes=" + strings.Repeat("%22", 1000) + "#top"
	login := func(rd string) string { return "/.access/login?" + url.Values{"rd": {rd}, "x": {"1"}}.Encode() }
	b := s.browser()
	p := b.get(s.url("app1.example.com", login(long)))
	next := p.links()["Continue"]
	if p.status != 200 || p.header.Get("Referrer-Policy") != "no-referrer" ||
		!strings.Contains(p.body, `data-keep="`+html.EscapeString(long)+`"`) ||
		!strings.Contains(p.header.Get("Content-Security-Policy"), "; script-src 'sha256-") {
		t.Fatalf("%d %v\n%s", p.status, p.header, afterMain(p.body))
	}
	p = b.signIn(b.get(next), "ann", password)
	if p.status != 200 || p.links()["Continue"] != s.url("app1.example.com", "/explore") || !strings.Contains(p.body, "too long to keep") ||
		!strings.Contains(p.header.Get("Content-Security-Policy"), "; script-src 'sha256-") {
		t.Errorf("%d %s", p.status, afterMain(p.body))
	}
	y := strings.Repeat("y", 3000)
	for _, rd := range []string{"//evil.com/?" + y, `/\evil.com?` + y, "/.access/logout?" + y, "https://evil.com/?" + y,
		"/a/../b?" + y, "/x?" + strings.Repeat("y", maxKept), "/x y?" + y} {
		if p := s.browser().get(s.url("app1.example.com", login(rd))); strings.Contains(p.body, "data-keep") {
			t.Errorf("%.20s is kept", rd)
		}
	}
	b = s.browser()
	b.follow = false
	if p := b.get(s.url("app1.example.com", login("/x?"+strings.Repeat("y", 2000)))); p.status != 302 {
		t.Errorf("what fits: %d", p.status)
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
