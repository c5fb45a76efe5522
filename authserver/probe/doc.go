// SPDX-License-Identifier: Apache-2.0

// Package probe asks an installation from outside, as a proxy and a browser would,
// and says what it found. It is what `helm test` runs. It decides nothing, and knows
// nothing of the installation but its addresses.
package probe
