#!/usr/bin/env bash
# Lints and renders the chart with every set of hack/chart/testdata/values. What
# needs an API server is in hack/chart/*_test.go.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

eval "$(hack/tools.sh -env)"
helm=${HELM:-helm}
for values in hack/chart/testdata/values/*.yaml; do
	"$helm" lint --strict --quiet charts/ostiary -f "$values"
	"$helm" template ostiary charts/ostiary -f "$values" >/dev/null
done
echo "chart: every set of values is fine"
