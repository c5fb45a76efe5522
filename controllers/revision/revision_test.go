// SPDX-License-Identifier: Apache-2.0

package revision_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/controllers/revision"
)

// repository makes one with a commit of some files, and goes there.
func repository(t *testing.T, files map[string]string, links map[string]string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range files {
		write(t, name, text)
	}
	for name, to := range links {
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-q", "-m", "first"}} {
		c := exec.Command("git", append([]string{"-c", "user.name=ann", "-c", "user.email=ann@example.com"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// list returns the files below a folder, each with its text.
func list(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rest, _ := filepath.Rel(dir, path)
		out = append(out, rest+"="+string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func TestCheckout(t *testing.T) {
	repository(t, map[string]string{
		"policies/a.yaml": "a\n\nb", "policies/deep/b.yml": "", "policies/notes.txt": "no", "other/c.json": "{}",
		// what an archive would leave out
		".gitattributes": "policies/a.yaml export-ignore\n",
	}, map[string]string{"policies/link.yaml": "deep/b.yml"})
	write(t, "policies/a.yaml", "changed since")
	for arg, want := range map[string][]string{
		"HEAD:policies": {"a.yaml=a\n\nb", "deep/b.yml=", "link.yaml="}, "main:policies/deep": {"b.yml="}, "HEAD:/other": {"c.json={}"},
		"HEAD:policies/a.yaml": {"a.yaml=a\n\nb"},
	} {
		if !revision.Is(arg) {
			t.Errorf("%s is none", arg)
		}
		path, remove, err := revision.Checkout(t.Context(), arg)
		if err != nil {
			t.Fatal(arg, err)
		}
		dir := path
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			dir = filepath.Dir(path)
		}
		if got := list(t, dir); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", arg, got, want)
		}
		remove()
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: %s is left behind", arg, path)
		}
	}
	for _, arg := range []string{"nowhere:policies", "HEAD:nothing", "HEAD:policies/none.yaml"} {
		if _, _, err := revision.Checkout(t.Context(), arg); err == nil || !strings.HasPrefix(err.Error(), arg+": ") {
			t.Errorf("%s: %v", arg, err)
		}
	}
	if !revision.Exists(t.Context(), "main") || revision.Exists(t.Context(), "--all") || revision.Exists(t.Context(), "nowhere") {
		t.Error("main is a revision, and others are not")
	}
	write(t, "odd:name", "")
	for _, arg := range []string{"odd:name", "policies", ":x", "x:", "-x:y"} {
		if revision.Is(arg) {
			t.Errorf("%s is one", arg)
		}
	}
}

// TestLinks: a revision is anybody's. What it links to outside of the folder is not read.
func TestLinks(t *testing.T) {
	for _, to := range []string{"/etc/hosts", "../../x.yaml", "../policies-of-others/x.yaml"} {
		t.Run(strings.ReplaceAll(to, "/", "_"), func(t *testing.T) {
			repository(t, map[string]string{"policies/a.yaml": "a"}, map[string]string{"policies/link.yaml": to})
			if _, _, err := revision.Checkout(t.Context(), "HEAD:policies"); err == nil || !strings.Contains(err.Error(), "leads out of the folder") {
				t.Errorf("%v", err)
			}
		})
	}
}
