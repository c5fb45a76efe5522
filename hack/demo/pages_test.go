// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"
	"testing"
)

// TestPages: the demo's pages follow the visitor's colours as a whole, and have a landmark.
func TestPages(t *testing.T) {
	for _, file := range []string{"app1.html", "home.html"} {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all := string(page)
		const meta, style = `<meta name="color-scheme" content="light dark">`, ":root { color-scheme: light dark; }"
		if !strings.Contains(all, meta) && !strings.Contains(all, style) {
			t.Errorf("%s: the colours of the body alone", file)
		}
		if strings.Count(all, "<main>") != 1 || strings.Count(all, "</main>") != 1 {
			t.Errorf("%s: no landmark", file)
		}
	}
}
