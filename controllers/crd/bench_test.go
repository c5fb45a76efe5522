// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"strings"
	"testing"
)

// BenchmarkJudge is what one object costs, once its kind is compiled.
func BenchmarkJudge(b *testing.B) {
	for _, s := range samples(b) {
		switch name := strings.TrimPrefix(s.name, "accept/"); name {
		case "minimal", "cors-full", "rules":
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					judge(b, object(b, s.text))
				}
			})
		}
	}
}
