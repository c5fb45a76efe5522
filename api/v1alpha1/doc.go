// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the kinds of the API group access.ostiary.dev.
//
// It owns their shape and what the API server can refuse by itself (the CEL
// rules in the markers). It is data only: nothing here decides, and nothing
// here imports another package of this module.
//
// +kubebuilder:object:generate=true
// +groupName=access.ostiary.dev
package v1alpha1
