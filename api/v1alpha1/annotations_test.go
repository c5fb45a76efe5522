// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// quoted is a label or an annotation of ours in the source of a program: "access.ostiary.dev/policy".
var quoted = regexp.MustCompile(`["` + "`" + `]` + regexp.QuoteMeta(Prefix) + `[a-z-]*["` + "`" + `]`)

// Every name of ours stands in annotations.go, and nowhere else. Tests write it out.
func TestNamesOnce(t *testing.T) {
	files, found := 0, 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasSuffix(d.Name(), "test") || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2 || d.Name() == "hack"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		names := quoted.FindAllString(string(text), -1)
		if found += len(names); len(names) > 0 && filepath.Base(path) != "annotations.go" {
			t.Errorf("%s: %s: take it from api/v1alpha1", path, names)
		}
		return nil
	})
	if err != nil || files < 100 || found < 9 {
		t.Errorf("%d files were looked at, with %d names: %v", files, found, err)
	}
}
