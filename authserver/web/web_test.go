// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// parsed returns all elements of a page, in its order.
func parsed(t *testing.T, page []byte) []*html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var all []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// fill sets every string of a view to s, in every list two elements, and every
// flag; what is named like an address becomes url.
func fill(v reflect.Value, s, url string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; strings.HasSuffix(name, "URL") || name == "Action" && v.Type() != reflect.TypeFor[web.Page]() {
				v.Field(i).SetString(url)
				continue
			}
			fill(v.Field(i), s, url)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), s, url)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), s, url)
		}
	case reflect.String:
		v.SetString(s)
	default:
	}
}

func filled[V any](show func(V) web.Document) func(s, url string, flag bool) []byte {
	return func(s, url string, flag bool) []byte {
		var view V
		v := reflect.ValueOf(&view).Elem()
		fill(v, s, url)
		if f := v.FieldByName("Everywhere"); f.IsValid() {
			f.SetBool(flag)
		}
		return page(show(view))
	}
}

var shows = map[string]func(s, url string, flag bool) []byte{
	"page": filled(web.Render), "login": filled(web.Login), "chooser": filled(web.Chooser),
	"denied": filled(web.Denied), "signed out": filled(web.SignedOut),
	"confirm logout": filled(web.ConfirmLogout), "loop": filled(web.Loop), "continue": filled(web.Continue), "launcher": filled(web.Launcher),
	"sessions": filled(web.Sessions),
	"keep": func(s, url string, _ bool) []byte {
		return page(web.Keep(web.KeepView{Host: s, Address: s, Next: url}))
	},
	"kept": func(s, url string, _ bool) []byte { return page(web.Kept(s, url, s)) },
}

// shape is what a page is made of: elements and the names of their attributes.
func shape(t *testing.T, page []byte) string {
	var b strings.Builder
	for _, n := range parsed(t, page) {
		b.WriteString("<" + n.Data)
		for _, a := range n.Attr {
			b.WriteString(" " + a.Key)
		}
		b.WriteString(">\n")
	}
	return b.String()
}

// TestEscapes: whatever the fields hold, the page is made of the same elements,
// runs nothing, and leads to web addresses only.
func TestEscapes(t *testing.T) {
	texts := []string{
		`<script>alert(1)</script>`, `"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`, `" autofocus onfocus="alert(1)`, `</title><script>alert(1)</script>`,
		`</style><script>alert(1)</script>`, `--><script>`, `{{.}}`, "` onmouseover=alert(1)", "a\x00b", "\xff\xfe", "\u202eabc", "</textarea></p></main>", `&lt;script&gt;`,
	}
	urls := []string{
		"https://a.example/?a=b&c=\"><script>alert(1)</script>", "javascript:alert(1)", " JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)", "javascript&colon;alert(1)",
		"data:text/html,<script>alert(1)</script>", "vbscript:msgbox(1)", "https://a.example/' onclick='alert(1)", "https://a.example/;url=javascript:alert(1)", "blob:https://a.example/1",
	}
	for name, show := range shows {
		for i := range max(len(texts), len(urls)) {
			for _, flag := range []bool{false, true} {
				s, to := texts[i%len(texts)], urls[i%len(urls)]
				benign := "https://a.example/"
				got := show(s, to, flag)
				if name == "continue" && !strings.HasPrefix(to, "https://") {
					benign = "x" // is refused
				}
				if want := shape(t, show("x", benign, flag)); shape(t, got) != want {
					t.Errorf("%s with %q and %q is made of\n%s\nwant\n%s", name, s, to, shape(t, got), want)
				}
				checkAddresses(t, name, to, got)
			}
		}
	}
}

func checkAddresses(t *testing.T, name, to string, page []byte) {
	t.Helper()
	for _, n := range parsed(t, page) {
		for _, key := range []string{"href", "action"} {
			at := attr(n, key)
			if attr(n, "rel") == "icon" {
				continue
			}
			if at != "" && at != "#ZgotmplZ" && !strings.HasPrefix(at, "https://") && !strings.HasPrefix(at, "javascript&colon;") {
				t.Errorf("%s with %q: %s leads to %q", name, to, n.Data, at)
			}
		}
		if n.Data == "meta" && attr(n, "http-equiv") != "" && !strings.HasPrefix(attr(n, "content"), "0; url=https://a.example/") {
			t.Errorf("%s with %q moves on: %q", name, to, attr(n, "content"))
		}
	}
}

