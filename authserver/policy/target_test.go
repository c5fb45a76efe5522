// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"strings"
	"testing"
)

// What the rows of the threat list expect.
const (
	bad       = "deny bad-request"
	ambiguous = "deny ambiguous-path"
	nobody    = "deny no-policy"
	login     = "challenge no-session app"
	admin     = "challenge no-session app-admin"
	public    = "allow bypass app-public"
)

type row struct{ id, url, want string }

func (r row) check(t *testing.T, table *Table) {
	t.Run(r.id+" "+strings.ToValidUTF8(r.url[:min(len(r.url), 60)], "?"), func(t *testing.T) {
		d := get(table, r.url, false)
		// Why it was refused is tested where it is not "ambiguous": that may
		// name the policy that would have judged the path, or none.
		if got := brief(d); got != r.want && !(r.want == ambiguous && strings.HasPrefix(got, ambiguous)) {
			t.Errorf("%q: %s, want %s", r.url, got, r.want)
		}
		if got := get(nil, r.url, false); got.Verdict != Deny {
			t.Errorf("%q with no table: %s", r.url, brief(got))
		}
	})
}

func TestThreatsHost(t *testing.T) {
	table := mustBuild(t, fixture()...)
	label := strings.Repeat("a", 63)
	for _, r := range []row{
		{"A1", "https://public.example.com/", "allow bypass public"}, // pinning is the listener's job
		{"A2", "https://public.example.com#.apps.example.com", bad},
		{"A2", "https://public.example.com#.apps.example.com/", bad},
		{"A2", "https://public.example.com?.apps.example.com", "allow bypass public"},
		{"A2", "https://app.example.com@public.example.com/", bad},
		{"A2", "https://public.example.com\\.apps.example.com/", bad},
		{"A2", "https://public.example.com%23.apps.example.com/", bad},
		{"A2", "https://public.example.com%2f.apps.example.com/", bad},
		{"A5", "https://APP.Example.COM/", login},
		{"A5", "https://x.APPS.example.com/", "challenge no-session apps"},
		{"A6", "https://app.example.com./", login},
		{"A6", "https://app.example.com./public", public},
		{"A6", "https://app.example.com../", bad},
		{"A6", "https://app.example.com.:443/", login},
		{"A7", "https://app.example.com:443/", login},
		{"A7", "https://app.example.com:8443/", login},
		{"A7", "http://app.example.com:80/", login},
		{"A8", "https://app.example.com:/", bad},
		{"A8", "https://app.example.com:99999/", bad},
		{"A8", "https://app.example.com:65536/", bad},
		{"A8", "https://app.example.com:0/", bad},
		{"A8", "https://app.example.com:-1/", bad},
		{"A8", "https://app.example.com:+80/", bad},
		{"A8", "https://app.example.com:80:80/", bad},
		{"A8", "https://app.example.com:８０/", bad},
		{"A10", "https://[::1]:8080/", nobody},
		{"A10", "https://[::1]/", nobody},
		{"A10", "https://[::ffff:10.0.0.1]/", nobody},
		{"A10", "https://10.0.0.1/", nobody},
		{"A10", "https://10.0.0.1:80/", nobody},
		{"A10", "https://[fe80::1%25eth0]/", bad},
		{"A10", "https://[::1/", bad},
		{"A10", "https://::1/", bad},
		{"A10", "https://[]/", bad},
		{"A10", "https://[::1]x/", bad},
		{"A10", "https://[::1]]/", bad},
		{"A10", "https://[[::1]]/", bad},
		{"A10", "https://[/", bad},
		{"A10", "https://]/", bad},
		{"A11", "https://xn--bcher-kva.example.com/", "challenge no-session intl"},
		{"A11", "https://XN--BCHER-KVA.example.com/", "challenge no-session intl"},
		{"A11", "https://bücher.example.com/", bad},
		{"A11", "https://ａpp.example.com/", bad},
		{"A11", "https://app。example.com/", bad},
		{"A13", "https://app.example.com, public.example.com/", bad},
		{"A13", "https://app.example.com,public.example.com/", bad},
		{"A14", "", bad},
		{"A14", "*", bad},
		{"A14", "/x", bad},
		{"A14", "//app.example.com/public", bad},
		{"A14", "javascript:x", bad},
		{"A14", "javascript://app.example.com/public", bad},
		{"A14", "ftp://app.example.com/public", bad},
		{"A14", "HTTPS://app.example.com/public", bad},
		{"A14", "https:app.example.com/public", bad},
		{"A14", " https://app.example.com/public", bad},
		{"A15", "https:///public", bad},
		{"A15", "https://", bad},
		{"A15", "https://:443/public", bad},
		{"A15", "https://./public", bad},
		{"A17", "https://apps.example.com/", nobody},
		{"A17", "https://evilapps.example.com/", nobody},
		{"A17", "https://xapps.example.com/", nobody},
		{"A17", "https://a.b.apps.example.com/", nobody},
		{"A17", "https://.apps.example.com/", bad},
		{"A17", "https://*.apps.example.com/", bad},
		{"A17", "https://x.apps.example.com.evil.com/", nobody},
		{"A17", "https://_x.apps.example.com/", "challenge no-session apps"},
		{"A18", "https://nowhere.example.com/", nobody},
		{"A18", "https://localhost/", nobody},
		{"A20", "https://" + strings.Repeat("a", 300) + ".apps.example.com/", bad},
		{"A20", "https://" + label + ".apps.example.com/", "challenge no-session apps"},
		{"A20", "https://" + label + "a.apps.example.com/", bad},
		{"A20", "https://" + strings.Repeat(label+".", 4) + "com/", bad},
		{"A20", "https://app.example.com" + strings.Repeat(".", 64<<10) + "/", bad},
	} {
		r.check(t, table)
	}
}

