// SPDX-License-Identifier: Apache-2.0

// Package oauth2proxy makes AccessPolicies of the settings of oauth2-proxy: flags, its
// configuration file, and the manifests that hold either; and of the Ingresses that ask it.
package oauth2proxy
