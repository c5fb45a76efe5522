// SPDX-License-Identifier: Apache-2.0

// Package manifests reads the objects of the API out of YAML files, for clusters
// of one: what serve --policies, check and explain read, and of Ingresses those
// that name a policy. It owns files, their lines and their changes. An object that
// cannot be read keeps what it claims, as far as that can be made out, and is
// denied; other objects live on.
package manifests
