// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types of every kind that has a status.
const (
	// ConditionReady sums the others up, as kstatus, Flux and `kubectl wait` read it: true
	// when nothing is missing. Its reason and message are those of the worst of them.
	ConditionReady = "Ready"
	// ConditionStalled is true when waiting changes nothing: something must be edited.
	// Absent otherwise (kstatus).
	ConditionStalled = "Stalled"
)

// Condition types of an AccessPolicy. The first three, other kinds have as well.
const (
	// ConditionAccepted is true when the whole policy is valid and owns what it claims.
	ConditionAccepted = "Accepted"
	// ConditionProgrammed is true when the policy is part of the table that decides requests.
	// Of a TokenIssuer: when there are keys that tokens can be verified with.
	ConditionProgrammed = "Programmed"
	// ConditionDegraded is true when the policy works but something about it is unwise.
	ConditionDegraded = "Degraded"
	// ConditionRouted is true when every Ingress and HTTPRoute that names the
	// policy asks Ostiary about each request. Absent when none names it.
	ConditionRouted = "Routed"
	// ConditionCovered is false when a route leads to the policy's hosts without
	// protection. Absent when that is not watched.
	ConditionCovered = "Covered"
)
