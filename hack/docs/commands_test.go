// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// A block of a page has a language and perhaps one word about it:
//
//	```yaml file=orders.yaml    commands of the page find it under that name
//	```json file=shop.har       the same
//	```yaml file=x.broken.yaml  the same, of what is wrong on purpose
//	```console                  lines with "$ ostiary ..." are run, and print what follows
//	```console demo             lines with "$ curl ..." are run against hack/demo
//	```console cluster          they need a cluster: flags are checked, nothing is run
//
// In what is printed, "..." is anything, in a line or for any number of lines.

var built binary

func TestMain(m *testing.M) {
	code := 1
	if b, err := build(root); err == nil {
		built = b
		code = m.Run()
		b.remove()
	} else {
		println(err.Error())
	}
	os.Exit(code)
}

// A command is a line with "$ ", and what it prints.
type command struct {
	text, output string
}

// commandsOf are those of a block; a line that ends with \ goes on.
func commandsOf(text string) []command {
	var all []command
	more := false
	for line := range strings.Lines(text) {
		rest, begins := strings.CutPrefix(line, "$ ")
		switch {
		case begins:
			all = append(all, command{text: rest})
		case len(all) == 0:
			all = append(all, command{output: line}) // no command: as good as a wrong one
			continue
		case more:
			all[len(all)-1].text += line
			rest = line
		default:
			all[len(all)-1].output += line
			continue
		}
		more = strings.HasSuffix(rest, "\\\n")
	}
	return all
}

