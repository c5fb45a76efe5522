// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// `make generate` runs controller-gen and then this line, which turns the
// maxProperties of Selector into "at most one key, if everyone is among them".
// Without it the schema refuses the same objects, with a poorer message.

//go:generate sed -i -E "s/^( *)maxProperties: 1$/\\1anyOf:\\n\\1- maxProperties: 1\\n\\1- not:\\n\\1    required: [everyone]/" ../../config/crd/access.ostiary.dev_accesspolicies.yaml ../../config/crd/access.ostiary.dev_accessgroups.yaml
