#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Writes what is made from the Go sources: the deep copies beside the types, the
# CRDs in config/crd and from them those of the chart, the RBAC role in config/rbac
# (markers in ./controllers), the chart's README, and the reference pages and tables of
# tests in docs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

hack/tools.sh controller-gen
eval "$(hack/tools.sh -env)"

controller-gen object paths=./api/...
controller-gen crd paths=./api/... output:crd:dir=config/crd
controller-gen rbac:roleName=ostiary paths=./controllers/... output:rbac:dir=config/rbac
go generate ./api/... # what markers cannot say in the CRDs
hack/chart/sync-crds.sh
go run ./hack/chart/readme charts/ostiary
go run ./hack/docs
find api -name 'zz_generated.*.go' -exec gofmt -l -w {} +
