// SPDX-License-Identifier: Apache-2.0

// Package dialect speaks to proxies: one file a proxy family, its request in,
// its status codes out.
//
// It owns what each endpoint believes (exactly one source of truth) and how
// each writes a decision. It decides nothing, keeps nothing, and knows neither
// net/http nor any other server: a listener hands it a View and sends what
// stands in the Answer. Strings of a View are good until the answer is sent.
package dialect
