#!/usr/bin/env bash
# Writes what is made from the Go sources: the deep copies beside the types, the
# CRDs in config/crd (copied to $CHART_CRDS when the chart is there) and the
# operator's RBAC role in config/rbac.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

hack/tools.sh controller-gen
eval "$(hack/tools.sh -env)"
charts=${CHART_CRDS:-charts/ostiary/crds}

controller-gen object paths=./api/...
controller-gen crd paths=./api/... output:crd:dir=config/crd
if [[ -d controllers ]]; then
	controller-gen rbac:roleName=ostiary paths=./controllers/... output:rbac:dir=config/rbac
fi
if [[ -e charts/ostiary/Chart.yaml ]]; then
	mkdir -p "$charts"
	for crd in config/crd/*_*.yaml; do
		cp "$crd" "$charts/"
	done
fi
find api -name 'zz_generated.*.go' -exec gofmt -l -w {} +
