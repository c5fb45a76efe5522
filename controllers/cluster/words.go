// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"slices"
	"strings"
)

// Listed joins problems, as many as a condition has room for.
func Listed(problems []string) string {
	problems = slices.Compact(problems)
	if len(problems) == 1 {
		return Truncate(problems[0], 32<<10)
	}
	return Truncate(fmt.Sprintf("%d problems: %s", len(problems), strings.Join(problems, "; ")), 32<<10)
}

// Truncate cuts a text to n bytes, and never half a letter.
func Truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}
