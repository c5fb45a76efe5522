// SPDX-License-Identifier: Apache-2.0

// Package gatewayapi makes AccessPolicies of the CORS filter of HTTPRoutes (GEP-1767) and of
// the SecurityPolicies of Envoy Gateway.
package gatewayapi
