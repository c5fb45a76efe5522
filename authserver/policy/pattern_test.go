// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

// TestPatterns: what follows each kind of host in its chain.
func TestPatterns(t *testing.T) {
	for host, want := range map[string]string{
		"a.b.example.com": "*.b.example.com **.b.example.com **.example.com **.com",
		"example.com":     "*.com **.com",
		"*.example.com":   "**.example.com **.com",
		"**.example.com":  "**.com",
		"*.com":           "**.com",
		"**.com":          "",
		"com":             "",
		"":                "",
	} {
		if got := strings.Join(Patterns(host), " "); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
		if IsPattern(host) != strings.HasPrefix(host, "*") {
			t.Errorf("%s is a pattern: %v", host, IsPattern(host))
		}
	}
}
