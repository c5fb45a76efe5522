// SPDX-License-Identifier: Apache-2.0

// Package public is what the answers on the public listener share: which hosts and
// paths are ours, one request and what is known about it, pages and redirects that
// fit a proxy's buffer, cookies of our own, and limits for whoever tries too often.
//
// It knows no address beyond the prefix: signing in (login), and what is for
// those who are signed in (console), say which they answer.
package public
