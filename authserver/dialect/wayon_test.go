// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"bytes"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

var links = regexp.MustCompile(`<a [^>]*href="([^"]*)"[^>]*>`)

// waysOf are where the buttons of a page lead. What explains it is no way on.
func waysOf(page []byte) (out []string) {
	_, main, _ := bytes.Cut(page, []byte("<main "))
	main, _, _ = bytes.Cut(main, []byte("</main>"))
	for _, m := range links.FindAllSubmatch(main, -1) {
		if !bytes.Contains(m[0], []byte(`rel="noreferrer"`)) {
			out = append(out, html.UnescapeString(string(m[1])))
		}
	}
	return out
}

// No page of a refusal is a dead end, whatever was refused and why, and none leads to a host
// that is neither the one that was asked nor the team host's. Without a team host, what was
// asked can be tried again.
func TestEveryRefusalLeadsOn(t *testing.T) {
	long := "/" + strings.Repeat("y", 5000)
	noHome := *pages
	noHome.Home = ""
	hosts := []string{"app.example.com", "redirect.example.com", "unauthorized.example.com", "blocked.example.com", "norule.example.com",
		"broken.example.com", "nobody.example.com:8443"}
	shown := 0
	for _, p := range []*dialect.Pages{pages, &noHome} {
		d := dialect.Browser{Identity: dialect.DefaultIdentityHeaders, Pages: p}
		for _, host := range hosts {
			for _, uri := range []string{"/", "/x?y=1&z=%22", "//evil.com/", `/\evil.com`, "/.access/login", "/a%00b", long, "*", "x"} {
				for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
					for _, ready := range []bool{true, false} {
						table := fixture(t)
						if !ready {
							table = nil
						}
						e := endpoint{"browser", d, func(r request, v *view) { v.method, v.target = r.method, r.uri }}
						a, _ := e.ask(table, request{method: method, host: host, uri: uri, headers: []string{navigate}})
						if len(a.Body) == 0 {
							continue
						}
						shown++
						ways := waysOf(a.Body)
						_, err := policy.NewTarget(host, uri)
						if len(ways) == 0 && (p.Home != "" || err == nil) { // else nobody knows what was asked
							t.Errorf("%s %s%.20s, ready %v: a dead end, %d", method, host, uri, ready, a.Status)
						}
						for _, way := range ways {
							if u, err := url.Parse(way); err == nil && u.Scheme == "https" && (u.Host == host || u.Host == "auth.example.com") {
								continue
							}
							if way != "https://"+host+uri { // no parser's opinion is needed of what was asked
								t.Errorf("%s %s%.20s leads to %s", method, host, uri, way)
							}
						}
					}
				}
			}
		}
	}
	if shown < 300 {
		t.Errorf("%d pages", shown)
	}
}

// Every reason that a decision can have has a way on.
func TestEveryReasonLeadsOn(t *testing.T) {
	target, err := policy.NewTarget("app.example.com", "/x")
	if err != nil {
		t.Fatal(err)
	}
	for r := policy.NoPolicy; r <= policy.NotReady; r++ {
		for _, verdict := range []policy.Verdict{policy.Deny, policy.Challenge} {
			q := &dialect.Ask{Request: policy.Request{Target: target, Method: "GET"}, URI: "/x", HostPort: "app.example.com", Navigation: true}
			var a dialect.Answer
			dialect.Forward{Pages: pages}.Write(&a, q, &policy.Decision{Verdict: verdict, Reason: r})
			location, n := field(&a, "Location")
			if n == 0 && len(waysOf(a.Body)) == 0 || n > 0 && !strings.HasPrefix(location, "https://app.example.com/.access/login?") {
				t.Errorf("%s: %d %s\n%s", r, a.Status, location, a.Body)
			}
		}
	}
	explained := web.Plain().Render(web.Render(web.Page{Title: "x", DocsURL: "https://x", Reason: "x"}), "")
	if ways := waysOf(explained); len(ways) > 0 || !bytes.Contains(explained, []byte("https://x")) {
		t.Errorf("what explains a page is no way on: %q", ways)
	}
}
