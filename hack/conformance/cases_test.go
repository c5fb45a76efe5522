// SPDX-License-Identifier: Apache-2.0

package conformance

import "slices"

// A kase is a row of the page. ("case" is a word of the language.)
type kase struct {
	name string // of the subtest
	// proves is what the page says of it.
	proves string
	run    func(c *check)
}

// cases are all rows. The last one stops ostiary.
var cases = slices.Concat(decisionCases, corsCases, targetCases, headerCases, evidenceCases, trafficCases)
