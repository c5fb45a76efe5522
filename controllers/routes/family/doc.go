// SPDX-License-Identifier: Apache-2.0

// Package family knows proxies, one file a kind of proxy: what its objects say, what it
// asks Ostiary about, and what they have to say for it to ask about every request.
//
// It is pure: what package routes has read goes in, values come out. It imports neither
// plan nor coverage, which join what all families want and miss.
package family
