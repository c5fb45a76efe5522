// SPDX-License-Identifier: Apache-2.0

// Package oauth is the team host as an authorization server (OAuth 2.1): an agent, such
// as an MCP client, is let act for a person at one application, by that person.
//
// It keeps nothing. Codes and refresh tokens are sealed; access tokens are those of
// credential, for one policy on one host. Who a client is, its own metadata document
// says, which is fetched from public addresses alone, or an operator does.
//
// It decides about nobody: login says who is signed in, and policy whether they, by that
// client, may pass, which is asked again for every request.
package oauth
