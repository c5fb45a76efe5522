#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# hack/verify.sh PATHSPEC... fails when files that match, just generated, differ
# from the index or are not in it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

specs=()
for spec; do specs+=(":(glob)$spec"); done

changed=$(git diff --name-only -- "${specs[@]}")
new=$(git ls-files --others --exclude-standard -- "${specs[@]}")
if [[ -z $changed$new ]]; then
	echo "verify: the generated files are up to date"
	exit
fi
git --no-pager diff -- "${specs[@]}" || true
{
	echo "verify: these generated files are not up to date in git:"
	for path in $changed; do echo "  changed  $path"; done
	for path in $new; do echo "  new      $path"; done
	echo "They have just been written again: add them to your commit (git add), or"
	echo "undo what you edited by hand, and change the Go source they are made from."
} >&2
exit 1
