// SPDX-License-Identifier: Apache-2.0

// Package ext stands in for the extension points of the configuration of Traefik,
// which are empty.
package ext

// HTTP extends the HTTP configuration.
type HTTP struct{}

// DeepCopyInto copies nothing.
func (in *HTTP) DeepCopyInto(out *HTTP) { *out = *in }

// Router extends a router.
type Router struct{}

// DeepCopyInto copies nothing.
func (in *Router) DeepCopyInto(out *Router) { *out = *in }
