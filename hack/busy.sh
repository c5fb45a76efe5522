#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a command beside loops that keep the processors busy: hack/busy.sh 8 COMMAND...
# They end with the command, and in 40 minutes at the latest.
set -euo pipefail

count=$1
shift
loops=()
trap 'kill "${loops[@]}" 2>/dev/null || true' EXIT
for ((i = 0; i < count; i++)); do
	timeout 2400 bash -c 'while :; do :; done' &
	loops+=($!)
done
"$@"
