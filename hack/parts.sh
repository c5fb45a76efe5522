# SPDX-License-Identifier: Apache-2.0
#
# shellcheck shell=bash
# To be sourced. Runs the parts of a script one after the other, times each and
# prints a table at the end, whether the script gets there or not.
#
#   parts_begin TITLE
#   part NAME COMMAND...    the script ends when COMMAND fails
#
# COMMAND runs in a shell of its own with -e, so a function fails at the first
# of its commands that does.

parts_begin() {
	parts_title=$1
	parts_names=()
	parts_seconds=()
	parts_results=()
	parts_started=$SECONDS
	trap parts_end EXIT
}

part() {
	local name=$1 started=$SECONDS status
	shift
	printf '\n=== %s: %s\n' "$parts_title" "$name"
	# Not in a condition: bash would ignore -e in all of COMMAND.
	set +e
	(
		set -e
		trap - EXIT
		"$@"
	)
	status=$?
	set -e
	parts_names+=("$name")
	parts_seconds+=($((SECONDS - started)))
	if ((status == 0)); then
		parts_results+=(ok)
		return 0
	fi
	parts_results+=("FAILED ($status)")
	exit "$status"
}

parts_end() {
	local status=$? i
	printf '\n%-24s %7s\n' "$parts_title" seconds
	for i in "${!parts_names[@]}"; do
		printf '%-24s %7d  %s\n' "${parts_names[i]}" "${parts_seconds[i]}" "${parts_results[i]}"
	done
	printf '%-24s %7d\n' total $((SECONDS - parts_started))
	exit "$status"
}
