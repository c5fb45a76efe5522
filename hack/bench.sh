#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures the CPU time of a decision against a bare net/http handler, see
# hack/bench. Arguments are passed on: hack/bench.sh -rounds 5 -time 10s
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mkdir -p .cache
go build -o .cache/bench ./hack/bench
run=(.cache/bench)
if command -v taskset >/dev/null && (($(nproc) > 1)); then
	run=(taskset -c 1 "${run[@]}") # the load; the servers run on CPU 0
fi
"${run[@]}" "$@"
