// SPDX-License-Identifier: Apache-2.0

// Package crd holds the CustomResourceDefinitions as controller-gen writes them. They
// are embedded here because go:embed reaches no file above its own package, and a copy
// elsewhere could be another one than the cluster's.
package crd

import "embed"

// Files are the definitions, one file for each kind.
//
//go:embed access.ostiary.dev_*.yaml
var Files embed.FS
