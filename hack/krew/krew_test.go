// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/hack/lab"
)

// A plugin is all of krew's manifest that its validation looks at, as of krew v0.4.
type plugin struct {
	APIVersion, Kind string
	Metadata         struct{ Name string }
	Spec             struct {
		Version, Homepage, ShortDescription, Description, Caveats string
		Platforms                                                 []struct {
			Selector    struct{ MatchLabels map[string]string }
			URI, SHA256 string
			Bin         string
			Files       []struct{ From, To string }
		}
	}
}

// wrong lists what krew and its index would refuse.
func wrong(t *testing.T, text []byte) (out []string) {
	t.Helper()
	var p plugin
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		return []string{err.Error()}
	}
	say := func(bad bool, format string, args ...any) {
		if bad {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	s := p.Spec
	say(p.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || p.Kind != "Plugin", "kind %s %s", p.APIVersion, p.Kind)
	say("kubectl "+p.Metadata.Name != command.Plugin, "name %q", p.Metadata.Name)
	say(!release.MatchString(s.Version), "version %q", s.Version)
	say(s.ShortDescription == "" || len(s.ShortDescription) > 50 || strings.HasSuffix(s.ShortDescription, "."),
		"shortDescription %q", s.ShortDescription)
	say(s.Description == "" || s.Caveats == "" || !strings.HasPrefix(s.Homepage, "https://"), "words")
	say(len(s.Platforms) == 0, "no platforms")
	var seen []string
	for _, f := range s.Platforms {
		at := f.Selector.MatchLabels["os"] + "_" + f.Selector.MatchLabels["arch"]
		say(len(f.Selector.MatchLabels) != 2 || slices.Contains(seen, at), "%s: selector", at)
		seen = append(seen, at)
		want := "https://github.com/ostiary/ostiary/releases/download/" + s.Version + "/kubectl-access_" + at + ".tar.gz"
		say(f.URI != want, "%s: uri %s", at, f.URI)
		say(!regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(f.SHA256), "%s: sha256 %q", at, f.SHA256)
		bin := "kubectl-access"
		if strings.HasPrefix(at, "windows_") {
			bin += ".exe"
		}
		say(f.Bin != bin, "%s: bin %q", at, f.Bin)
		name, _ := command.Called([]string{f.Bin})
		say(name != command.Plugin, "%s: %s is no plugin", at, f.Bin)
	}
	return out
}

func template(t *testing.T) []byte {
	t.Helper()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "config", "krew", "access.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestManifest: the template, and what it becomes, is what krew takes, and each hash is that
// of its own platform.
func TestManifest(t *testing.T) {
	text := template(t)
	if bad := wrong(t, text); bad != nil {
		t.Error(bad)
	}
	filled, err := fill(text, "v1.2.3", func(p *platform) ([]byte, error) { return []byte(p.archive()), nil })
	if err != nil {
		t.Fatal(err)
	}
	if bad := wrong(t, filled); bad != nil {
		t.Error(bad)
	}
	if bytes.Contains(filled, []byte(noVersion)) || bytes.Contains(filled, []byte(noHash)) {
		t.Errorf("not all was filled in:\n%s", filled)
	}
	var m manifest
	if err := yaml.Unmarshal(filled, &m); err != nil || m.Spec.Version != "v1.2.3" || len(m.Spec.Platforms) != 5 {
		t.Fatal(err, m)
	}
	for _, p := range m.Spec.Platforms {
		if sum := sha256.Sum256([]byte(p.archive())); p.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %s", p.archive(), p.SHA256)
		}
	}
}

// TestMistakes: what is wrong is said, and nothing is made of it.
func TestMistakes(t *testing.T) {
	text := template(t)
	if _, err := fill(text, "v1.2.3", func(*platform) ([]byte, error) { return nil, errors.New("no compiler") }); err == nil {
		t.Error("an archive that could not be made is no mistake")
	}
	partly := bytes.Replace(text, []byte(noHash), []byte("1"), 1)
	if _, err := fill(partly, "v1.2.3", func(*platform) ([]byte, error) { return nil, nil }); err == nil {
		t.Error("a hash that is there already is no mistake")
	}
	for _, args := range [][]string{nil, {"v1.2.3"}, {"1.2.3", "x"}, {"v1.2", "x"}, {"v1.2.3;x", "x"}, {"v1.2.3", "x", "y"}} {
		if run(t.Context(), args) == nil {
			t.Errorf("%q is no mistake", args)
		}
	}
}

// TestArchive holds the program, which runs, and the license; it is the same each time.
func TestArchive(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the program")
	}
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	p := platform{Bin: "kubectl-access", URI: "https://example.com/a.tar.gz"}
	p.Selector.MatchLabels.OS, p.Selector.MatchLabels.Arch = runtime.GOOS, runtime.GOARCH
	data, err := build(t.Context(), root, "v1.2.3", &p)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		text, err2 := io.ReadAll(r)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(h.Name)), text, h.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(names, []string{"kubectl-access", "LICENSE"}) {
		t.Fatal(names)
	}
	again, err := pack(filepath.Join(dir, "kubectl-access"), filepath.Join(dir, "LICENSE"))
	if err != nil || !bytes.Equal(again, data) {
		t.Error("the same files make another archive", err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "kubectl-access"), "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "ostiary v1.2.3\n") {
		t.Errorf("%v: %s", err, out)
	}
}
