// SPDX-License-Identifier: Apache-2.0

// Package providers holds one story of sign-ins, told to real identity providers: npm's
// oidc-provider, Dex and Keycloak. Each runs on loopback. Dex is built by hack/tools.sh
// and Keycloak, which takes a minute, is fetched by hack/keycloak.sh: its tests run with
// OSTIARY_KEYCLOAK=1 alone (`make test-providers`).
//
// What the story shows of each is in docs/providers.md.
package providers
