// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// source calls visit with every file of Go that ships.
func source(root string, visit func(name string, f *ast.File)) error {
	for _, dir := range []string{"api", "authserver", "controllers"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, file)
			visit(filepath.ToSlash(name), f)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

var metricName = regexp.MustCompile(`^ostiary_[a-z_]+$`)

// metricsPage is docs/reference/metrics.md: a name, and the help that stands beside it.
func metricsPage(root string, pages map[string]string) error {
	help := map[string]string{}
	err := source(root, func(_ string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			var fields []ast.Expr
			switch n := n.(type) {
			case *ast.CallExpr:
				fields = n.Args
			case *ast.CompositeLit:
				fields = n.Elts
			}
			for i, e := range fields {
				if name := text(e); metricName.MatchString(name) && i+1 < len(fields) {
					help[name] = text(fields[i+1])
				}
			}
			return true
		})
	})
	if err != nil || len(help) < 5 {
		return errors.Join(err, fmt.Errorf("%d metrics", len(help)))
	}
	var b strings.Builder
	b.WriteString(heading("Metrics", "the calls that register them"))
	b.WriteString("Prometheus scrapes them at `/metrics` of `--metrics-bind-address` (default `:8080`). The chart brings " +
		"monitors, alerts and a\n" +
		"dashboard (`serviceMonitor`, `podMonitor`, `prometheusRule` and `dashboards` in [its " +
		"values](../../charts/ostiary/README.md#values)). The metrics of controller-runtime and of Go\n" +
		"are there as well.\n\n| metric | meaning |\n|---|---|\n")
	var names []string
	for name := range help {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, cell(help[name]))
	}
	pages["docs/reference/metrics.md"] = b.String()
	return nil
}

// text is the value of a string, or of a field that is one, or "".
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.KeyValueExpr:
		return text(e.Value)
	case *ast.BinaryExpr:
		return text(e.X) + text(e.Y)
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, _ := strconv.Unquote(e.Value)
			return s
		}
	}
	return ""
}
