// SPDX-License-Identifier: Apache-2.0

// Package contract is what proxies and Ostiary agree on: the paths of the endpoints, the
// default ports and path prefix, the client's headers that a decision reads, and the
// headers that tell an application who is calling. Whoever writes a proxy's configuration,
// reads one, or answers a proxy takes them from here. It knows no proxy and decides
// nothing; it imports the standard library alone.
package contract
