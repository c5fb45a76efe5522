// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A binary is ostiary, built once.
type binary struct{ path string }

// build makes the binary in a folder of its own; the caller removes the folder.
func build(root string) (binary, error) {
	dir, err := os.MkdirTemp("", "ostiary-docs")
	if err != nil {
		return binary{}, err
	}
	b := binary{filepath.Join(dir, "ostiary")}
	c := exec.Command("go", "build", "-o", b.path, ".")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return b, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return b, nil
}

func (b binary) remove() { _ = os.RemoveAll(filepath.Dir(b.path)) }

// help is what a command says of itself, wherever it is run.
func (b binary) help(args ...string) (string, error) {
	c := exec.Command(b.path, append(args, "--help")...)
	c.Env = []string{"HOME=/home/you", "PATH="}
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("ostiary %s --help: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}

// listed is a command in a list of commands.
var listed = regexp.MustCompile(`(?m)^  (?:ostiary )?([a-z]+)\b`)

// commandsIn are the names of the commands that a help text lists.
func commandsIn(help string) []string {
	var names []string
	for _, m := range listed.FindAllStringSubmatch(help, -1) {
		if name := m[1]; name != "ostiary" && name != "help" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// cliPage is docs/reference/cli.md: what every command's --help prints.
func cliPage(root string, pages map[string]string) error {
	b, err := build(root)
	if err != nil {
		return err
	}
	defer b.remove()
	top, err := b.help()
	if err != nil {
		return err
	}
	var page strings.Builder
	page.WriteString(heading("Command line", "what `--help` prints"))
	fmt.Fprintf(&page, "```text\n%s```\n", clean(top))
	if err := b.describe(&page, top, nil); err != nil {
		return err
	}
	pages["docs/reference/cli.md"] = page.String()
	return nil
}

// describe writes about the commands that a help text lists, and about theirs.
func (b binary) describe(page *strings.Builder, help string, parents []string) error {
	for _, name := range commandsIn(commandList(help, len(parents) > 0)) {
		path := append(slices.Clone(parents), name)
		text, err := b.help(path...)
		if err != nil {
			return err
		}
		fmt.Fprintf(page, "\n%s ostiary %s\n\n```text\n%s```\n", strings.Repeat("#", 2+len(parents)), strings.Join(path, " "), clean(text))
		if len(parents) == 0 {
			if err := b.describe(page, text, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// commandList is the part of a help text that lists commands.
func commandList(help string, below bool) string {
	if _, rest, ok := strings.Cut(help, "Commands:\n"); ok {
		rest, _, _ = strings.Cut(rest, "\nFlags:")
		return rest
	}
	if below {
		return ""
	}
	return help
}

// clean has no blanks at the end of lines.
func clean(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \t\n") + "\n")
	}
	return b.String()
}
