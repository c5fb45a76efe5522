// SPDX-License-Identifier: Apache-2.0

// Package bearer turns bearer tokens of other issuers, which the platform team names
// (TokenIssuer), into a policy.Bearer: signature, issuer, audience and time.
//
// It asks nobody but those issuers, at the addresses of their own descriptions: nothing in
// a token says where its keys are. Keys are fetched ahead and renewed in the background; a
// request waits for them for a moment at most, and a token whose keys are not there is
// refused. Verified tokens are remembered, as long as they and the keys are good.
//
// It decides about nobody: which audience and claims a rule wants, policy judges on
// every request.
package bearer
