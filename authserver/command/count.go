// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"strings"
)

// Count words a number of things, which are named as one is: "1 policy", "2 policies",
// "0 Ingresses".
func Count[N int | int64](n N, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "y") && !strings.HasSuffix(what, "ay"): // Gateway
		what = strings.TrimSuffix(what, "y") + "ies"
	case strings.HasSuffix(what, "s"):
		what += "es"
	default:
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
