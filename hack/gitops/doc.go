// SPDX-License-Identifier: Apache-2.0

// Package gitops holds what tools for GitOps see of our objects: kstatus, by which Flux
// and Helm wait, the health check for Argo CD that docs/tasks/gitops.md has, and kubectl.
// The objects are those of a real API server, with the program beside it. It is a module
// of its own, because kstatus brings kubectl's libraries.
package gitops
