// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

var birth = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// usual are facts of a request that somebody sent who is signed in.
func usual() *policy.Facts {
	return &policy.Facts{Method: "GET", Host: "app.example.com", Path: "/api/v1/things", Origin: "https://spa.example.com",
		Address: netip.MustParseAddr("10.1.2.3"), Now: birth, Email: "ann@example.com", Provider: "corp",
		Groups: []string{"dev", "staff"}, AMR: []string{"pwd", "mfa"}}
}

func BenchmarkHolds(b *testing.B) {
	f := usual()
	long := usual()
	long.Path = "/" + strings.Repeat("a", maxPath-1)
	for _, bb := range []struct {
		name, text string
		facts      *policy.Facts
	}{
		{"method", "request.method == 'GET'", f},
		{"domain", "identity.email.endsWith('@example.com') && request.method in ['GET', 'HEAD']", f},
		{"group", "'staff' in identity.groups || 'ops' in identity.groups", f},
		{"address", "cidr('10.0.0.0/8').containsIP(request.address)", f},
		{"regexp", "request.path.matches('^/api/v[0-9]+/')", f},
		{"hours", "now.getHours('+01:00') >= 8 && now.getHours('+01:00') < 18", f},
		{"worst regexp", "request.path.matches('(.{0,100}){1}x')", long},
		{"worst lists", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15].all(x, [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15].all(y, " +
			"request.path.lowerAscii() != 'x' && y > -x))", f},
		{"unknown", "cidr('10.0.0.0/8').containsIP(request.address)", &policy.Facts{}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			c := compile(bb.text)
			if c.problem != "" {
				b.Fatal(c.problem)
			}
			b.ReportAllocs()
			b.ReportMetric(float64(c.cost), "cost")
			for b.Loop() {
				_, _ = c.Holds(bb.facts)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		compile("identity.email.endsWith('@example.com') && request.method in ['GET', 'HEAD']")
	}
}
