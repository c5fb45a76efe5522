// SPDX-License-Identifier: Apache-2.0

// Package routestest has the manifests that tests of routes share, and reads them as the
// API server would. Nothing but tests imports it.
package routestest
