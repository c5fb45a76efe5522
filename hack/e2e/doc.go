// SPDX-License-Identifier: Apache-2.0

// Package e2e proves what only a real proxy can: nginx, with the locations that
// ingress-nginx renders, in front of applications that count what reaches them,
// asks the ostiary binary about every request.
//
// Its tests carry the numbers of the CORS statements (S1...S35) and of the
// threats (A, B, C, D rows). They send exact bytes over TCP, so that what a
// client library would tidy up arrives as it is. They need nginx, with
// auth_request, and curl; a machine without them fails them.
package e2e
