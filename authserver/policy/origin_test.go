// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// oraclePattern is a valid pattern as a regular expression: the slow matcher that the
// compiled one is held against.
var oraclePattern = compiledOnce(func(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(strings.ToLower(pattern))
	if before, ok := strings.CutSuffix(quoted, `:\*`); ok {
		return regexp.MustCompile(`^` + before + `(?::([1-9][0-9]*))?$`)
	}
	return regexp.MustCompile(`^` + strings.Replace(quoted, `\*`, `[a-z0-9_-]+`, 1) + `$`)
})

// compiledOnce works once for each pattern: expressions are slow to compile.
func compiledOnce(compile func(string) *regexp.Regexp) func(string) *regexp.Regexp {
	var mu sync.Mutex
	known := map[string]*regexp.Regexp{}
	return func(pattern string) *regexp.Regexp {
		mu.Lock()
		defer mu.Unlock()
		if known[pattern] == nil {
			if len(known) > 1000 { // a fuzzer knows no end
				clear(known)
			}
			known[pattern] = compile(pattern)
		}
		return known[pattern]
	}
}

// refPattern matches a pattern, or a plain origin, by the book; both are in lower case.
func refPattern(pattern, origin string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == origin
	}
	found := oraclePattern(pattern).FindStringSubmatch(origin)
	if found == nil {
		return false
	}
	scheme, rest, _ := strings.Cut(origin, "://")
	if len(found) > 1 && found[1] != "" {
		port, err := strconv.Atoi(found[1])
		return err == nil && port <= 65535 && scheme+found[1] != "http80" && scheme+found[1] != "https443"
	}
	label, _, _ := strings.Cut(rest, ".")
	return strings.HasSuffix(pattern, ":*") || len(label) <= 63
}

// patterns are valid ones; hosts and ports are what is asked of each.
var (
	patterns = []string{
		"https://*.example.com", "https://preview-*.example.com", "https://pr-*.example.com:8443", "https://*-app.example.com",
		"HTTPS://P*W.Example.COM",
		"http://localhost:*", "https://localhost:*", "http://app.localhost:*", "http://[::1]:*", "http://127.0.0.1:*",
		"http://preview-*.localhost:3000", "https://xn--*.example.com",
	}
	originHosts = []string{
		"example.com", "app1.example.com", "preview-1.example.com", "preview-.example.com", "preview.example.com", "preview-a.b.example.com",
		"a.preview-b.example.com", "xpreview-1.example.com",
		"preview-1.example.com.evil.com", "preview-1.example.org", "preview-1.evil-example.com", "preview-1xexample.com",
		"preview-1.example.com.", ".preview-1.example.com", "evil.com/.preview-1.example.com",
		"PREVIEW-1.Example.com", "preview-*.example.com", "preview-é.example.com", "preview-xn--9ca.example.com", "preview-%31.example.com",
		"u@preview-1.example.com", "preview-u@x.example.com",
		"preview-1.example.com#.example.com", "preview-1 .example.com", "preview-1\x00.example.com", "preview-_-.example.com",
		"pr-1.example.com", "my-app.example.com", "-app.example.com", "evil-app1.example.com",
		"app1.evil", "a-app.evil.com", "my-app-app.example.com", "pw.example.com", "p.w.example.com", "pxw.example.com", "pw-pw.example.com",
		"xn--bcher-kva.example.com", "xn--.example.com", "bücher.example.com",
		"preview-" + strings.Repeat("a", 55) + ".example.com", "preview-" + strings.Repeat("a", 56) + ".example.com",
		"localhost", "LocalHost", "localhost.", "app.localhost", "b.app.localhost", "preview-x.localhost", "evil-localhost",
		"localhost.evil.com", "127.0.0.1", "127.0.0.2", "[::1]", "[::2]", "::1", "null", "",
	}
	originPorts = []string{
		"", ":", ":0", ":1", ":80", ":443", ":3000", ":03000", ":8443", ":65535", ":65536", ":99999", ":100000", ":3000:3000",
		":*", ":3000/", ":a", ":-1", ":+1", ":3000@evil.com", ":٣",
	}
)

// TestOriginPatternsAsRegexps: every pattern by itself, and all of them together, match
// what their regular expressions match. THREATS D4, D5, D7, D8.
func TestOriginPatternsAsRegexps(t *testing.T) {
	matched, all := map[string]int{}, compileCORS(&CORS{AllowedOrigins: patterns})
	var alone []*cors
	for _, p := range patterns {
		if problem := CheckOrigin(p); problem != "" {
			t.Fatalf("%s: %s", p, problem)
		}
		alone = append(alone, compileCORS(&CORS{AllowedOrigins: []string{p}}))
	}
	for _, scheme := range []string{"https", "http", "HTTPS", "https.preview", "app", "httpss", ""} {
		for _, host := range originHosts {
			for _, port := range originPorts {
				origin, any := scheme+"://"+host+port, false
				for i, p := range patterns {
					want := refPattern(strings.ToLower(p), lowerASCII(origin))
					if got := alone[i].allowsOrigin(origin); got != want {
						t.Errorf("%s allows %q: %v, want %v", p, origin, got, want)
					}
					if want {
						matched[p]++
					}
					any = any || want
				}
				if got := all.allowsOrigin(origin); got != any {
					t.Errorf("all together allow %q: %v, want %v", origin, got, any)
				}
			}
		}
	}
	for _, p := range patterns {
		if matched[p] == 0 {
			t.Errorf("no origin was right for %s", p)
		}
	}
}