// TestConsole runs what the pages show.
func TestConsole(t *testing.T) {
	ran := 0
	for _, p := range pagesOf(t) {
		dir := t.TempDir()
		for _, b := range p.blocks {
			kind, name, ok := strings.Cut(b.language, " file=")
			if ok && (kind == "yaml" || kind == "json") {
				if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(b.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, b := range p.blocks {
			if b.language == "console" && p.path != "docs/guides/migration.md" { // hack/rendered runs that one
				ran += runBlock(t, p, b, dir)
			}
		}
	}
	if ran < 10 {
		t.Errorf("only %d commands were run", ran)
	}
}

func runBlock(t *testing.T, p page, b block, dir string) (ran int) {
	t.Helper()
	var now strings.Builder
	for _, c := range commandsOf(b.text) {
		got := c.output
		if strings.HasPrefix(c.text, "ostiary ") || strings.Contains(c.text, "| ostiary ") {
			ran++
			if got = runShell(t, c.text, dir); matches(c.output, got) {
				got = c.output
			} else if *update {
				got = revision.ReplaceAllString(got, "...")
			} else {
				t.Errorf("%s:%d: $ %sprints\n%s\nand not\n%s", p.path, b.line, c.text, got, c.output)
			}
		}
		now.WriteString("$ " + c.text + got)
	}
	if *update && now.String() != b.text {
		file := filepath.Join(root, p.path)
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, bytes.Replace(text, []byte(b.text), []byte(now.String()), 1), 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
	return ran
}

// revision is that of a table: it changes with the way it is made.
var revision = regexp.MustCompile(`\b[0-9a-f]{12}(?:[0-9a-f]{20})?\b`)

// runShell runs a command line where ostiary is the one built from here, and no cluster is.
func runShell(t *testing.T, line, dir string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "bash", "-c", line)
	c.Dir = dir
	c.Env = []string{"PATH=" + filepath.Dir(built.path) + ":/usr/bin:/bin", "HOME=" + dir, "KUBECONFIG=" + filepath.Join(dir, "none")}
	out, err := c.CombinedOutput()
	if _, isExit := err.(*exec.ExitError); err != nil && !isExit { //nolint:errorlint // as exec returns it
		t.Fatal(err)
	}
	return string(out)
}

// matches: want is the text, but for its wildcards.
func matches(want, got string) bool {
	var pattern strings.Builder
	for line := range strings.Lines(want) {
		if strings.TrimSpace(line) == "..." {
			pattern.WriteString("(?:.*\n)*")
			continue
		}
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "...")
		for i, part := range parts {
			parts[i] = regexp.QuoteMeta(part)
		}
		pattern.WriteString(strings.Join(parts, ".*") + "\n")
	}
	return regexp.MustCompile("^" + pattern.String() + "$").MatchString(got)
}

func TestMatches(t *testing.T) {
	for want, ok := range map[string]bool{"a\nb\nc\n": true, "a\n...\n": true, "...\nc\n": true, "a\n...\nc\n": true,
		"a\nb...\nc\n": true, "...\n": true, "a\n": false, "a\nc\n": false, "": false} {
		if matches(want, "a\nb\nc\n") != ok {
			t.Errorf("%q", want)
		}
	}
}

// TestFlags: commands and their flags exist, wherever a page names them.
func TestFlags(t *testing.T) {
	help := map[string]string{}
	values := readValues(t)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range pagesOf(t) {
		if p.path == "CHANGELOG.md" || strings.HasPrefix(p.path, "docs/decisions/") {
			continue // what was there then
		}
		for _, line := range linesOfCode(p) {
			n++
			if rest, ok := strings.CutPrefix(strings.Replace(line, "kubectl access ", "ostiary ", 1), "ostiary "); ok {
				if why := checkCommand(rest, help); why != "" {
					t.Errorf("%s: %s: %s", p.path, line, why)
				}
			}
			for _, m := range makeTarget.FindAllStringSubmatch(line, -1) {
				if !bytes.Contains(makefile, []byte("\n"+m[1]+":")) {
					t.Errorf("%s: %s: there is no target %s", p.path, line, m[1])
				}
			}
			for _, m := range setFlag.FindAllStringSubmatch(line, -1) {
				if !hasValue(values, strings.Split(m[1], ".")) {
					t.Errorf("%s: %s: the chart has no value %s", p.path, line, m[1])
				}
			}
			for _, m := range kubectlVerb.FindAllStringSubmatch(line, -1) {
				if !slices.Contains(kubectlVerbs, m[1]) {
					t.Errorf("%s: %s: kubectl has no command %s", p.path, line, m[1])
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("%d lines", n)
	}
}

var (
	makeTarget   = regexp.MustCompile(`(?:^|\s)make ([a-z][a-z-]+)`)
	setFlag      = regexp.MustCompile(`--set(?:-string)? ([a-zA-Z.]+)`)
	kubectlVerb  = regexp.MustCompile(`(?:^|\s)kubectl (?:(?:-n|--namespace) \S+ )?([a-z-]+)`)
	kubectlVerbs = []string{"access", "annotate", "apply", "create", "delete", "describe", "edit", "exec", "explain", "get", "krew", "label",
		"logs", "patch", "port-forward", "replace", "rollout", "run", "scale", "wait"}
	inlineCode = regexp.MustCompile("`([^`]+)`")
	longFlag   = regexp.MustCompile(`(?:^|\s)(--?[a-z][a-z-]*)`)
)

// linesOfCode are the commands of a page: in blocks for a shell, and in code spans.
func linesOfCode(p page) []string {
	var lines []string
	for _, line := range p.prose {
		for _, m := range inlineCode.FindAllStringSubmatch(line, -1) {
			lines = append(lines, m[1])
		}
	}
	for _, b := range p.blocks {
		switch language, _, _ := strings.Cut(b.language, " "); language {
		case "console":
			for _, c := range commandsOf(b.text) {
				lines = append(lines, strings.ReplaceAll(c.text, "\\\n", " "))
			}
		case "sh", "bash":
			lines = append(lines, strings.Split(strings.ReplaceAll(b.text, "\\\n", " "), "\n")...)
		}
	}
	var commands []string
	for _, line := range lines {
		for command := range strings.SplitSeq(line, " && ") {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	return commands
}

// checkCommand says what is wrong with the arguments of ostiary.
func checkCommand(args string, help map[string]string) string {
	args, _, _ = strings.Cut(args, "|")
	args, _, _ = strings.Cut(args, " #")
	name, rest, _ := strings.Cut(args, " ")
	if name == "" || strings.ToUpper(name) == name || strings.HasPrefix(name, "-") {
		return "" // COMMAND, or a flag of the root
	}
	if name == "completion" || name == "help" {
		return ""
	}
	if name == "token" || name == "user" { // its commands have the flags
		sub, after, _ := strings.Cut(rest, " ")
		name, rest = name+" "+sub, after
	}
	if help[name] == "" {
		text, err := built.help(strings.Fields(name)...)
		if err != nil {
			return err.Error()
		}
		help[name] = text
	}
	for _, m := range longFlag.FindAllStringSubmatch(quoted.ReplaceAllString(rest, "X"), -1) {
		if !regexp.MustCompile(regexp.QuoteMeta(m[1]) + `\b`).MatchString(help[name]) {
			return "no flag " + m[1]
		}
	}
	return ""
}

var quoted = regexp.MustCompile(`'[^']*'|"[^"]*"`)

func readValues(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "charts", "ostiary", "values.yaml"))
	values := map[string]any{}
	if err == nil {
		err = yaml.Unmarshal(text, &values)
	}
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func hasValue(values map[string]any, path []string) bool {
	v, ok := values[path[0]]
	if below, isMap := v.(map[string]any); ok && isMap && len(path) > 1 && len(below) > 0 {
		return hasValue(below, path[1:])
	}
	return ok
}
