// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stdin is the path that stands for what is read from standard input.
const Stdin = "-"

// Files lists the manifests at a path: the file itself, or all files of a folder and
// of the folders below it that look like manifests (.yaml, .yml, .json) and are not
// hidden. Links to folders are followed, each folder once. A ConfigMap's mount keeps
// its files in a hidden folder and links to them, so that each is listed once.
func Files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	w := walker{seen: map[string]bool{}}
	err = w.folder(path)
	slices.Sort(w.files)
	return w.files, err
}

// folders lists a folder and all below it that Files looks into.
func folders(path string) []string {
	w := walker{seen: map[string]bool{}}
	_ = w.folder(path) // what cannot be read is told by whoever reads it
	return w.folders
}

type walker struct {
	files, folders []string
	seen           map[string]bool // folders, by their real paths
}

func (w *walker) folder(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || w.seen[real] {
		return err
	}
	w.seen[real] = true
	w.folders = append(w.folders, path)
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if isHidden(e.Name()) {
			continue
		}
		name := filepath.Join(path, e.Name())
		isFolder := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(name)
			isFolder = err == nil && info.IsDir()
		}
		switch {
		case isFolder:
			if err := w.folder(name); err != nil {
				return err
			}
		case isManifest(name):
			w.files = append(w.files, name)
		}
	}
	return nil
}

func isHidden(name string) bool { return strings.HasPrefix(name, ".") }

func isManifest(name string) bool {
	base := filepath.Base(name)
	if isHidden(base) {
		return false
	}
	switch filepath.Ext(base) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// files lists what there is to read.
func (l *Loader) files() (files []string, problems []Problem) {
	for _, p := range l.paths {
		if p == Stdin {
			files = append(files, p)
			continue
		}
		found, err := Files(p)
		if err != nil {
			problems = append(problems, Problem{File: p, Message: err.Error()})
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	return slices.Compact(files), problems
}

// text returns what a file holds.
func (l *Loader) text(file string) ([]byte, error) {
	if file == Stdin {
		return l.stdin, nil
	}
	if info, err := os.Stat(file); err == nil && info.Size() > maxFile {
		return nil, errTooLarge
	}
	return os.ReadFile(file)
}

var errTooLarge = fmt.Errorf("larger than %d MiB", maxFile>>20)

// readStdin reads what the path Stdin stands for, if it is one of the paths.
func (l *Loader) readStdin(from io.Reader) error {
	if !slices.Contains(l.paths, Stdin) {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errTooLarge
	}
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	l.stdin = text
	return nil
}

// folderIsThere reports whether the folder that was asked for, and in which a file was
// found, is still there.
func (l *Loader) folderIsThere(file string) bool {
	for _, p := range l.paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() && isBelow(file, p) {
			return true
		}
	}
	return false
}

// isBelow reports whether a path is one in a folder, and not in a hidden one of it.
func isBelow(path, folder string) bool {
	rest, err := filepath.Rel(folder, path)
	if err != nil || rest == "." {
		return false
	}
	for part := range strings.SplitSeq(rest, string(filepath.Separator)) {
		if isHidden(part) { // ".." as well
			return false
		}
	}
	return true
}
