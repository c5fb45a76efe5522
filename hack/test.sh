#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the tests need, builds their tools and runs them all. It fails
# as soon as a part does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/parts.sh
source hack/parts.sh

# Debian keeps nginx in a folder that a user's PATH may lack.
PATH=$PATH:/usr/sbin

# packages installs the Debian packages whose commands are not here.
packages() {
	local missing=()
	command -v nginx >/dev/null || missing+=(nginx-light)
	command -v curl >/dev/null || missing+=(curl)
	# The OpenID provider of the tests, see hack/oidcprovider.
	command -v npm >/dev/null || missing+=(nodejs npm)
	# Envoy comes as a Python wheel, see hack/tools.sh.
	python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
	# The browser of hack/browser.
	command -v chromium >/dev/null || [[ -n ${OSTIARY_CHROMIUM-} ]] || missing+=(chromium)
	# The proxies of hack/rendered and hack/conformance; Traefik is built.
	command -v haproxy >/dev/null || missing+=(haproxy)
	command -v caddy >/dev/null || missing+=(caddy)
	# promtool checks the metrics, and tries the alerts.
	command -v promtool >/dev/null || missing+=(prometheus)
	# The race detector needs a C compiler.
	command -v gcc >/dev/null || command -v clang >/dev/null || missing+=(gcc libc6-dev)
	if ((${#missing[@]} == 0)); then
		echo "nothing is missing"
		return
	fi
	if ! command -v apt-get >/dev/null; then
		echo "test: install ${missing[*]} (Debian's names) first: there is no apt-get here" >&2
		return 1
	fi
	if ((EUID != 0)); then
		echo "test: ${missing[*]} must be installed first, as root: apt-get install ${missing[*]}" >&2
		return 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	if [[ " ${missing[*]} " == *" nginx-light "* ]] && ! apt-cache show nginx-light >/dev/null 2>&1; then
		missing=("${missing[@]/nginx-light/nginx}")
	fi
	apt-get install -qy --no-install-recommends "${missing[@]}"
}

# The race detector looks at everything but the arithmetic of bcrypt, which shares nothing and
# would be twenty times slower with it.
race=(-race "-gcflags=golang.org/x/crypto/b...=-race=false")

# tests runs the tests of the module, and says which packages took longest. The part vet has
# looked at all of them. Those that wait most, for processes of others, begin first, and one
# more runs than there are processors.
tests() {
	local log status=0 first=(./controllers ./hack/chart ./hack/conformance ./controllers/optin ./hack/rendered) packages
	log=$(mktemp)
	mapfile -t packages < <(go list ./... | grep -vE '/authserver/policy(/compare)?$' | grep -vxFf <(go list "${first[@]}"))
	go test "${race[@]}" -shuffle=on -vet=off -p "$(($(nproc) + 1))" -timeout 30m "${first[@]}" "${packages[@]}" | tee "$log" || status=$?
	printf '\nthe slowest packages, in seconds:\n'
	awk '$1 == "ok" && $3 ~ /s$/ { sub(/s$/, "", $3); printf "%8.1f  %s\n", $3, $2 }' "$log" | sort -rn | head -n 12
	rm -f "$log"
	return "$status"
}

# oracles are those of the packages that decide. They compare every case there is, and run
# in one goroutine: with the race detector a part of the cases will do.
oracles() {
	OSTIARY_ORACLE_EVERY=5 go test "${race[@]}" -short -shuffle=on -vet=off -timeout 30m ./authserver/policy ./authserver/policy/compare
	go test -shuffle=on -vet=off -timeout 30m ./authserver/policy ./authserver/policy/compare
}

# alone are the parts that need the processor and nothing else. They run beside others, so
# they have more time than go test gives by itself.
alone() {
	(oracles)
	(strict)
	(gitops)
	(mutate)
	(crowdsec)
}

# strict decodes what is rendered with the types of those who read it: a module
# of its own, as they bring the whole of Envoy, Istio and Traefik.
strict() {
	cd hack/strict
	go vet ./...
	go test -shuffle=on -count=1 -timeout 30m ./... # the goldens are files of another module
}

# gitops asks what Flux, Helm and Argo CD see: a module of its own, as kstatus brings
# kubectl's libraries.
gitops() {
	cd hack/gitops
	go vet ./...
	go test -count=1 -timeout 30m ./... # the program is built anew, which go test cannot see
}

# crowdsec reads the server's lines with CrowdSec's own parser, a module of its own.
crowdsec() {
	cd hack/crowdsec
	go vet ./...
	go test -count=1 -timeout 30m ./... # it runs a test of another module
}

# mutate tries what looks for changes that no test notices, a module of its own.
mutate() {
	cd hack/mutate
	go vet ./...
	go test -shuffle=on -timeout 30m ./...
}

# browser tells the stories of hack/browser, a module of its own.
browser() {
	cd hack/browser
	go vet ./...
	go test -race -shuffle=on -count=1 -timeout 10m ./... # the program is built anew, which go test cannot see
}

# behind tells the stories that a proxy has a part in, with what `ostiary config`
# prints for it.
behind() {
	cd hack/browser
	local stories='^Test(CrossOriginFetch|ExpiredSessionIsReadable|RedirectedFetch|NullOrigin|SingleSignOn|NotPermitted|LogoutEverywhere|Tokens)$'
	# One proxy beside nginx tells what service workers, tabs, frames and forms do to a sign-in.
	if [[ $1 == traefik ]]; then
		stories+='|^Test(Workers|ExpiryDuringPost|FrameOf.*|FramePartitioned)$|^TestManyTabs$/^16'
	fi
	OSTIARY_BROWSER_PROXY=$1 go test -count=1 -timeout 10m -run "$stories" ./...
}

# binary builds the program once, for all packages that run it.
binary() {
	go build -o "$OSTIARY_BINARY" .
}

parts_begin test
part packages packages
OSTIARY_NGINX=$(command -v nginx)
# No test of a proxy may be skipped because it is not installed.
OSTIARY_BINARY=$PWD/.cache/ostiary
export OSTIARY_NGINX OSTIARY_PROXIES=1 OSTIARY_BINARY
# What tests measured, printed at the end: go test hides the logs of those that pass.
OSTIARY_FIGURES=$(mktemp)
export OSTIARY_FIGURES
part tools hack/tools.sh etcd kube-apiserver kubectl helm controller-gen traefik dex envoy
eval "$(hack/tools.sh -env)"
part vet go vet ./...
part binary binary
beside "oracles, other modules" alone
part "go test -race" tests
part browser browser
for proxy in caddy haproxy traefik; do part "browser, $proxy" behind "$proxy"; done
joined "oracles, other modules"
if [[ -e hack/chart.sh ]]; then part chart bash hack/chart.sh; fi
part figures cat "$OSTIARY_FIGURES"
