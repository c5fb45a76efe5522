// SPDX-License-Identifier: Apache-2.0

// Package clientjs holds the module that pages of protected applications may
// import from our path: a fetch that knows how to sign in, and how to call the
// applications of other sites where browsers keep cookies from them. It is a
// file, not a build: what is served is what is written here.
package clientjs
