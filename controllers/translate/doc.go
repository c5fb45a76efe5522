// SPDX-License-Identifier: Apache-2.0

// Package translate turns objects of the API into the policies that package
// policy compiles. It knows both vocabularies and decides nothing: what it
// cannot translate becomes a defect of the policy, which then denies what it
// claims.
package translate