func TestThreatsPath(t *testing.T) {
	table := mustBuild(t, fixture()...)
	const app = "https://app.example.com"
	for _, r := range []row{
		{"B1", "/public/../admin", ambiguous},
		{"B1", "/public/..", ambiguous},
		{"B1", "/public/./x", "deny ambiguous-path app-public"},
		{"B1", "/..", ambiguous},
		{"B1", "/public/../../admin", ambiguous},
		{"B2", "/public/%2e%2e/admin", ambiguous},
		{"B2", "/public/%2E%2E/admin", ambiguous},
		{"B2", "/public/.%2e/admin", ambiguous},
		{"B2", "/public/%252e%252e/admin", ambiguous},
		{"B2", "/public/%25%32%65%25%32%65/admin", ambiguous},
		{"B2", "/public/%252%65%252%65/admin", ambiguous},
		{"B2", "/public/%25252e%25252e/admin", ambiguous},
		{"B3", "/public/..%2fadmin", ambiguous},
		{"B3", "/public/..%2Fadmin", ambiguous},
		{"B3", "/public%2f..%2fadmin", ambiguous},
		{"B3", "/public%2fx", ambiguous},
		{"B3", "/admin%2fx", ambiguous},
		{"B3", "/public/..%252fadmin", ambiguous},
		{"B5", "//admin", ambiguous},
		{"B5", "///public/../admin", ambiguous},
		{"B5", "//public", ambiguous},
		{"B6", "/public//../admin", ambiguous},
		{"B8", `/public\..\admin`, ambiguous},
		{"B8", "/public/..%5cadmin", ambiguous},
		{"B8", "/public/..%255cadmin", ambiguous},
		{"B10", "/admin%00", ambiguous},
		{"B10", "/public/%00/../admin", ambiguous},
		{"B10", "/public/%0a", ambiguous},
		{"B10", "/public/%7f", ambiguous},
		{"B10", "/public/%2500", ambiguous},
		{"B11", "/public/\x00", bad},
		{"B11", "/public/\r\nX: y", bad},
		{"B11", "/public/\t", bad},
		{"B11", "/public/ x", bad},
		{"B11", "/public?a b", bad},
		{"B12", "/admin%zz", bad},
		{"B12", "/admin%", bad},
		{"B12", "/admin%2", bad},
		{"B12", "/admin%u0061", bad},
		{"B12", "/public/%c0%ae%c0%ae/admin", ambiguous},
		{"B12", "/public/\xc0\xae", ambiguous},
		{"B12", "/public/é", ambiguous},
		{"B13", "/public#/../admin", bad},
		{"B13", "/public?x#y", bad},
		{"B13", "/public%23/../admin", ambiguous},
		{"B13", "/public%3f/../admin", ambiguous},
		{"B13", "/public%253f/../admin", ambiguous},
		{"B15", "/admin?x=/public/", admin},
		{"B15", "/admin?/public", admin},
		{"B15", "/admin?/../public/", admin},
		{"B15", "?/public", login},
		{"B15", "/public?/../admin", public},
		{"B16", "/%61dmin", admin},
		{"B16", "/%70ublic", "deny ambiguous-path app-public"},
		{"B17", "/ADMIN", login},
		{"B17", "/Public/x", login},
		{"B18", "/public", public},
		{"B18", "/public/", public},
		{"B18", "/public/x/y", public},
		{"B18", "/publicX", login},
		{"B18", "/public.", ambiguous}, // to Windows it is /public
		{"B18", "/public..", ambiguous},
		{"B18", "/public...", ambiguous},
		{"B18", "/x.", login},
		{"B18", "/.x/..y/a.b..c", login},
		{"B18", "/publi", login},
		{"B18", "/public%20", ambiguous},
		{"B18", "/%20public", login},
		{"B18", "/public;x", ambiguous},
		{"B18", "/public/;/../admin", ambiguous},
		{"B18", "/public/..;/admin", ambiguous},
		{"B18", "/public/..%3badmin/admin", ambiguous},
		{"B18", "/public/..%253bx/admin", ambiguous},
		{"B20", "/public/" + strings.Repeat("a", 8<<10), bad},
		{"B20", "/public/" + strings.Repeat("a", 64<<10), bad},
		{"B20", "/public/" + strings.Repeat("a", 8<<10-8), public},
		{"B20", "/public?" + strings.Repeat("a", 64<<10), public},
		{"B23", "/_auth/../admin", ambiguous},
		{"B23", "/_auth%2f..%2fadmin", ambiguous},
		{"", "", login},
		{"", "/", login},
		{"", "/caf%C3%A9", login},
		{"", "/public/caf%C3%A9", public},
	} {
		r.url = app + r.url
		r.check(t, table)
	}
}

