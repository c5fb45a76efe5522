// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/controllers/manifests"
)

// TestSameAsTheAPIServer holds files against the manifests that api/v1alpha1
// holds a real API server against: what is refused there is refused here.
func TestSameAsTheAPIServer(t *testing.T) {
	for _, folder := range []string{"accept", "refuse"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "api", "v1alpha1", "testdata", folder, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no manifests to %s: %v", folder, err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".yaml")
			t.Run(folder+"/"+name, func(t *testing.T) {
				_, problems, err := manifests.Read([]string{file})
				if err != nil {
					t.Fatal(err)
				}
				var wrong []string
				for _, p := range problems {
					if !p.Warning {
						wrong = append(wrong, p.String())
					}
					if p.Line == 0 || p.File != file {
						t.Errorf("no place: %v", p)
					}
				}
				if accepted := len(wrong) == 0; accepted != (folder == "accept") {
					t.Errorf("accepted: %t\n%s", accepted, strings.Join(wrong, "\n"))
				}
			})
		}
	}
}
