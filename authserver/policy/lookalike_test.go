// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// TestLookalikes compares the table with Unicode's compatibility forms.
func TestLookalikes(t *testing.T) {
	bestFit := "\u2044\u2215\u29f8\u2216\u29f5"
	for r := rune(0x80); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		form := norm.NFKC.String(string(r))
		if !strings.ContainsAny(form, `./\`) {
			form = ""
		}
		if got := lookalikes[r]; got != form && !strings.ContainsRune(bestFit, r) {
			t.Errorf("%U: %q, Unicode says %q", r, got, form)
		}
	}
}

// What Windows, or a server that normalises names, reads as a dot segment or another
// name is ambiguous: no rule that lets everybody in applies, and where the readings lead
// to two policies nobody gets in. attack: "/public/.%20/", full-width dots and slashes.
func TestOddSegments(t *testing.T) {
	table := mustBuild(t, fixture()...)
	const app = "https://app.example.com"
	for _, path := range []string{
		"/public/.%20/", "/public/%20../admin", "/public/..%20/admin", "/public/..%20%20/admin", "/public/.%20./admin", "/public/%20.%20.%20/admin", "/public/...%20/admin",
		"/public/.../admin", "/public/..%C2%A0/admin", "/public/%C2%A0../admin", "/public/..%E3%80%80/admin", "/public/..%E2%80%8B/admin", "/public/.%E2%80%8C./admin",
		"/public/..%E2%80%8E/admin", "/public/..%EF%BB%BF/admin", "/public/..%C2%AD/admin", "/public/..%EF%B8%8F/admin", "/public/..%20", "/public/.%20", "/public/x./", "/public/x%20/y", "/public/x.",
		"/public/%EF%BC%8E%EF%BC%8E/admin", "/public/%EF%BC%8E./admin", "/public/..%EF%BC%8Fadmin", "/public/..%EF%BC%BCadmin", "/public/%E2%80%A5/admin", "/public/%E2%80%A6/admin",
		"/public/%E2%80%A4%E2%80%A4/admin", "/public/%EF%B9%92%EF%B9%92/admin", "/public/..%E2%88%95admin", "/public/..%E2%81%84admin", "/public/..%E2%88%96admin", "/public/%E2%84%80",
		"/public/..%2520/admin", "/public/%25EF%25BC%258E./admin", "/public/..%20%2fadmin", "/public/..%20;/admin", "/public/..;%20/admin", "/public//..%20//admin",
		"/public/x%E2%80%A6", "/public/a\u2024", "/public/..\u00a0/admin",
	} {
		if d := get(table, app+path, false); d.Verdict != Deny || d.Reason != AmbiguousPath {
			t.Errorf("%s, nobody: %s", path, brief(d))
		}
		target, err := NewTarget("app.example.com", path)
		if err == nil && target.Canonical() {
			t.Errorf("%s is canonical", path)
		}
	}
	for path, want := range map[string]string{ // signed in: where every reading leads to one policy
		"/admin/x.": "allow signed-in app-admin", "/admin/x%20": "allow signed-in app-admin", "/admin/%E2%80%A6": "deny ambiguous-path app-admin",
		"/admin/Hello%E2%80%A6": "allow signed-in app-admin", "/admin/a%EF%BC%8Fb": "allow signed-in app-admin", "/admin/a%EF%BC%BCb": "deny ambiguous-path ",
		"/admin.": "deny ambiguous-path app", "/admin%20/x": "deny ambiguous-path app", "/admin.%20.": "deny ambiguous-path app", "/%20admin": "allow signed-in app",
		"/%EF%BC%8Fadmin": "deny ambiguous-path app", "/public%EF%BC%8F..%EF%BC%8Fadmin": "deny ambiguous-path app",
	} {
		if got := brief(get(table, app+path, true)); got != strings.TrimSpace(want) && got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, path := range []string{ // plain, as people write them
		"/public/a.b", "/public/.well-known/x", "/public/..x", "/public/x..y/z", "/public/a%20b", "/public/%20a", "/public/main...feature", "/public/100%25",
		"/public/" + url.PathEscape("caf\u00e9"), "/public/" + url.PathEscape("\u2764\ufe0f"), "/public/" + url.PathEscape("\u4f55\uff1f"), "/public/" + url.PathEscape("\u3042\u3002"),
		"/public/" + url.PathEscape("\U0001F468\u200d\U0001F469"), "/public/" + url.PathEscape("\u0645\u06cc\u200c\u062e"), "/public/-", "/public/~x", "/public/a%3Ab@c",
	} {
		if d := get(table, app+path, false); d.Verdict != Admit {
			t.Errorf("%s: %s", path, brief(d))
		}
	}
}
