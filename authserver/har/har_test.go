// SPDX-License-Identifier: Apache-2.0

package har

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpus is every export below testdata, by its path. The name of each is its cause, and
// what stands behind a dot tells several of one cause apart.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	files, err := filepath.Glob("testdata/*/*.har")
	if err != nil || len(files) == 0 {
		t.Fatalf("no exports: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = text
	}
	return out
}

func causeOf(name string) Cause {
	cause, _, _ := strings.Cut(filepath.Base(name), ".")
	return Cause(cause)
}

func diagnosed(t testing.TB, text []byte) (causes []Cause) {
	t.Helper()
	log, err := Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Diagnose(log) {
		causes = append(causes, f.Cause)
	}
	return causes
}

// TestCorpus: each export is diagnosed as what was done to make it. Those of Chromium are
// recorded by hack/browser.
func TestCorpus(t *testing.T) {
	seen := map[Cause]bool{}
	recorded := 0
	for name, text := range corpus(t) {
		cause := causeOf(name)
		got := diagnosed(t, text)
		if cause == "nothing" {
			if len(got) > 0 {
				t.Errorf("%s: diagnosed as %q, want nothing", name, got)
			}
			continue
		}
		if !slices.Contains(got, cause) || !cause.Doc().IsNote && got[0] != cause {
			t.Errorf("%s: diagnosed as %q", name, got)
		}
		seen[cause] = true
		if strings.Contains(name, "chromium") {
			recorded++
		}
	}
	for _, d := range Causes() {
		if !seen[d.Cause] {
			t.Errorf("no export has the cause %q", d.Cause)
		}
	}
	if recorded < 48 {
		t.Errorf("%d exports were recorded, want 48 and more", recorded)
	}
}

// TestCauses: each has its words, and is listed once.
func TestCauses(t *testing.T) {
	names := map[Cause]bool{}
	for _, d := range Causes() {
		if names[d.Cause] || d.Title == "" || d.Meaning == "" || !strings.HasSuffix(d.Fix, ".") || strings.HasSuffix(d.Title, ".") {
			t.Errorf("%q: listed twice, or its words are not whole: %+v", d.Cause, d)
		}
		names[d.Cause] = true
	}
}

