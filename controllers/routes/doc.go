// SPDX-License-Identifier: Apache-2.0

// Package routes reads what route objects say: Ingresses, HTTPRoutes, GRPCRoutes,
// IngressRoutes, and what stands beside them. It reads each fact once: hosts and paths,
// classes, every annotation as its own proxy parses it, and who asks Ostiary about what.
//
// It is pure: objects in, values out. It reads no cluster and imports no client. Package
// plan says what must be written, and package coverage what is unprotected; both rest on
// this one, and it imports neither.
package routes
