// SPDX-License-Identifier: Apache-2.0

// Package ingressnginx makes AccessPolicies of what annotations of ingress-nginx say of an
// Ingress: who may pass, and how preflights are answered, with the defaults of that proxy.
// What flags mean to it, package routes says.
package ingressnginx
