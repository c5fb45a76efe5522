// SPDX-License-Identifier: Apache-2.0

// Package imports is `ostiary import`: it makes AccessPolicies of what protects applications
// today, and lists what has no equivalent. Each product has a package of its own below this
// one; package tree reads what they are given, and package draft holds what they write.
package imports
