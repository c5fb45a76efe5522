// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"slices"
	"strings"
	"testing"
)

func TestTruncate(t *testing.T) {
	for _, s := range []struct {
		in   string
		n    int
		want string
	}{
		{"short", 10, "short"},
		{"just right", 10, "just right"},
		{"far too long", 10, "far too..."},
		{"ääääää", 10, "äää..."}, // never half a letter
	} {
		if got := Truncate(s.in, s.n); got != s.want {
			t.Errorf("%q to %d: %q", s.in, s.n, got)
		}
	}
	if got := Listed(slices.Repeat([]string{"a", "b"}, 20000)); len(got) > 32<<10 || !strings.HasPrefix(got, "40000 problems: a; b") {
		t.Errorf("%d bytes: %.40s", len(got), got)
	}
}
