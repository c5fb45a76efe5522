// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"slices"
	"strings"
	"testing"
)

// TestPasswordManagers: what fills in passwords knows the fields of the form, of any length, and nothing keeps it or the
// person from pasting one. It is masked.
func TestPasswordManagers(t *testing.T) {
	n := 0
	for _, s := range samples("https://app1.example.com/") {
		for _, e := range parsed(t, s.html) {
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: <%s %s>", s.name, e.Data, a.Key)
				}
			}
			if e.Data != "input" || attr(e, "name") != "password" {
				continue
			}
			n++
			if attr(e, "type") != "password" || attr(e, "autocomplete") != "current-password" ||
				slices.ContainsFunc([]string{"maxlength", "pattern", "readonly", "value"}, func(name string) bool { return attr(e, name) != "" }) {
				t.Errorf("%s: %v", s.name, e.Attr)
			}
		}
	}
	if n == 0 {
		t.Error("no form has a password")
	}
}
