// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"

	"github.com/ostiary/ostiary/authserver/policy"
)

// What is wrong with a provider.
const (
	codeName         policy.Code = "provider-name"
	codeDisplayName  policy.Code = "provider-display-name"
	codeType         policy.Code = "provider-type"
	codeTwice        policy.Code = "provider-twice"
	codeIssuer       policy.Code = "issuer"
	codeDiscovery    policy.Code = "discovery-url"
	codeEndSession   policy.Code = "end-session-url"
	codeFormat       policy.Code = "groups-format"
	codeGraph        policy.Code = "graph-url"
	codeSite         policy.Code = "github-url"
	codeSecretNone   policy.Code = "client-secret-none"
	codeOrganization policy.Code = "github-organization"
	// codeOrganizations is that there are too many.
	codeOrganizations policy.Code = "too-many-github-organizations"
	codeClientID      policy.Code = "client-id"
	codeSecretBlank   policy.Code = "client-secret-blank"
	codeScope         policy.Code = "scope"
	codeScopeTwice    policy.Code = "scope-twice"
	codeScopes        policy.Code = "too-many-scopes"
	codeClaim         policy.Code = "claim-path"
	codeReserved      policy.Code = "auth-param-reserved"
	codeParam         policy.Code = "auth-param"
	codeParams        policy.Code = "too-many-auth-params"
	codePrivateKey    policy.Code = "ca-bundle-private-key"
	codeCertificates  policy.Code = "ca-bundle"
	codeStepUp        policy.Code = "step-up"
	codeUsers         policy.Code = "users"
	codeUser          policy.Code = "user"
	codeUserTwice     policy.Code = "user-twice"
	codeSecondFactor  policy.Code = "second-factor"
)

// What is wrong with the Secrets that a provider names, for whoever reads them.
const (
	CodeSecretMissing policy.Code = "secret-missing"
	CodeSecretEmpty   policy.Code = "secret-empty"
)

var codes = []policy.CodeDoc{
	{Code: codeParam, Reason: policy.Invalid, Fix: "Write the parameter's name as one word, and a value of at most 1024 characters."},
	{Code: codeReserved, Reason: policy.Invalid, Fix: "Remove the parameter: Ostiary sets it."},
	{Code: codeCertificates, Reason: policy.Invalid, Fix: "Write the certificates in PEM form."},
	{Code: codePrivateKey, Reason: policy.Invalid, Fix: "Remove the private key, and replace it: others could read it."},
	{Code: codeClaim, Reason: policy.Invalid, Fix: "Write the path of a claim, such as realm_access.roles."},
	{Code: codeClientID, Reason: policy.Invalid, Fix: "Write the client ID as the provider shows it."},
	{Code: codeSecretBlank, Reason: policy.Invalid, Fix: "Store the secret without a line end: printf, not echo."},
	{Code: codeDiscovery, Reason: policy.Invalid, Fix: "Write the https address of the provider's metadata, with its path."},
	{Code: codeEndSession, Reason: policy.Invalid, Fix: "Write the https address at the provider that ends sessions, with its path."},
	{Code: codeFormat, Reason: policy.Invalid, Fix: "Write List, Comma, Space, JSON, Keys or DN."},
	{Code: codeGraph, Reason: policy.Invalid, Fix: "Write the https address of Microsoft Graph, such as https://graph.microsoft.com."},
	{Code: codeSite, Reason: policy.Invalid, Fix: "Write the https address of GitHub, without a path."},
	{Code: codeSecretNone, Reason: policy.Invalid, Fix: "Make a client secret at GitHub, and name the Secret that holds it."},
	{Code: codeOrganization, Reason: policy.Invalid, Fix: "Write the organization as it stands in its address, once."},
	{Code: codeOrganizations, Reason: policy.Invalid, Fix: "Keep at most 64 organizations."},
	{Code: codeIssuer, Reason: policy.Invalid, Fix: "Write the https address that the provider's metadata has as its issuer."},
	{Code: codeDisplayName, Reason: policy.Invalid, Fix: "Write 1 to 100 printable characters."},
	{Code: codeName, Reason: policy.Invalid, Fix: "Use lower-case letters, digits, dots and hyphens."},
	{Code: codeTwice, Reason: policy.Invalid, Fix: "Give each identity provider a name of its own."},
	{Code: codeType, Reason: policy.Invalid, Fix: "Write oidc, github or users."},
	{Code: codeSecondFactor, Reason: policy.Invalid, Fix: "Write Optional or Required, and name the Secret for what people set up."},
	{Code: codeScope, Reason: policy.Invalid, Fix: "Write each scope as one word, without quotes."},
	{Code: codeScopeTwice, Reason: policy.Invalid, Fix: "Remove one of the two."},
	{Code: codeParams, Reason: policy.Invalid, Fix: "Keep at most 16 parameters."},
	{Code: codeScopes, Reason: policy.Invalid, Fix: "Keep at most 32 scopes."},
	{Code: codeStepUp, Reason: policy.Invalid,
		Fix: "List each authMethod once, with at most 8 acrValues of one word each, and a maxAge such as 5m."},
	{Code: CodeSecretEmpty, Reason: policy.Invalid, Fix: "Add the key to the Secret, or name another key."},
	{Code: CodeSecretMissing, Reason: "SecretMissing", Fix: "Create the Secret in the namespace that Ostiary runs in."},
	{Code: codeUser, Reason: policy.Unwise, Fix: "Correct the entry: until then this user cannot sign in."},
	{Code: codeUserTwice, Reason: policy.Unwise, Fix: "Give each user a name and an address of their own."},
	{Code: codeUsers, Reason: policy.Invalid, Fix: "Write a YAML list of users, with a name and a passwordHash each."},
}

// Codes lists every code that an issue of a provider can have.
func Codes() []policy.CodeDoc { return slices.Clone(codes) }

// Twice is the issue of providers that share a name.
func Twice() Issue {
	return Issue{Field: "name", Code: codeTwice, Message: "more than one identity provider has this name: none of them is used"}
}
