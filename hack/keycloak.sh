#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fetches Keycloak's distribution by Maven, checks its digest, unpacks it below
# .cache/keycloak unless it is there, and prints the folder. It needs a JRE (17 or later),
# Maven and unzip: without one of them it says which, and exits with 3.
set -euo pipefail

version=26.4.2
digest=2a30e4602d63d4501a4a8263bfa4e14cbd5970b4116c618ea28f339b16190233

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=$root/.cache/keycloak/keycloak-$version

for program in java mvn unzip; do
	if ! command -v "$program" >/dev/null; then
		echo "keycloak: $program is not installed" >&2
		exit 3
	fi
done
mkdir -p "$root/.cache/keycloak"
# Who comes while another fetches it waits for it.
exec 9>"$root/.cache/keycloak/.lock"
if command -v flock >/dev/null; then flock 9; fi
if [[ ! -x $home/bin/kc.sh ]]; then
	work=$(mktemp -d "$root/.cache/keycloak/.new-XXXXXX")
	trap 'rm -rf "$work"' EXIT
	if ! mvn -q -B dependency:copy -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:zip" -DoutputDirectory="$work" >"$work/log" 2>&1; then
		echo "keycloak: Maven does not have it: $(tail -n 1 "$work/log")" >&2
		exit 3
	fi
	zip=$work/keycloak-quarkus-dist-$version.zip
	if ! echo "$digest  $zip" | sha256sum --check --status; then
		echo "keycloak: $(basename "$zip") is not the one that was looked at: its digest is another" >&2
		exit 1
	fi
	unzip -q "$zip" -d "$work"
	mv "$work/keycloak-$version" "$home"
fi
echo "$home"
