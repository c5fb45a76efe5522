// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"
)

// listed joins problems, as many as a condition has room for.
func listed(problems []string) string {
	problems = slices.Compact(problems)
	if len(problems) == 1 {
		return truncate(problems[0], 32<<10)
	}
	return truncate(fmt.Sprintf("%d problems: %s", len(problems), strings.Join(problems, "; ")), 32<<10)
}

func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}
