// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlaces: of each policy it is known in which file it stands, and on which line.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	text := "# a comment\napiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: app, namespace: shop}\n" +
		"spec: {hosts: [a.example.com]}\n"
	file := filepath.Join(dir, "two.yaml")
	if err := os.WriteFile(file, []byte(text+"---\n"+strings.Replace(text, "app", "other", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	got := newLoader(t, dir).Load().Places()
	if want := map[string]string{"shop/app": file + ":4", "shop/other": file + ":10"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
