// SPDX-License-Identifier: Apache-2.0

// Package web renders the pages that people see. It owns the embedded
// templates and their style: typed views in, HTML out. It reads no request,
// sends no header, and needs no script.
package web
