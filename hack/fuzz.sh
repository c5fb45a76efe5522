#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs every fuzz target of the module, one after the other, for $FUZZTIME each
# (60s unless set), and prints a line for each. No target runs for longer than
# $FUZZLIMIT (10m) once it is built, whatever happens. An input that fails is kept by Go under
# the package's testdata/fuzz: commit it with the fix.
#
#   hack/fuzz.sh [PACKAGE...]    ./... unless named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

time=${FUZZTIME:-60s}
limit=${FUZZLIMIT:-10m}
(($#)) || set -- ./...

# Only packages with a target are compiled to be asked for their names.
format='{{range .TestGoFiles}}{{$.ImportPath}} {{$.Dir}}/{{.}}{{"\n"}}{{end}}'
format+='{{range .XTestGoFiles}}{{$.ImportPath}} {{$.Dir}}/{{.}}{{"\n"}}{{end}}'
files=$(go list -f "$format" "$@")
packages=$(while read -r package file; do
	[[ -n $package ]] || continue
	if grep -q '^func Fuzz' "$file"; then echo "$package"; fi
done <<<"$files" | sort -u)

log=$(mktemp)
trap 'rm -f "$log"' EXIT
count=0
failed=0
for package in $packages; do
	names=$(go test -list '^Fuzz' "$package")
	for name in $(grep '^Fuzz' <<<"$names" || true); do
		count=$((count + 1))
		status=0
		# Built before the clock runs: with all it imports, that can take as long as the limit.
		go test -c -fuzz "^$name\$" -o /dev/null "$package" >"$log" 2>&1 || status=$?
		((status != 0)) || timeout --kill-after=10s "$limit" \
			go test -run '^$' -fuzz "^$name\$" -fuzzminimizetime 10x -fuzztime "$time" "$package" >"$log" 2>&1 || status=$?
		# The last line of progress: how long, and how many inputs.
		progress=$(grep '^fuzz: elapsed' "$log" | tail -n 1 | sed 's/^fuzz: //' || true)
		if ((status == 0)); then
			echo "ok      $package $name  $progress"
			continue
		fi
		failed=$((failed + 1))
		((status != 124 && status != 137)) || progress="it did not stop within $limit; $progress"
		echo "FAILED  $package $name  $progress"
		tail -n 40 "$log" | sed 's/^/        /'
	done
done
if ((count == 0)); then
	echo "fuzz: no fuzz target in $*" >&2
	exit 1
fi
echo "fuzz: $((count - failed)) targets passed, $failed failed"
((failed == 0))
