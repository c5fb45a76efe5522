// SPDX-License-Identifier: Apache-2.0

// Package ext is the place where other editions of Traefik add settings of
// their own to a router and to its HTTP configuration. The open one adds none.
package ext

// HTTP holds what is added to the HTTP configuration: nothing.
type HTTP struct{}

// DeepCopyInto copies nothing, because nothing is added.
func (*HTTP) DeepCopyInto(*HTTP) {}

// Router holds what is added to a router: nothing.
type Router struct{}

// DeepCopyInto copies nothing, because nothing is added.
func (*Router) DeepCopyInto(*Router) {}
