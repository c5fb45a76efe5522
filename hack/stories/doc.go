// SPDX-License-Identifier: Apache-2.0

// Package stories runs the stories beside it: manifests, and what becomes of
// requests by them. It also asks, as every proxy does, what is planned for its
// routes, and looks at the decisions.
package stories
