// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
)

const root = "../.."

// TestOnce: what proxies and we agree on stands in this package and nowhere else. Tests
// and documents write it out, so that a change here does not go unseen.
func TestOnce(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasSuffix(d.Name(), "test") || path == filepath.Join(root, "hack", "lab") || strings.HasPrefix(d.Name(), ".") && path != root || ofAnotherModule(path) || path == filepath.Join(root, "authserver", "contract")):
			return filepath.SkipDir
		case d.IsDir() || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		var found []string
		switch filepath.Ext(path) {
		case ".go":
			files++
			if found, err = inGo(path, nil); err != nil {
				return err
			}
		case ".tmpl":
			files++
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found = inTemplate(string(text))
		}
		for _, f := range found {
			t.Errorf("%s:%s: take it from authserver/contract", strings.TrimPrefix(path, root+"/"), f)
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("%d files were looked at: %v", files, err)
	}
}

func ofAnotherModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil && dir != root
}

// TestOnceSees: what TestOnce looks for, it finds.
func TestOnceSees(t *testing.T) {
	source := `package x
var a = "http://x/authz/v1/nginx"
var b = "/.access"
var c = ":9001"
var d = 9005
var e = "x-access-email"
var f = "X_Access_Email"
var g = []string{"cookie", "Origin", "Accept"}
var h = "X-Access-Reason"
var i = "/.access/login"
var fine = []any{"X-Access-Email: who", "Cookie", "Origin", 8443, "19001", "such as /.access", "127.0.0.1:8080"}
`
	found, err := inGo("x.go", source)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range found {
		line, _, _ := strings.Cut(f, ":")
		lines = append(lines, line)
	}
	if want := []string{"2", "3", "4", "5", "6", "7", "8", "9", "10"}; !slices.Equal(lines, want) {
		t.Errorf("it sees %q, want lines %q", found, want)
	}
	if got := inTemplate("# X-Access-Email is a header\nset /authz/v1/x\nX-Access-User {{.}}\n"); len(got) != 2 {
		t.Errorf("in a template it sees %q", got)
	}
}

var (
	portText = regexp.MustCompile(`(^|[^0-9])900[1-5]([^0-9]|$)|^:?(8080|8081)$`)
	portInt  = []int{contract.AuthzPort, contract.PublicPort, contract.RenderPort, contract.PreflightPort, contract.GRPCPort, contract.MetricsPort, contract.HealthPort}
	names    = append(contract.AllIdentity(), contract.ReasonHeader, contract.ManagedHeader)
)

// inGo returns what stands in the literals of a source file, each as LINE: WHAT.
func inGo(path string, source any) ([]string, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []string
	note := func(n ast.Node, what any) {
		found = append(found, fmt.Sprintf("%d: %v", set.Position(n.Pos()).Line, what))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field: // its tag names no header
			return n.Tag == nil
		case *ast.CompositeLit:
			if list := askedIn(n); len(list) > 2 && 2*len(list) > len(n.Elts) { // not some of another list
				note(n, list)
			}
		case *ast.BasicLit:
			if isOurs(n) {
				note(n, n.Value)
			}
		}
		return true
	})
	return found, nil
}

func isOurs(l *ast.BasicLit) bool {
	if n, err := strconv.Atoi(l.Value); l.Kind == token.INT && err == nil {
		return slices.Contains(portInt, n)
	}
	s, err := strconv.Unquote(l.Value)
	if l.Kind != token.STRING || err != nil {
		return false
	}
	return strings.Contains(s, contract.Endpoints) || strings.Contains(s, contract.RenderPrefix) || !strings.Contains(s, "\n") && portText.MatchString(s) || // examples of a command are for people

		s == contract.DefaultPathPrefix || strings.HasPrefix(s, contract.DefaultPathPrefix+"/") ||
		slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(strings.ReplaceAll(s, "_", "-"), name) })
}

// askedIn are the elements of a list that contract.Asked names.
func askedIn(n *ast.CompositeLit) []string {
	var out []string
	for _, e := range n.Elts {
		l, ok := e.(*ast.BasicLit)
		if !ok || l.Kind != token.STRING {
			continue
		}
		s, err := strconv.Unquote(l.Value)
		if err == nil && slices.ContainsFunc(contract.Asked(), func(name string) bool { return strings.EqualFold(s, name) }) {
			out = append(out, s)
		}
	}
	return out
}

// inTemplate returns the same of a template, comments aside.
func inTemplate(text string) []string {
	var found []string
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, what := range append([]string{contract.Endpoints, contract.RenderPrefix}, names...) {
			if strings.Contains(strings.ToLower(line), strings.ToLower(what)) {
				found = append(found, fmt.Sprintf("%d: %s", i+1, what))
			}
		}
	}
	return found
}
