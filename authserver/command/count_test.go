// SPDX-License-Identifier: Apache-2.0

package command

import "testing"

// TestCount: one of a thing is not told of as several, nor several as one.
func TestCount(t *testing.T) {
	for want, c := range map[string]struct {
		n    int
		what string
	}{
		"0 lines": {0, "line"}, "1 line": {1, "line"}, "2 lines": {2, "line"}, "1 policy": {1, "policy"}, "2 policies": {2, "policy"},
		"1 Ingress": {1, "Ingress"}, "3 Ingresses": {3, "Ingress"}, "2 Gateways": {2, "Gateway"}, "0 policies": {0, "policy"},
	} {
		if got := Count(c.n, c.what); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := Count(int64(c.n), c.what); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
