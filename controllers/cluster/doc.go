// SPDX-License-Identifier: Apache-2.0

// Package cluster reads the API server: how it is found, which kinds it has and what
// becomes of one that is missing or may not be read, and everything that routes are
// judged by, listed into a World. It writes nothing.
package cluster
