// SPDX-License-Identifier: Apache-2.0

// Package tree holds a configuration of others as values that know where they stand, and
// that remember who asked for them: what nobody has asked for is found afterwards, so that
// an importer cannot drop a field in silence. It reads JSON and YAML, in bounds. It knows
// neither what fields mean nor what is made of them.
package tree
