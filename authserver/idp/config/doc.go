// SPDX-License-Identifier: Apache-2.0

// Package config is the configuration of an identity provider, and what makes
// one valid: the single check for objects, for files, and for providers in use.
//
// It reads text alone, and talks to nobody: controllers may import it.
package config
