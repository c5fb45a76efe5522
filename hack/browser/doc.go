// SPDX-License-Identifier: Apache-2.0

// Package browser tells, in a real browser, what people do: Chromium in front of
// nginx with the locations that ingress-nginx renders, two replicas of the
// ostiary binary, an OpenID provider, and applications that count what reaches
// them. It is a module of its own, so that the browser's driver is none of the
// product's dependencies.
//
// A part of the stories is told in Firefox and WebKitGTK, too (TestEngines).
//
// It needs chromium, nginx, Node and npm; a machine without them fails it.
package browser