// planted has secrets put everywhere where an export of a browser can have one.
func planted(t testing.TB, text []byte, secret string) []byte {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	log := all["log"].(map[string]any)
	for _, e := range log["entries"].([]any) {
		entry := e.(map[string]any)
		request, response := entry["request"].(map[string]any), entry["response"].(map[string]any)
		request["url"] = plant(request["url"].(string), secret)
		request["postData"] = map[string]any{"mimeType": secret, "text": secret, "params": []any{map[string]any{"name": secret,
			"value": secret}}}
		request["queryString"] = []any{map[string]any{"name": "a", "value": secret}}
		if cookies := list(request["cookies"]); len(cookies) > 0 { // one more would make it a request with credentials
			request["cookies"] = append(cookies, map[string]any{"name": "z", "value": secret})
		}
		request["headers"] = append(filled(request["headers"], secret), map[string]any{"name": "X-Api-Key", "value": secret})
		response["headers"] = append(filled(response["headers"], secret), map[string]any{"name": "X-Token", "value": secret})
		response["content"] = map[string]any{"text": secret, "mimeType": "text/html; x=" + secret}
		response["statusText"] = secret
		if to, _ := response["redirectURL"].(string); to != "" {
			response["redirectURL"] = plant(to, secret)
		}
		entry["_webSocketMessages"] = []any{map[string]any{"data": secret}}
		entry["comment"] = secret
		if i, ok := entry["_initiator"].(map[string]any); ok {
			i["stack"] = map[string]any{"callFrames": []any{map[string]any{"url": "https://a.example/?" + secret}}}
			if at, ok := i["url"].(string); ok {
				i["url"] = plant(at, secret)
			}
		}
	}
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// plant adds a user, a query and a fragment to an address.
func plant(at, secret string) string {
	scheme, rest, ok := strings.Cut(at, "://")
	if !ok {
		return at
	}
	at, _, _ = strings.Cut(rest, "#")
	separator := "?"
	if strings.Contains(at, "?") {
		separator = "&"
	}
	return scheme + "://user:" + secret + "@" + at + separator + "q=" + secret + "#" + secret
}

// filled has the secret in the values of headers that may hold one.
func filled(headers any, secret string) []any {
	out := list(headers)
	for _, h := range out {
		h := h.(map[string]any)
		value, _ := h["value"].(string)
		switch strings.ToLower(h["name"].(string)) {
		case "cookie":
			h["value"] = value + "; s=" + secret
		case "set-cookie":
			name, rest, _ := strings.Cut(value, "=")
			h["value"] = name + "=" + secret + rest
		case "authorization":
			h["value"] = "Bearer " + secret
		case "referer", "location":
			h["value"] = plant(value, secret)
		case "user-agent", "accept", "x-csrf", "www-authenticate", "etag":
			h["value"] = secret
		}
	}
	return out
}

// TestNoSecretIsTold: whatever an export holds, no output shows it; and what is left out
// changes no diagnosis.
func TestNoSecretIsTold(t *testing.T) {
	const secret = "correct-horse"
	for name, text := range corpus(t) {
		full := planted(t, text, secret)
		if n := bytes.Count(full, []byte(secret)); n < 10 {
			t.Fatalf("%s: %d secrets were planted", name, n)
		}
		log, err := Read(bytes.NewReader(full))
		if err != nil {
			t.Fatal(err)
		}
		report := NewReport(name, log)
		for _, format := range []string{"text", "json"} {
			var b strings.Builder
			if err := report.Write(&b, format); err != nil {
				t.Fatal(err)
			}
			if at := strings.Index(b.String(), secret); at >= 0 {
				t.Errorf("%s: %s shows it: %s", name, format, b.String()[max(0, at-80):at+len(secret)])
			}
		}
		if strings.Contains(fmt.Sprintf("%+v", log.Entries[0]), secret) {
			t.Errorf("%s: it is kept: %+v", name, log.Entries[0])
		}
		var got []Cause
		for _, f := range report.Findings {
			got = append(got, f.Cause)
		}
		if cause := causeOf(name); cause != "session-unknown" && cause != "nothing" && !slices.Contains(got, cause) {
			t.Errorf("%s: diagnosed as %q", name, got)
		}
	}
}

// FuzzHAR: no file makes it panic, hang or write what moves the cursor.
func FuzzHAR(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}
	f.Add([]byte(`{"log": {"entries": [{"request": {"method": "\u001b[2J", "url": "https://a.example/\u202e"}, "response": {"status": -1}}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		log, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var b strings.Builder
		if err := NewReport("f.har", log).Write(&b, "text"); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && (r < ' ' || r == 0x7f || r == 0x202e) }); i >= 0 {
			t.Fatalf("a control character: %q", b.String()[max(0, i-20):i+1])
		}
	})
}

// TestPathsWithoutSecrets: what looks like a token is left out of a path, and names are not.
func TestPathsWithoutSecrets(t *testing.T) {
	for path, want := range map[string]string{
		"/orders/6ba7b810-9dad-11d1-80b4-00c04fd430c8":       "/orders/6ba7b810-9dad-11d1-80b4-00c04fd430c8",
		"/assets/main.3f2a9c81d4e5.js":                       "/assets/main.3f2a9c81d4e5.js",
		"/app;jsessionid=0123456789ABCDEF0123456789ABCDEF/x": "/app…/x",
		"/a;b": "/a…",
		"/reset/dGhpcyBpcyBhIHNlY3JldCB0b2tlbiBvZiAzMiBieXQ": "/reset/…",
		"/reset/9f86d081884c7d659a2feaa0c55ad015":            "/reset/…",
		"/reset/kX3v9QpLm2ZtRb7Yw0Ns/":                       "/reset/…/",
		"/t/eyJhbGciOiJub25lIn0.e30.":                        "/t/…",
		"/internationalization-settings":                     "/internationalization-settings",
	} {
		a := parseAddress("https://a.example" + path)
		if a.Path != want || a.Cut != (path != want) {
			t.Errorf("%s is shown as %s", path, a.Path)
		}
		if to := parseAddress(relative("https://a.example/", path)); to != a {
			t.Errorf("%s: redirected to %s", path, to)
		}
	}
}
