// SPDX-License-Identifier: Apache-2.0

// Package denials reads the decision log of all replicas, or of files: the command
// `denials`, and what `explain --request-id` looks up. It asks the API server for the
// Pods of an installation and their logs, writes nothing, and keeps nothing but lines
// that wait for their turn.
package denials
