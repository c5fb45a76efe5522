// SPDX-License-Identifier: Apache-2.0

// Package command is the shape that all commands of the binary have: how their help
// looks, how they end (exit codes), what they say of a mistake in a command line, and how
// a name that was given up goes on working for a release. It knows no command, and
// imports the policy's words and cobra alone.
package command
