// SPDX-License-Identifier: Apache-2.0

// Package proxyconfig writes the configuration that puts ostiary in front of an
// application, for each proxy: `ostiary config PROXY`.
//
// It owns the templates and what may stand in them: every value is checked
// against the narrowest syntax that it can have, and refused, never escaped,
// where a proxy could read it as anything else. It reads no files, asks nobody,
// and knows no Kubernetes types: the objects that it prints are text.
package proxyconfig