// TestShown: what a view says is on its page, as text.
func TestShown(t *testing.T) {
	for name, show := range shows {
		if name == "continue" {
			continue // it has an address only
		}
		const said = `said <b>&amp; "done"</b>`
		all := parsed(t, show(said, "https://a.example/", false))
		if !strings.Contains(text(all[0]), said) {
			t.Errorf("%s: %q is not in its text:\n%s", name, said, text(all[0]))
		}
	}
}

// TestStructure: a language, a title, one heading, one main part, a label for
// every field, and nothing from elsewhere.
func TestStructure(t *testing.T) {
	const next = "https://app1.example.com/a?b=c"
	for _, s := range samples(next) {
		count, labels, ids := map[string]int{}, map[string]bool{}, map[string]bool{}
		all, icons := parsed(t, s.html), 0
		for _, n := range all {
			count[n.Data]++
			if id := attr(n, "id"); id != "" {
				if ids[id] {
					t.Errorf("%s: two elements are #%s", s.name, id)
				}
				ids[id] = true
			}
			switch {
			case n.Data == "html" && attr(n, "lang") != langOf(s.name),
				(n.Data == "title" || n.Data == "h1" || n.Data == "a" || n.Data == "button") && strings.TrimSpace(text(n)) == "":
				t.Errorf("%s: %s says nothing", s.name, n.Data)
			case n.Data == "label":
				labels[attr(n, "for")] = true
			}
			from := imagesOf(s.name, next)
			if n.Data == "img" && from != "" && strings.HasPrefix(attr(n, "src"), from+"/") && attr(n, "referrerpolicy") == "no-referrer" {
				continue
			}
			if n.Data == "link" && attr(n, "rel") == "icon" && strings.HasPrefix(attr(n, "href"), "data:image/svg+xml;base64,") {
				icons++ // without one, browsers ask the application for /favicon.ico
				continue
			}
			// Of these the policy has the hash.
			if slices.Contains([]string{live, onward, typing, keeping, closing, within, touching}, s.form) && n.Data == "script" {
				continue
			}
			if attr(n, "src") != "" || attr(n, "style") != "" || slices.Contains([]string{"script", "link", "iframe", "object", "img"}, n.Data) {
				t.Errorf("%s: the policy blocks %s", s.name, n.Data)
			}
		}
		for _, n := range all {
			if slices.Contains([]string{"select", "textarea"}, n.Data) && !labels[attr(n, "id")] {
				t.Errorf("%s: %s needs a label", s.name, attr(n, "name"))
			}
			if n.Data == "input" && attr(n, "type") != "hidden" && (!labels[attr(n, "id")] || attr(n, "autocomplete") == "") {
				t.Errorf("%s: %s needs a label and an autocomplete", s.name, attr(n, "name"))
			}
			if by := attr(n, "aria-describedby"); by != "" && !ids[by] {
				t.Errorf("%s: there is no #%s", s.name, by)
			}
		}
		if icons != 1 {
			t.Errorf("%s: %d icons", s.name, icons)
		}
		for _, name := range []string{"title", "h1", "main", "style"} {
			if count[name] != 1 {
				t.Errorf("%s: %d of %s", s.name, count[name], name)
			}
		}
		if (count["form"] > 0) != (s.form != "" && !slices.Contains([]string{keeping, closing, within}, s.form)) {
			t.Errorf("%s: %d forms", s.name, count["form"])
		}
	}
}

// TestPolicy: the style that pages hold is the one that the policy allows.
func TestPolicy(t *testing.T) {
	_, hash, _ := strings.Cut(web.Plain().CSP(), "style-src ")
	hash, _, _ = strings.Cut(hash, ";")
	for _, s := range samples("https://app1.example.com/") {
		_, style, _ := strings.Cut(string(s.html), "<style>")
		style, _, _ = strings.Cut(style, "</style>")
		sum := sha256.Sum256([]byte(style))
		if want := fmt.Sprintf("'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:])); hash != want {
			t.Errorf("%s: the style's hash is %s, and %s allowed", s.name, want, hash)
		}
	}
	base := "default-src 'none'; style-src " + hash + "; frame-ancestors 'none'; base-uri 'none'; form-action "
	for _, c := range []struct {
		forms []string
		want  string
	}{
		{nil, "'none'"},
		{[]string{"'self'"}, "'self'"},
		{[]string{"'self'", "https://app.example.com:8443"}, "'self' https://app.example.com:8443"},
		{[]string{"https://a.example; script-src *"}, "'none'"},
		{[]string{"'self'", "https://a.example, default-src *"}, "'none'"},
		{[]string{"https://a.example\r\nSet-Cookie: a=b"}, "'none'"},
	} {
		if got := web.Plain().CSP(c.forms...); got != base+c.want+"; img-src data:" {
			t.Errorf("%q: %s", c.forms, got)
		}
	}
}

