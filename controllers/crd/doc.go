// SPDX-License-Identifier: Apache-2.0

// Package crd says what an API server would refuse of an object, without one: it runs
// the schema, the defaults and the CEL rules of the CustomResourceDefinitions in
// config/crd by the API server's own libraries. It owns the words of what a schema
// refuses; the words of a CEL rule stand in the definition. It holds no rule of its
// own, and knows nothing of files and lines.
package crd
