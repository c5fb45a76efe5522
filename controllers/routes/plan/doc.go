// SPDX-License-Identifier: Apache-2.0

// Package plan says what a route that names a policy, and what stands beside it, must
// look like for its proxy to ask about every request.
//
// It is pure: a snapshot in, a plan and findings out. It reads no cluster and writes
// none: the opt-in controller applies its plans. It never plans a snippet.
package plan
