// SPDX-License-Identifier: Apache-2.0

package bearer

import (
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// BenchmarkRemembered is a hot token, beside a session's some 1 µs.
func BenchmarkRemembered(b *testing.B) {
	k := ecKey(b, "one")
	w := newWorld(b, trusted(b, "ci", iss, k))
	token := "Bearer " + k.sign(b, claims(iss))
	target, err := policy.ParseTarget("https://a.x/")
	if err != nil {
		b.Fatal(err)
	}
	r := policy.Request{Target: target, Method: "GET", Now: now}
	at := w.table.At(&r)
	w.set.Verify(at, token, now)
	b.ReportAllocs()
	for b.Loop() {
		if got, _ := w.set.Verify(at, token, now); got == nil {
			b.Fatal("not verified")
		}
	}
}
