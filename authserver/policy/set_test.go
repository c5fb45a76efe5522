// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"testing"
)

// TestSet: a set of any size has what is in it and nothing else; only few texts are looked
// through one by one.
func TestSet(t *testing.T) {
	for n := range 3 * few {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprint("text-", i))
		}
		s := newSet(list)
		for i := range n + 2 {
			text := fmt.Sprint("text-", i)
			if s.has(text) != (i < n) || s.hasBytes([]byte(text)) != (i < n) {
				t.Errorf("%s of %d: %v", text, n, s.has(text))
			}
		}
		if s.size() != n || len(s.few) != n && n <= few || len(s.many) != n && n > few {
			t.Errorf("%d: %d in a list, %d in a map", n, len(s.few), len(s.many))
		}
	}
}

// TestNames: the last name, and none past it.
func TestNames(t *testing.T) {
	for i, want := range []string{"a", "b", "invalid", "invalid"} {
		if got := name([]string{"a", "b"}, i); got != want {
			t.Errorf("%d: %s", i, got)
		}
	}
}
