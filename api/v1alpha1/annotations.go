// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Prefix begins every label and annotation of ours.
const Prefix = "access.ostiary.dev/"

// Annotations that people write.
const (
	// PolicyAnnotation on an Ingress or HTTPRoute names the AccessPolicy of the
	// same namespace that guards it: the opt-in.
	PolicyAnnotation = "access.ostiary.dev/policy"
	// ModeAnnotation on an Ingress overrides the installation's mode for it.
	ModeAnnotation = "access.ostiary.dev/mode"
	// ProxyAnnotation on an IngressClass, a GatewayClass or an Ingress names the
	// proxy that serves it, where the name of its controller does not tell.
	ProxyAnnotation = "access.ostiary.dev/proxy"
)

// AdmissionLabel on a Namespace, with the value exempt, leaves its routes out of the checks
// of config/deny-by-default and config/host-ownership.
const AdmissionLabel = "access.ostiary.dev/admission"

// Labels and annotations that mark what we write.
const (
	// RouteLabel is on every object that a plan creates. Its value is a digest of
	// the Ingress, HTTPRoute or host that the object is for: a label has no room for
	// names. What carries it and is in no plan is deleted.
	RouteLabel = "access.ostiary.dev/route"
	// ForAnnotation says in words what an object that carries RouteLabel is for.
	ForAnnotation = "access.ostiary.dev/for"
	// AppliedAnnotation holds a digest of what was applied last, so that it is seen
	// without a write whether a field has to go.
	AppliedAnnotation = "access.ostiary.dev/applied"
	// LedgerLabel is on the ConfigMaps that say which namespace claims which hosts.
	LedgerLabel = "access.ostiary.dev/ledger"
	// OwnersLabel is on the ConfigMaps by which the API server knows who may serve a host.
	OwnersLabel = "access.ostiary.dev/owners"
	// AboutAnnotation says in words what a ConfigMap that carries LedgerLabel or OwnersLabel is.
	AboutAnnotation = "access.ostiary.dev/about"
)

// SecretTypeSecondFactors is the type of a Secret that holds the second factors of built-in
// users. The type of a Secret never changes, so no other is ever taken for one.
const SecretTypeSecondFactors = "access.ostiary.dev/second-factors" //nolint:gosec // the name of a type