// B21, and other request targets that are no paths.
func TestThreatsRequestTarget(t *testing.T) {
	for _, s := range []string{"*", "app.example.com:443", "https://app.example.com/", "x", ".", "..", "%2fpublic"} {
		if target, err := NewTarget("app.example.com", s); err == nil {
			t.Errorf("NewTarget(%q) = %q", s, target.Path())
		}
	}
	for in, want := range map[string]string{"": "/", "?": "/", "?/x": "/", "/": "/", "/a?b?c": "/a", "/a/?": "/a/"} {
		target, err := NewTarget("app.example.com:80", in)
		if err != nil || target.Path() != want || !target.Canonical() {
			t.Errorf("NewTarget(%q) = %q, %v; want %q", in, target.Path(), err, want)
		}
	}
}

func TestTargetErrorsAreTyped(t *testing.T) {
	for _, url := range []string{"", "https://", "https://a.x/%", `https://a.x/\`, "https://a.x/..", "https://a.x/%" + strings.Repeat("25", 40) + "61",
		"https://a.x" + strings.Repeat("/a/../b;%2f/", 650), // would be 17 readings of 8 KiB each
		"https://a.x/%2500", "https://a.x/%255c", "https://a.x/%25c0%25ae", "https://a.x/a/%252e%252e/%252e%252e"} {
		_, err := ParseTarget(url)
		var te *TargetError
		if !errors.As(err, &te) || te.Message == "" || te.Reason != BadRequest && te.Reason != AmbiguousPath {
			t.Errorf("ParseTarget(%.40q): %v", url, err)
		}
	}
}

// A person who is signed in gets through an odd path only where it can lead
// nowhere else.
func TestOddPathsOfOnePolicy(t *testing.T) {
	table := mustBuild(t, fixture()...)
	for path, want := range map[string]string{
		"/admin//x":          "allow signed-in app-admin",
		"/admin/./x":         "allow signed-in app-admin",
		"/admin/x/..":        "allow signed-in app-admin",
		"/admin/x;v=1":       "allow signed-in app-admin",
		"/admin/%78":         "allow signed-in app-admin",
		"/admin/%2578":       "allow signed-in app-admin",
		"/admin/é":           "allow signed-in app-admin",
		"/admin/what%3f":     "allow signed-in app-admin",
		"/admin/%2f":         "deny ambiguous-path app-admin", // unless allowEncodedSlashes
		"/admin/../admin":    "allow signed-in app-admin",     // as every reading is below /admin
		"//admin":            "deny ambiguous-path app-admin",
		"/admin/..;/public":  "deny ambiguous-path app-admin",
		"/x/../admin":        "deny ambiguous-path app-admin",
		"/admin/x/../../api": "deny ambiguous-path app-api",
	} {
		if got := brief(get(table, "https://app.example.com"+path, true)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// Chains of two servers read a path in ways that neither does alone.
func TestReadingsOfChains(t *testing.T) {
	for raw, want := range map[string][]string{
		"/a///../b":                 {"/b", "/a/b"},           // Envoy resolves, then merges
		"/a/%252e%252e/x%252f..":    {"/", "/x%2f.."},         // decodes twice, but not slashes
		"/a/%25%32%65%25%32%65/b":   {"/a/%2e%2e/b", "/b"},    // the escape of an escape, in pieces
		"/a/%252e%252e%253b/b":      {"/a/..;/b", "/b"},       // decodes twice, then drops parameters
		"/a;%2f..%2fb":              {"/b", "/a"},             // drops parameters before or after decoding
		"/a%252fb%253fc":            {"/a/b", "/a/b?c"},       // a query that a second decoder finds
		"/%2525252561":              {"/a", "/%61", "/%2561"}, // decodes as often as it can
		"/a//b/../c":                {"/a/c", "/a/b/../c"},    // merges, and matches raw
		"/a/;/../b":                 {"/a/b", "/b"},
		"/x%3b%2f..%2f..%2fa/%2e%2": nil,
	} {
		target, err := NewTarget("a.x", raw)
		if want == nil {
			if err == nil {
				t.Errorf("%s: accepted", raw)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		all := "\n" + strings.Join(append(target.readings, target.path), "\n") + "\n"
		for _, w := range want {
			if !strings.Contains(all, "\n"+w+"\n") {
				t.Errorf("%s: no reading %s among%s", raw, w, all)
			}
		}
	}
}
