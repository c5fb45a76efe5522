# SPDX-License-Identifier: Apache-2.0
#
# shellcheck shell=bash
# To be sourced. Runs the parts of a script one after the other, times each and
# prints a table at the end, whether the script gets there or not.
#
#   parts_begin TITLE
#   part NAME COMMAND...    the script ends when COMMAND fails
#   beside NAME COMMAND...  begins COMMAND: it runs beside the parts that follow, where
#                           these leave the processors idle
#   joined NAME             waits for it, and prints what it printed; the script ends if it failed
#
# COMMAND runs in a shell of its own with -e, so a function fails at the first
# of its commands that does.

parts_begin() {
	parts_title=$1
	parts_names=()
	parts_seconds=()
	parts_results=()
	declare -gA parts_beside=()
	parts_logs=$(mktemp -d)
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

beside() {
	local name=$1 started=$SECONDS
	shift
	set -m # a process group of its own, to be ended as a whole
	(
		trap - EXIT
		renice -n 10 -p "$BASHPID" >/dev/null
		# Not in a condition, see part.
		set +e
		(
			set -e
			"$@"
		)
		status=$?
		echo $((SECONDS - started)) >"$parts_logs/$name.seconds"
		exit "$status"
	) >"$parts_logs/$name" 2>&1 </dev/null &
	parts_beside[$name]=$!
	set +m
}

joined() {
	local name=$1 status=0
	printf '\n=== %s: %s\n' "$parts_title" "$name"
	wait "${parts_beside[$name]}" || status=$?
	unset "parts_beside[$name]"
	cat "$parts_logs/$name"
	parts_names+=("$name")
	parts_seconds+=("$(cat "$parts_logs/$name.seconds" 2>/dev/null || echo 0)")
	if ((status == 0)); then
		parts_results+=("ok, beside others")
		return 0
	fi
	parts_results+=("FAILED ($status)")
	exit "$status"
}

parts_end() {
	local status=$? i pid
	for pid in "${parts_beside[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
	rm -rf "$parts_logs"
	printf '\n%-24s %7s\n' "$parts_title" seconds
	for i in "${!parts_names[@]}"; do
		printf '%-24s %7d  %s\n' "${parts_names[i]}" "${parts_seconds[i]}" "${parts_results[i]}"
	done
	printf '%-24s %7d\n' total $((SECONDS - parts_started))
	exit "$status"
}
