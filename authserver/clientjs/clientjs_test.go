// SPDX-License-Identifier: Apache-2.0

package clientjs

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxSize is what a page pays for it, in bytes on the wire. accessSocket and accessEvents are
// in the same file, as they share the sign-in with accessFetch: two would begin two.
const maxSize = 3840

func TestSize(t *testing.T) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(Script())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if b.Len() >= maxSize {
		t.Errorf("%d bytes compressed, %d are too many", b.Len(), maxSize)
	}
	t.Logf("%d bytes, %d compressed", len(Script()), b.Len())
}

// A strict Content-Security-Policy refuses what evaluates or inserts code; and
// nothing else is to be loaded.
func TestNothingThatPoliciesForbid(t *testing.T) {
	forbidden := regexp.MustCompile(`\b(eval|Function|innerHTML|document\.write|createElement|localStorage|import\()`)
	for _, m := range forbidden.FindAll(Script(), -1) {
		t.Errorf("it uses %s", m)
	}
	// The tab keeps an address for the sign-in, and no token.
	const kept = `sessionStorage.setItem("ostiary-address", location.pathname + location.search + location.hash)`
	all := regexp.MustCompile(`sessionStorage[^;]*`).FindAllString(string(Script()), -1)
	if len(all) != 1 || all[0] != kept {
		t.Errorf("%q", all)
	}
}

// What is said to another window is for one origin: to the team host's, or on a channel, which
// reaches this page's own.
func TestMessages(t *testing.T) {
	all := regexp.MustCompile(`\S+\.postMessage\([^)]*\)|new BroadcastChannel\("ostiary"\)\.postMessage\([^)]*\)`).FindAllString(string(Script()), -1)
	want := []string{"popup.postMessage({ ostiary: yes }, team)", `new BroadcastChannel("ostiary").postMessage("?" + key)`}
	if !slices.Equal(all, want) || strings.Count(string(Script()), "postMessage") != len(want) {
		t.Errorf("%q", all)
	}
}

// node runs Node where the temporary folder is; these tests need it.
func node(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v (Debian: apt-get install nodejs npm)\n%s", name, args, err, out)
	}
}

// TestInNode runs testdata/client.test.mjs: what the module does. THREATS E19.
func TestInNode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	module := filepath.Join(dir, "client.mjs")
	test, err := filepath.Abs("testdata/client.test.mjs")
	if err == nil {
		err = os.WriteFile(module, Script(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	node(t, dir, []string{"CLIENT_JS=file://" + module}, "node", "--test", test)
}

// TestTypes compiles testdata/types/use.ts with the compiler that is pinned
// there, as a page with all its checks on.
func TestTypes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string][]byte{"client.js": Script(), "client.d.ts": Types()} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(dir, os.DirFS("testdata/types")); err != nil {
		t.Fatal(err)
	}
	node(t, dir, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
	node(t, dir, nil, filepath.Join("node_modules", ".bin", "tsc"), "--noEmit", "--strict", "--target", "es2022",
		"--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable", "use.ts")
}
