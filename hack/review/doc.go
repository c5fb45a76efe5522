// SPDX-License-Identifier: Apache-2.0

// Package review tests `ostiary diff`: on changes that open something, each of which has to
// be found with a request that a running server decides as the report says, and on changes
// that open and close nothing.
package review
