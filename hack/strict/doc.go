// SPDX-License-Identifier: Apache-2.0

// Package strict decodes what `ostiary config` prints, and what migration.md
// shows, with the types of the projects that read it: an unknown field fails. It
// is a module of its own, so that nothing else depends on them.
package strict
