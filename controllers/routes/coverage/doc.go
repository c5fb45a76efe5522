// SPDX-License-Identifier: Apache-2.0

// Package coverage says which routes to a host of a policy are not protected by it.
//
// It is pure: a snapshot in, findings out. It judges by what the objects say now, and
// plans nothing.
package coverage
