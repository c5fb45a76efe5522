// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"bytes"
	"cmp"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/web"
)

var script = regexp.MustCompile(`(?s)<script>.*?</script>`)

// TestAccessible opens every page in Chromium, with its policy in force, and has
// axe-core look at it; testdata/axe/run.mjs says at what else.
func TestAccessible(t *testing.T) {
	chromium, node, npm := command(t, "chromium", "chromium"), command(t, "node", "nodejs"), command(t, "npm", "npm")
	cache, err := filepath.Abs("../../.cache")
	if err != nil {
		t.Fatal(err)
	}
	work, shots := filepath.Join(cache, "axe"), filepath.Join(cache, "screenshots")
	for _, dir := range []string{work, shots} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	install(t, npm, work)

	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/nothing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }) // a browser stays where it is
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/logo.svg", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><circle cx="2" cy="2" r="2" fill="#c60"/></svg>`))
	})
	var names []string
	for _, s := range samples(server.URL + "/nothing?a=b&c=d;e") {
		names = append(names, s.name)
		csp := web.Plain().CSP()
		if s.form != "" {
			csp = web.Plain().CSP(s.form)
		}
		if from := imagesOf(s.name, server.URL); from != "" {
			csp = web.WithImages(csp, from)
		}
		switch s.form {
		case live:
			csp = web.Plain().LiveCSP("'self'")
		case keeping:
			csp = web.Plain().KeepCSP()
		case typing:
			csp = web.Plain().LoginCSP("'self'")
		case touching:
			csp = web.Plain().PasskeyCSP("'self'")
		case within:
			csp = web.Plain().FrameCSP("")
		}
		text := s.html
		if slices.Contains([]string{onward, keeping, closing}, s.form) { // its script goes away from here
			text = script.ReplaceAll(text, nil)
		}
		mux.HandleFunc("/"+s.name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", csp)
			_, _ = w.Write(text)
		})
	}
	run := exec.CommandContext(t.Context(), node, "run.mjs")
	run.Dir = work
	run.Env = append(os.Environ(), "BASE="+server.URL, "PAGES="+strings.Join(names, " "), "SHOTS="+shots, "CHROMIUM="+chromium)
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v; screenshots are in %s\n%s", err, shots, out)
	}
}

func command(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(cmp.Or(os.Getenv("OSTIARY_"+strings.ToUpper(name)), name))
	if err != nil {
		t.Fatalf("%v: apt-get install %s", err, pkg)
	}
	return path
}

// install brings the packages that the lock pins, unless they are there.
func install(t *testing.T, npm, work string) {
	t.Helper()
	fresh := true
	for _, name := range []string{"package.json", "package-lock.json", "run.mjs"} {
		want, err := os.ReadFile(filepath.Join("testdata", "axe", name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(work, name)); err == nil && bytes.Equal(got, want) {
			continue
		}
		fresh = fresh && name == "run.mjs"
		if err := os.WriteFile(filepath.Join(work, name), want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := filepath.Join(work, "node_modules", ".package-lock.json") // npm writes it last
	if _, err := os.Stat(done); err == nil && fresh {
		return
	}
	ci := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	ci.Dir = work
	if out, err := ci.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}
