// SPDX-License-Identifier: Apache-2.0

// Package conformance runs one suite against every proxy that there is a way to
// run here: the same policies, the same applications, the same requests, byte by
// byte. What the runs show is docs/conformance.md; a run that shows something else
// fails.
//
//	go test ./hack/conformance -run 'TestConformance/^nginx'     one family
//	go test ./hack/conformance -update                           all, and write the page
//
// A variant names its limits: cases in which the proxy is known to do otherwise,
// and why. Such a case must deviate when it runs. There is no limit to what keeps
// requests out: one that reaches an application although the policy of its route
// denies it fails the run, whatever the case.
package conformance
