// SPDX-License-Identifier: Apache-2.0

// Package cloudflare makes AccessPolicies of Cloudflare Access: of what its API answers, of
// Terraform configuration for the provider's versions 4 and 5, and of Terraform state. It owns
// what each setting means here; docs/guides/cloudflare.md has the same in words. What makes a
// policy safe where something is missing is the business of package draft.
package cloudflare
