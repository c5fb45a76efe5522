// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"

	"github.com/ostiary/ostiary/authserver/policy"
)

// What is wrong with a token issuer.
const (
	codeName        policy.Code = "token-issuer-name"
	codeIssuer      policy.Code = "token-issuer-address"
	codeKeysTwice   policy.Code = "token-issuer-two-key-sets"
	codeKeys        policy.Code = "token-issuer-jwks"
	codeKeysAddress policy.Code = "token-issuer-jwks-url"
	codeAudiences   policy.Code = "token-issuer-audiences"
	codeAudience    policy.Code = "token-issuer-audience"
	codeNamespaces  policy.Code = "token-issuer-namespaces"
	codeAlgorithm   policy.Code = "token-issuer-algorithm"
	codeTwiceListed policy.Code = "token-issuer-listed-twice"
	codeLeeway      policy.Code = "token-issuer-leeway"
	codeCA          policy.Code = "token-issuer-ca-bundle"
	codeCAKey       policy.Code = "token-issuer-ca-bundle-private-key"
)

var codes = []policy.CodeDoc{
	{Code: codeIssuer, Reason: policy.Invalid, Fix: "Write what the issuer's tokens have as iss: an https address."},
	{Code: codeAlgorithm, Reason: policy.Invalid, Fix: "Write an asymmetric algorithm, such as RS256 or ES256, or remove algorithms."},
	{Code: codeAudience, Reason: policy.Invalid, Fix: "Write 1 to 255 printable characters without blanks."},
	{Code: codeAudiences, Reason: policy.Invalid, Fix: "List the audiences that tokens may be for."},
	{Code: codeCA, Reason: policy.Invalid, Fix: "Write the certificates in PEM form."},
	{Code: codeCAKey, Reason: policy.Invalid, Fix: "Remove the private key, and replace it: others could read it."},
	{Code: codeKeys, Reason: policy.Invalid, Fix: "Write the issuer's JSON Web Key Set, with its public keys."},
	{Code: codeKeysAddress, Reason: policy.Invalid, Fix: "Write the https address of the issuer's key set."},
	{Code: codeLeeway, Reason: policy.Invalid, Fix: "Set leeway to at most 1m."},
	{Code: codeTwiceListed, Reason: policy.Invalid, Fix: "Remove one of the two entries."},
	{Code: codeName, Reason: policy.Invalid, Fix: "Use lower-case letters, digits, dots and hyphens."},
	{Code: codeNamespaces, Reason: policy.Invalid, Fix: "List the namespaces whose policies may name the issuer, or \"*\" alone."},
	{Code: codeKeysTwice, Reason: policy.Invalid, Fix: "Keep jwks or jwksURL, not both."},
}

// Codes lists every code that an issue of a token issuer can have.
func Codes() []policy.CodeDoc { return slices.Clone(codes) }
