// SPDX-License-Identifier: Apache-2.0

// Package idp asks identity providers who somebody is: OpenID providers, and
// built-in users whose passwords are in a file.
//
// All that a provider says is unproven until it is checked here, and bounded:
// the time that it takes, the size and the redirects of an answer, the number of
// groups, the characters of a name. What is left is an Identity that can be put
// into a token and into a header as it is.
//
// What makes a configuration valid is in config; discovery, keys and the client are
// in oidc. It keeps no session, knows no browser and decides about nobody. A Provider
// talks to its issuer only when it is used: a nil Set, or one that knows of no
// provider, signs nobody in.
package idp
