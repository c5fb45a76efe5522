// SPDX-License-Identifier: Apache-2.0

// Package evaluation asks services about people who sign in: external evaluation, as
// Cloudflare Access calls it, and on the wire as Cloudflare Access does it.
//
//	Ostiary                                       the service
//	POST url {"token": JWT, signed by our keys}   →  verifies it by /.access/certs
//	GET  keysURL, from time to time               →  {"keys": [...]}
//	                                              ←  {"token": JWT, signed by its key}
//
// Our token has the identity and a nonce; the service's has success, the same nonce, iat
// and exp. Anything that is not such an answer tells nothing, which is not the same as no:
// see policy.Untold. Which services may be asked at all, the table says.
package evaluation
