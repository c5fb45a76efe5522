#!/usr/bin/env bash
# Copies the CRDs of config/crd into the chart, as templates: wrapped so that
# crds.enabled and crds.keep govern them, with every "{{" of a description or a
# rule escaped. Prints what changed; the same input gives the same files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

to=charts/ostiary/templates/crds
mkdir -p "$to"

wrap() {
	echo '{{- /* Made from config/crd by hack/chart/sync-crds.sh: change api/, not this. */ -}}'
	echo '{{- if .Values.crds.enabled }}'
	awk '
		{ gsub(/[{][{]/, "{{ \"{{\" }}") }
		$0 == "metadata:" && !labelled {
			print
			print "  labels:"
			print "    {{- include \"ostiary.labels\" . | nindent 4 }}"
			labelled = 1
			next
		}
		$0 == "  annotations:" && !kept {
			print
			print "    {{- if .Values.crds.keep }}"
			print "    helm.sh/resource-policy: keep"
			print "    {{- end }}"
			kept = 1
			next
		}
		{ print }
		END {
			if (!labelled || !kept) {
				print FILENAME ": no metadata with annotations" >"/dev/stderr"
				exit 1
			}
		}
	' "$1"
	echo '{{- end }}'
}

changed=0
new=$(mktemp)
trap 'rm -f "$new"' EXIT
shopt -s nullglob
for crd in config/crd/*_*.yaml; do
	wrap "$crd" >"$new"
	file=$to/${crd##*/}
	if [[ ! -e $file ]]; then
		echo "sync-crds: new      $file"
	elif ! cmp -s "$new" "$file"; then
		echo "sync-crds: changed  $file"
	else
		continue
	fi
	cat "$new" >"$file"
	changed=1
done
for file in "$to"/*.yaml; do
	[[ -e config/crd/${file##*/} ]] && continue
	echo "sync-crds: removed  $file"
	rm "$file"
	changed=1
done
((changed)) || echo "sync-crds: the chart's CRDs are up to date"