func lowerASCII(s string) string {
	lower, _ := appendLower(nil, s)
	return string(lower)
}

// FuzzOriginPattern: a pattern never allows an origin that its regular expression does not.
func FuzzOriginPattern(f *testing.F) {
	for i, p := range patterns {
		f.Add(p, "https://"+originHosts[i], originPorts[i])
		f.Add(p, strings.Replace(p, "*", "1", 1), "")
	}
	f.Fuzz(func(t *testing.T, pattern, origin, port string) {
		if CheckOrigin(pattern) != "" || len(origin)+len(port) > maxOrigin {
			return
		}
		c := compileCORS(&CORS{AllowedOrigins: []string{pattern, "https://pr-*.other.example"}})
		for _, o := range []string{origin, origin + port, strings.Replace(pattern, "*", origin, 1), strings.Replace(pattern, "*", port, 1)} {
			lower := lowerASCII(o)
			want := refPattern(lowerASCII(pattern), lower) || refPattern("https://pr-*.other.example", lower)
			if o != "null" && lower == "null" {
				want = false
			}
			if got := len(o) <= maxOrigin && c.allowsOrigin(o); got != want {
				t.Fatalf("%q allows %q: %v, want %v", pattern, o, got, want)
			}
		}
	})
}

// TestOriginPatternEverywhere: whatever asks whether an origin is listed, asks the same:
// preflights, readable refusals, cross-site requests and tokens.
func TestOriginPatternEverywhere(t *testing.T) {
	p := app2(
		&CORS{
			AllowedOrigins:   []string{"https://preview-*.example.com", "http://localhost:*"},
			AllowAllMethods:  true,
			AllowCredentials: true,
			Tokens:           true,
		},
	)
	table := mustBuild(t, p)
	c := compileCORS(p.CORS)
	for origin, in := range map[string]bool{
		"https://preview-7.example.com": true, "http://localhost:5173": true, "http://localhost": true,
		"https://preview-.example.com": false, "https://preview-a.b.example.com": false, "https://preview-7.example.com.evil.com": false,
		"https://preview-*.example.com": false,
		"http://preview-7.example.com":  false, "https://localhost:5173": false, "http://localhost:*": false,
		"http://localhost:5173.evil.com": false,
	} {
		if got := strings.HasPrefix(cp(t, table, origin, "PUT", "authorization"), "200 origin="+origin+" "); got != in {
			t.Errorf("preflight of %s: %v", origin, got)
		}
		if got := c.readable(origin).AllowOrigin == origin; got != in {
			t.Errorf("%s reads refusals: %v", origin, got)
		}
		r := Request{
			Target:  mustTarget(t, app2URL),
			Method:  "POST",
			Origin:  origin,
			Site:    SiteOther,
			Subject: session("shop/app2"),
			Now:     now,
		}
		if got := table.Decide(r).Verdict == Admit; got != in {
			t.Errorf("POST of %s with a cookie: %v", origin, got)
		}
		if got := len(table.TokenAudience("app2.example.com", origin, session("shop/app2"), now)) > 0; got != in {
			t.Errorf("token for %s: %v", origin, got)
		}
	}
}

// TestManyPatterns: any number of patterns of one domain are found, without allocation.
func TestManyPatterns(t *testing.T) {
	c := &CORS{AllowedMethods: []string{"GET"}}
	for i := range 500 {
		c.AllowedOrigins = append(
			c.AllowedOrigins,
			fmt.Sprintf("https://a%d-*.example.com", i),
			fmt.Sprintf("https://*-b%d.x%d.example", i, i%50),
		)
	}
	out := compileCORS(c)
	for i := range 501 {
		for _, o := range []string{fmt.Sprintf("https://a%d-7.example.com", i), fmt.Sprintf("https://x-b%d.x%d.example", i, i%50)} {
			if out.allowsOrigin(o) != (i < 500) {
				t.Errorf("%s: %v", o, i >= 500)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { out.allowsOrigin("HTTPS://A499-preview-of-a-branch.example.com") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	local := compileCORS(&CORS{AllowedOrigins: []string{"http://localhost:*", "https://pr-*.example.com"}})
	if n := testing.AllocsPerRun(100, func() { local.allowsOrigin("http://localhost:5173") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
