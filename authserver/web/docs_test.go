// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/web"
)

// TestParseDocs: a web address, to which a fragment can be added.
func TestParseDocs(t *testing.T) {
	for s, want := range map[string]string{
		"https://docs.example.com":                "https://docs.example.com#blocked",
		"https://docs.example.com/":               "https://docs.example.com/#blocked",
		"http://docs.localhost:8000/a/reasons.md": "http://docs.localhost:8000/a/reasons.md#blocked",
		`https://docs.example.com/a"b`:            "https://docs.example.com/a%22b#blocked",
		"https://docs.example.com/?":              "bad", "https://docs.example.com/?a=b": "bad", "https://docs.example.com/#a": "bad",
		"https://u:p@docs.example.com/": "bad", "docs.example.com": "bad", "/docs": "bad", "https://": "bad", "https://:443/": "bad",
		"javascript:alert(1)": "bad", "mailto:help@example.com": "bad", "https://docs example.com": "bad",
		"": "",
	} {
		d, err := web.ParseDocs(s)
		if (err != nil) != (want == "bad") || err == nil && d.Of("blocked") != want {
			t.Errorf("%q: %q, %v, want %q", s, d.Of("blocked"), err, want)
		}
		if d.Of("") != "" {
			t.Errorf("%q: there is no reason, and %s", s, d.Of(""))
		}
	}
}

// TestDocsLink: pages link to what their reason means, and only if there is such a page.
func TestDocsLink(t *testing.T) {
	for name, show := range map[string]func(docs string) []byte{
		"page": func(docs string) []byte {
			return page(web.Render(web.Page{Title: "No", Reason: "blocked", DocsURL: docs}))
		},
		"refusal": func(docs string) []byte { return page(web.Refusal(web.RefusalView{Reason: "blocked", DocsURL: docs})) },
		"denied":  func(docs string) []byte { return page(web.Denied(web.DeniedView{Reason: "blocked", DocsURL: docs})) },
		"loop":    func(docs string) []byte { return page(web.Loop(web.LoopView{DocsURL: docs})) },
	} {
		const to = "https://docs.example.com/reasons#blocked"
		found := 0
		for _, n := range parsed(t, show(to)) {
			if n.Data == "a" && attr(n, "href") == to && attr(n, "rel") == "noreferrer" && text(n) == "What this means" {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s: %d links", name, found)
		}
		if strings.Contains(string(show("")), "What this means") {
			t.Errorf("%s: a link to nowhere", name)
		}
	}
}
