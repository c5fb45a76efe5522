// SPDX-License-Identifier: Apache-2.0

// Package revision reads files and folders as they were at a revision of git. It asks the
// program git, and believes no attributes of the repository: what they say of an archive
// (export-ignore) could hide a file.
package revision

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// Is reports whether an argument may name something at a revision, REV:PATH, and nothing
// on disk.
func Is(arg string) bool {
	rev, path, ok := strings.Cut(arg, ":")
	if !ok || rev == "" || path == "" || strings.HasPrefix(rev, "-") {
		return false
	}
	_, err := os.Lstat(arg)
	return errors.Is(err, os.ErrNotExist)
}

// Exists reports whether a word is a revision of the repository of the working directory.
func Exists(ctx context.Context, rev string) bool {
	_, err := git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{tree}")
	return err == nil
}

// maxFile bounds one file, as package manifests does, and maxTotal all.
const (
	maxFile  = 64 << 20
	maxTotal = 1 << 30
)

// Checkout copies what REV:PATH names into a temporary folder, which remove removes. A
// path is relative to the working directory, unless it begins with a slash, which is the
// top of the repository.
func Checkout(ctx context.Context, arg string) (path string, remove func(), err error) {
	rev, name, _ := strings.Cut(arg, ":")
	object := rev + ":./" + name
	if top, ok := strings.CutPrefix(name, "/"); ok {
		object = rev + ":" + top
	}
	id, err := git(ctx, "rev-parse", "--verify", "--end-of-options", object)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", policy.Line(arg), err)
	}
	dir, err := os.MkdirTemp("", "ostiary-revision")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	if path, err = checkout(ctx, dir, strings.TrimSpace(string(id)), name); err != nil {
		remove()
		return "", nil, fmt.Errorf("%s: %w", policy.Line(arg), err)
	}
	return path, remove, nil
}

// checkout writes a tree, or one file, below a folder.
func checkout(ctx context.Context, dir, id, name string) (string, error) {
	kind, err := git(ctx, "cat-file", "-t", id)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(string(kind)) == "blob" {
		path := filepath.Join(dir, filepath.Base(name))
		return path, write(ctx, []entry{{path: path, id: id}})
	}
	list, err := git(ctx, "ls-tree", "-r", "-z", "--full-tree", id)
	if err != nil {
		return "", err
	}
	var files, links []entry
	for line := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		head, path, ok := strings.Cut(line, "\t")
		fields := strings.Fields(head)
		if !ok || len(fields) != 3 || !filepath.IsLocal(path) {
			continue
		}
		e := entry{path: filepath.Join(dir, path), id: fields[2]}
		switch fields[0] {
		case "120000":
			links = append(links, e)
		case "160000": // a submodule: what is in it, another repository knows
		default:
			if wanted(path) {
				files = append(files, e)
			}
		}
	}
	if err := write(ctx, files); err != nil {
		return "", err
	}
	return dir, link(ctx, dir, links)
}

// wanted reports whether anybody would read the file.
func wanted(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// An entry is a file of a tree.
type entry struct{ path, id string }

// link makes links that stay within the folder. Others are refused: who wrote the
// revision would choose which files of this machine are read.
func link(ctx context.Context, dir string, links []entry) error {
	for _, l := range links {
		target, err := git(ctx, "cat-file", "blob", l.id)
		if err != nil {
			return err
		}
		to, err := filepath.Rel(dir, filepath.Join(filepath.Dir(l.path), string(target)))
		if err != nil || filepath.IsAbs(string(target)) || !filepath.IsLocal(to) {
			return fmt.Errorf("the link %s leads out of the folder", policy.Line(strings.TrimPrefix(l.path, dir+"/")))
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(l.path), 0o700), os.Symlink(string(target), l.path)); err != nil {
			return err
		}
	}
	return nil
}

// write has git print the files one after the other.
func write(ctx context.Context, files []entry) error {
	var ids bytes.Buffer
	for _, f := range files {
		ids.WriteString(f.id + "\n")
	}
	c := exec.CommandContext(ctx, "git", "cat-file", "--batch")
	c.Stdin = &ids
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return fmt.Errorf("git: %w", err)
	}
	if err = read(bufio.NewReader(out), files); err != nil {
		_ = c.Process.Kill()
		_ = c.Wait()
		return err
	}
	return c.Wait()
}

// read reads what `git cat-file --batch` prints: "ID TYPE SIZE", the text, a line end.
func read(r *bufio.Reader, files []entry) error {
	total := int64(0)
	for _, f := range files {
		head, err := r.ReadString('\n')
		fields := strings.Fields(head)
		if err != nil || len(fields) != 3 {
			return fmt.Errorf("git cat-file says %q of %s", strings.TrimSpace(head), policy.Line(f.path))
		}
		size, err := strconv.ParseInt(fields[2], 10, 64)
		if total += size; err != nil || size > maxFile || total > maxTotal {
			return fmt.Errorf("%s is too large", policy.Line(f.path))
		}
		text := make([]byte, size)
		if _, err = io.ReadFull(r, text); err == nil {
			_, err = r.Discard(1)
		}
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(f.path), 0o700), os.WriteFile(f.path, text, 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// git runs a git command, and returns what it prints.
func git(ctx context.Context, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "git", args...) //nolint:gosec // words of the command line, none of which git takes for an option
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		if said := strings.TrimSpace(stderr.String()); said != "" {
			return nil, fmt.Errorf("git: %s", policy.Line(strings.TrimPrefix(said, "fatal: ")))
		}
		return nil, fmt.Errorf("git: %w", err)
	}
	return out, nil
}