// TestContinue: it leads to web addresses, as they are written.
func TestContinue(t *testing.T) {
	for to, want := range map[string]string{
		"https://app.example.com/a?b=c&d=e;f=g%20h#i": "0; url=https://app.example.com/a?b=c&d=e;f=g%20h#i",
		"http://localhost:8080/":                      "0; url=http://localhost:8080/",
		"/relative":                                   "", "//a.example/": "", "": "", "javascript:alert(1)": "", "ftp://a.example/": "", "https:a.example": "",
	} {
		got := ""
		for _, n := range parsed(t, page(web.Continue(web.ContinueView{URL: to}))) {
			if attr(n, "http-equiv") == "refresh" {
				got = attr(n, "content")
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", to, got, want)
		}
	}
}

// TestImages: a page's policy gets origins of pictures, and nothing that is none.
func TestImages(t *testing.T) {
	for _, tc := range []struct {
		origins []string
		want    string
	}{
		{nil, web.Plain().CSP()},
		{[]string{"https://a.x", "https://b.x:8443"}, web.Plain().CSP() + " https://a.x https://b.x:8443"},
		{[]string{"https://a.x; script-src *", "https://a.x *"}, web.Plain().CSP()},
		{[]string{"https://a.x,x", "'unsafe-inline'", "*", "data:", "https://a.x\r\n"}, web.Plain().CSP()},
	} {
		if got := web.WithImages(web.Plain().CSP(), tc.origins...); got != tc.want {
			t.Errorf("%q: %s", tc.origins, got)
		}
	}
}

// TestMistakeIsNotTheVisitors: where a policy has a mistake, nobody is told that it is they who
// may not pass.
func TestMistakeIsNotTheVisitors(t *testing.T) {
	view := web.RefusalView{Status: 403, Reason: "invalid-policy", Host: "app1.example.com", RequestID: "4f1d09c2a7be6634"}
	said := text(parsed(t, page(web.Refusal(view)))[0])
	for _, want := range []string{"not available", "not about your account", "administrator", view.RequestID} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
	if strings.Contains(said, "don’t have access") {
		t.Error(said)
	}
}

// TestDeniedSaysWhatToDo: without words of the application's owner, whoever is denied is told
// whom to send what; with them, those stand there.
func TestDeniedSaysWhatToDo(t *testing.T) {
	view := web.DeniedView{Host: "app1.example.com", SignedInAs: "ann@example.com", Why: web.WhyDenied(policy.NoRuleMatched),
		Reason: "no-rule-matched", RequestID: "4f1d09c2a7be6634", RetryURL: "https://app1.example.com/x"}
	const sends = "send the details below to the site’s administrator"
	said := text(parsed(t, page(web.Denied(view)))[0])
	if !strings.Contains(said, sends) || !strings.Contains(said, view.RequestID) || !strings.Contains(said, "Try again") {
		t.Error(said)
	}
	view.Message = "Ask the payroll team."
	if said = text(parsed(t, page(web.Denied(view)))[0]); !strings.Contains(said, view.Message) || strings.Contains(said, sends) {
		t.Error(said)
	}
}

// TestShowPassword: the form's script is the one that its policy allows, it asks nobody, and its
// button is not there without it.
func TestShowPassword(t *testing.T) {
	all := parsed(t, page(web.Login(web.LoginView{Host: "app1.example.com", Action: "/.access/login/app1.example.com"})))
	var script, button string
	for _, n := range all {
		switch {
		case n.Data == "script":
			script = text(n)
		case attr(n, "id") == "show":
			button = attr(n, "type") + " " + attr(n, "aria-controls")
			if !slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "hidden" }) {
				t.Error("the button is there without the script")
			}
		}
	}
	sum := sha256.Sum256([]byte(script))
	csp := web.Plain().LoginCSP("'self'")
	if want := "; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.HasSuffix(csp, want) ||
		!strings.HasPrefix(csp, web.Plain().CSP("'self'")) || script == "" || strings.Contains(script, "fetch") {
		t.Errorf("%s\n%s", csp, script)
	}
	if button != "button password" {
		t.Error(button)
	}
}
