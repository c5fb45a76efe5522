// SPDX-License-Identifier: Apache-2.0

// Package routes says what an Ingress or HTTPRoute that names a policy, and what
// stands beside it, must look like for its proxy to ask about every request; and
// what serves a guarded host around its policy.
//
// It is pure: objects in, a plan and findings out. It reads no cluster, writes
// none, and decides about no request: controllers applies its plans, and the
// authserver answers. It never plans a snippet.
package routes
