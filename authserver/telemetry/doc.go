// SPDX-License-Identifier: Apache-2.0

// Package telemetry tells what was decided: one count and, where it is wanted, one log
// line a decision, without secrets. It owns the log's writer, which never holds up a
// decision. It decides nothing, and what it is told it does not keep.
package telemetry
