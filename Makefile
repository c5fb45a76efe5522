# Everything a person or CI does with this repository. `make` alone lists it.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

# Where the tools are built, see hack/tools.sh.
OSTIARY_CACHE ?= $(CURDIR)/.cache/bin
export OSTIARY_CACHE

# Where hack/chart/sync-crds.sh puts the custom resources.
CHART_CRDS := charts/ostiary/templates/crds

# What `generate` writes and `verify` compares.
GENERATED := api/**/zz_generated.*.go config/crd/*.yaml config/rbac/role.yaml $(CHART_CRDS)/*.yaml charts/ostiary/README.md \
	docs/reference/*.md docs/cors-statements.md docs/threats.md

# How long `fuzz` spends on each target.
FUZZTIME ?= 60s

##@ Build and run

.PHONY: build
build: ## build the static binary bin/ostiary
	CGO_ENABLED=0 go build -trimpath \
		-ldflags "-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)" -o bin/ostiary .

.PHONY: run
run: ## serve the sample policies on this machine
	go run . serve --policies config/samples

.PHONY: demo
demo: ## run it all without a cluster, and print commands to try
	@mkdir -p .cache/demo
	go build -o .cache/demo/demo ./hack/demo
	@exec .cache/demo/demo

.PHONY: cluster
cluster: ## run an API server and etcd on loopback until Ctrl-C
	hack/tools.sh etcd kube-apiserver kubectl
	go build -o "$$OSTIARY_CACHE/cluster-server" ./hack/cluster
	exec "$$OSTIARY_CACHE/cluster-server" -assets "$$OSTIARY_CACHE/envtest"

##@ Check

.PHONY: check
check: ## everything CI checks: verify, house, lint, test
	$(MAKE) verify
	$(MAKE) house
	$(MAKE) lint
	$(MAKE) test

.PHONY: verify
verify: generate ## fail when generated files are not up to date in git
	hack/verify.sh $(foreach path,$(GENERATED),'$(path)')

.PHONY: house
house: ## show what the code has grown to, and fail where a limit does not hold
	@go run ./hack/house

.PHONY: lint
lint: ## run the linter, .golangci.yaml
	hack/tools.sh golangci-lint
	"$$OSTIARY_CACHE/golangci-lint" run ./...
	cd hack/browser && "$$OSTIARY_CACHE/golangci-lint" run ./...
	cd hack/strict && "$$OSTIARY_CACHE/golangci-lint" run ./...
	cd hack/mutate && "$$OSTIARY_CACHE/golangci-lint" run ./...
	cd hack/gitops && "$$OSTIARY_CACHE/golangci-lint" run ./...
	cd hack/crowdsec && "$$OSTIARY_CACHE/golangci-lint" run ./...

.PHONY: test
test: ## install what the tests need, then run them all
	hack/test.sh

.PHONY: browser
browser: ## tell the stories in Chromium alone, `test` does it too
	cd hack/browser && go test -count=1 -timeout 10m ./...

.PHONY: test-browsers
test-browsers: ## tell ten stories in Chromium, Firefox and WebKitGTK, which it installs, and compare docs/browsers.md
	hack/browsers.sh
	cd hack/browser && OSTIARY_ENGINES=1 go test -count=1 -timeout 20m -run '^TestEngines$$' ./...

.PHONY: test-browser-load
test-browser-load: ## tell the stories in Chromium beside eight busy loops (half an hour at most)
	hack/busy.sh 8 bash -c 'cd hack/browser && go test -count=1 -timeout 30m ./...'

# Of which proxy the conformance suite is run: nginx, traefik, traefik-ingress-nginx, caddy or haproxy.
PROXY ?=

.PHONY: test-providers
test-providers: ## sign in at oidc-provider, Dex and Keycloak, which is fetched (160 MB)
	hack/tools.sh dex
	eval "$$(hack/tools.sh -env)"; OSTIARY_KEYCLOAK=1 go test -count=1 -timeout 10m ./hack/providers

.PHONY: e2e
e2e: ## the conformance suite behind one proxy, PROXY=nginx, traefik, caddy... (empty: all)
	hack/tools.sh etcd kube-apiserver kubectl traefik
	eval "$$(hack/tools.sh -env)"; OSTIARY_PROXIES=1 go test -count=1 -timeout 10m ./hack/conformance -run 'TestPage|TestOracle|TestConformance/^$(PROXY)'

.PHONY: chart
chart: ## test the Helm chart alone, `test` does it too
	hack/tools.sh etcd kube-apiserver kubectl helm
	hack/chart.sh
	eval "$$(hack/tools.sh -env)"; go test -count=1 -timeout 20m ./hack/chart/...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (60s) each
	FUZZTIME=$(FUZZTIME) hack/fuzz.sh

.PHONY: mutate
mutate: ## try every change of policies and their translation that a test ought to notice (20 minutes; goes on where it was stopped)
	cd hack/mutate && go run . -short ../../controllers/translate
	-cd hack/mutate && go run . -short -env OSTIARY_ORACLE_EVERY=19 ../../authserver/policy
	cd hack/mutate && go run . -short ../../authserver/policy

.PHONY: scale
scale: ## measure 10 000 policies against a real API server (5 minutes)
	hack/tools.sh etcd kube-apiserver
	eval "$$(hack/tools.sh -env)"; go test -run '^$$' -bench ChangeToEnforced -timeout 30m ./hack/scale -v

.PHONY: bench
bench: ## run the benchmarks, and what a decision costs beside net/http
	go test -run '^$$' -bench . -benchmem ./authserver/...
	hack/bench.sh

##@ Maintain

.PHONY: generate
generate: ## write the deep copies, the CRDs, the RBAC role, the chart's README and the reference
	hack/generate.sh

.PHONY: tools
tools: ## build every tool the other targets use
	hack/tools.sh

.PHONY: clean
clean: ## remove what was built, the tools included
	rm -rf bin .cache

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
