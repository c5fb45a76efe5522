// SPDX-License-Identifier: Apache-2.0

// Package geo tells in which country an address is, by a database of the operator's
// in MaxMind's format (https://maxmind.github.io/MaxMind-DB/). It reads the file
// again when that changes. It knows no request, and nobody but the operator tells it
// anything: no header names a country.
package geo
