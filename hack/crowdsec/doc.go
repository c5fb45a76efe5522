// SPDX-License-Identifier: Apache-2.0

// Package crowdsec tries the documentation's example for CrowdSec with CrowdSec's own parser
// and buckets, on lines that the server wrote. It is a module of its own: nothing that ships
// depends on it.
package crowdsec
