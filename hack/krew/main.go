// SPDX-License-Identifier: Apache-2.0

// Command krew makes what a release of `kubectl access` consists of: an archive for each
// platform that config/krew/access.yaml names, and that manifest with the version and
// the hashes of the archives.
//
//	go run ./hack/krew v1.2.3 dist/
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/hack/lab"
)

// A manifest is what we need of krew's.
type manifest struct {
	Spec struct {
		Version   string
		Platforms []platform
	}
}

type platform struct {
	Selector struct {
		MatchLabels struct{ OS, Arch string }
	}
	URI, SHA256, Bin string
}

func (p *platform) archive() string { return path.Base(p.URI) }

// The template's version, and its hash of an archive that is not there yet.
const noVersion = "v0.0.0"

var (
	noHash  = strings.Repeat("0", 2*sha256.Size)
	release = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "krew:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 2 || !release.MatchString(args[0]) {
		return fmt.Errorf("%q: write a version and a folder, as in: go run ./hack/krew v1.2.3 dist/", args)
	}
	root, err := lab.Root()
	if err != nil {
		return err
	}
	template, err := os.ReadFile(filepath.Join(root, "config", "krew", "access.yaml"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(args[1], 0o755); err != nil { //nolint:gosec // a release is for everybody
		return err
	}
	text, err := fill(template, args[0], func(p *platform) ([]byte, error) {
		archive, err := build(ctx, root, args[0], p)
		if err != nil {
			return nil, err
		}
		return archive, os.WriteFile(filepath.Join(args[1], p.archive()), archive, 0o644) //nolint:gosec // as above
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(args[1], "access.yaml"), text, 0o644) //nolint:gosec // as above
}

// fill puts the version and the hashes into a template.
func fill(template []byte, version string, archive func(*platform) ([]byte, error)) ([]byte, error) {
	var m manifest
	if err := yaml.Unmarshal(template, &m); err != nil {
		return nil, err
	}
	if n := strings.Count(string(template), noHash); n != len(m.Spec.Platforms) || n == 0 {
		return nil, fmt.Errorf("%d hashes to fill in, for %d platforms", n, len(m.Spec.Platforms))
	}
	text := strings.ReplaceAll(string(template), noVersion, version)
	for i := range m.Spec.Platforms {
		data, err := archive(&m.Spec.Platforms[i])
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(data)
		text = strings.Replace(text, noHash, hex.EncodeToString(sum[:]), 1) // they stand in the order of the platforms
	}
	return []byte(text), nil
}

// build compiles the program for a platform, and packs it.
func build(ctx context.Context, root, version string, p *platform) ([]byte, error) {
	dir, err := os.MkdirTemp("", "ostiary-krew")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	file := filepath.Join(dir, p.Bin)
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+version, "-o", file, ".")
	c.Dir = root
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.Selector.MatchLabels.OS, "GOARCH="+p.Selector.MatchLabels.Arch)
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build for %s: %w\n%s", p.archive(), err, out)
	}
	return pack(file, filepath.Join(root, "LICENSE"))
}

// pack makes an archive of files that is the same whenever it is made: krew wants the
// license beside the program.
func pack(files ...string) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		h := &tar.Header{Name: filepath.Base(file), Mode: 0o644, Size: int64(len(text)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if i == 0 {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(text); err != nil {
			return nil, err
		}
	}
	for _, c := range []io.Closer{w, z} {
		if err := c.Close(); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
