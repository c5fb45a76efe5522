// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/ostiary/ostiary/authserver/web"
)

// operatorPages speak English: those who run the installation read its manifests, too.
var operatorPages = []string{"whydetails.html", "nooperators.html", "denials.html", "tester.html", "policies.html", "parts.html"}

// sentences are all that the pages say, in English: of the templates, and of the Go code.
func sentences(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	said := regexp.MustCompile(`\{\{-? ?(?:text|say) ("(?:[^"\\]|\\.)*")`)
	for _, file := range glob(t, "*.html") {
		for _, m := range said.FindAllStringSubmatch(read(t, file), -1) {
			sentence, err := strconv.Unquote(m[1])
			if err != nil {
				t.Fatalf("%s: %s: %v", file, m[1], err)
			}
			out[sentence] = file
		}
	}
	for _, file := range []string{"words.go", "refusal.go", "web.go", "why.go"} {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if _, ok := n.(*ast.ImportSpec); ok {
				return false
			}
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			sentence, constant := folded(e)
			if constant && sentence != "" && unicode.IsUpper([]rune(sentence)[0]) {
				out[sentence] = file
			}
			return !constant
		})
	}
	return out
}

// folded is the value of a string, or of several that are added.
func folded(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		x, ok := folded(e.X)
		y, ok2 := folded(e.Y)
		return x + y, ok && ok2
	}
	return "", false
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal(pattern, err)
	}
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCatalogues: each language says every sentence, with the same arguments, and none that
// there is no more.
func TestCatalogues(t *testing.T) {
	all := sentences(t)
	if len(all) < 120 {
		t.Fatalf("%d sentences: the test sees too few", len(all))
	}
	placeholder := regexp.MustCompile(`\{\d\}`)
	for _, file := range glob(t, "words/*.json") {
		var words map[string]string
		if err := json.Unmarshal([]byte(read(t, file)), &words); err != nil {
			t.Fatal(file, err)
		}
		for sentence, from := range all {
			said := words[sentence]
			want, got := placeholder.FindAllString(sentence, -1), placeholder.FindAllString(said, -1)
			slices.Sort(want)
			slices.Sort(got)
			switch {
			case said == "":
				t.Errorf("%s does not say %q, which is in %s", file, sentence, from)
			case !slices.Equal(want, got) || strings.ContainsAny(said, "<>&") || strings.TrimSpace(said) != said:
				t.Errorf("%s: %q says %q", file, said, sentence)
			}
		}
		for _, sentence := range slices.Sorted(maps.Keys(words)) {
			if all[sentence] == "" {
				t.Errorf("%s says %q, which no page does", file, sentence)
			}
		}
	}
}

// TestTemplatesSayNothingThemselves: every word of a page is one that the catalogues know.
func TestTemplatesSayNothingThemselves(t *testing.T) {
	action, tag := regexp.MustCompile(`\{\{define "main-class"\}\}.*|\{\{.*?\}\}`), regexp.MustCompile(`<[^>]*>`)
	attribute := regexp.MustCompile(`(?:aria-label|placeholder|title|alt)="([^"]*)"`)
	for _, file := range glob(t, "*.html") {
		if slices.Contains(operatorPages, file) {
			continue
		}
		text := action.ReplaceAllString(read(t, file), "")
		rest := []string{tag.ReplaceAllString(text, "\n")}
		for _, m := range attribute.FindAllStringSubmatch(text, -1) {
			rest = append(rest, m[1])
		}
		for word := range strings.FieldsSeq(strings.Join(rest, "\n")) {
			if strings.ContainsFunc(word, unicode.IsLetter) && word != "login-loop" {
				t.Errorf("%s says %q itself", file, word)
			}
		}
	}
}

// TestLanguages: which language a reader gets.
func TestLanguages(t *testing.T) {
	for accept, want := range map[string]string{
		"": "en", "de": "de", "de-AT,de;q=0.9,en;q=0.8": "de", "en-GB,de;q=0.9": "en", "fr,nl;q=0.5": "nl", "ja-JP": "ja", "nl-BE": "nl",
		"zh-CN": "en", "fr": "en", "*": "en", "de;q=0": "en", "xx-invalid-\x00": "en", ";;;": "en", "en;q=0.1,de;q=0.9": "de",
		strings.Repeat("de,", 200): "en", "de\r\nX: y": "en", "de-DE-u-co-phonebk": "de", "gsw": "de", "af": "nl",
	} {
		html := string(web.Plain().Render(web.Render(web.NothingHere.Page("app.example.com")), accept))
		if !strings.Contains(html, `<html lang="`+want+`">`) && accept != "gsw" && accept != "af" { // what is near enough, the library knows
			t.Errorf("%.40q: %.60s", accept, html)
		}
	}
	html := string(web.Plain().Render(web.Render(web.ProviderRefused("Firma <b>", "denied", "no {1} {2}").Page("")), "de"))
	want := "Der Identitätsanbieter Firma &lt;b&gt; hat Sie nicht angemeldet (denied). Er sagt: „no {1} {2}“"
	if !strings.Contains(html, want) {
		t.Errorf("%s\nis not in %s", want, html)
	}
}

// TestTranslated: what a page says of its own is said in the language of the reader.
func TestTranslated(t *testing.T) {
	all := sentences(t)
	for _, s := range samples("https://app1.example.com/a?b=c") {
		if langOf(s.name) == "en" {
			continue
		}
		n := 0
		for _, node := range parsed(t, s.html) {
			for child := range node.ChildNodes() {
				said := strings.TrimSpace(child.Data)
				if _, english := all[said]; english && node.Data != "style" {
					t.Errorf("%s says %q", s.name, said)
				}
				n++
			}
		}
		if n < 10 {
			t.Errorf("%s: %d texts", s.name, n)
		}
	}
}

// FuzzAcceptLanguage: whatever a client sends, it gets a page in a language that there is.
func FuzzAcceptLanguage(f *testing.F) {
	for _, s := range []string{"de", "en-US,en;q=0.5", "*;q=0", "x-a-b", strings.Repeat("a-", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		html := string(web.Plain().Render(web.Render(web.NothingHere.Page("app.example.com")), accept))
		_, rest, _ := strings.Cut(html, `<html lang="`)
		if lang, _, ok := strings.Cut(rest, `"`); !ok || !slices.Contains([]string{"en", "de", "nl", "ja"}, lang) {
			t.Errorf("%q: %.80s", accept, html)
		}
	})
}
