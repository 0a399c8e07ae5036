# `make` alone lists what there is to do. Everything fetches or builds what it needs, once, into a cache folder.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SPILLWAY_CACHE ?= $(HOME)/.cache/spillway
LIBTORCH ?= $(SPILLWAY_CACHE)/libtorch-2.11.0-cpu
# Outside the clone, so that a fresh one is quick.
CARGO_TARGET_DIR ?= $(SPILLWAY_CACHE)/target
export SPILLWAY_CACHE LIBTORCH CARGO_TARGET_DIR

DEV := $(CARGO_TARGET_DIR)/debug
RELEASE := target/release
MODEL_SET := worker/models/demo
ARGS ?=
NAME ?=

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: demo
demo: setup ## Run the main job on this machine; ARGS="--once --report out.json" ends by itself
	cargo build --quiet -p spillway -p spillway-worker
	$(DEV)/spillway demo --model-set $(MODEL_SET) $(ARGS)

.PHONY: test
test: setup kafka-jars kube-programs ## Run every test, on real components
	tests/testbed/packages.sh browser
	tests/testbed/packages.sh rules
	tests/testbed/packages.sh images
	tests/testbed/packages.sh videos
	$(MAKE) --no-print-directory lint
	# With the tests' features, so that the run below builds no dependency a second time.
	cargo build --quiet --workspace --features spillway/ec2 --bins --tests --examples
	cargo check --quiet -p spillway-core
	cd controller/dashboard && npm ci --silent
	SPILLWAY_BIN_DIR=$(DEV) tests/run.sh
	SPILLWAY_FUZZ_WORLDS=100000 cargo test -p spillway-core --lib fuzz -- --nocapture
	tests/testbed/packages.sh bound
	cargo clippy --quiet -p spillway-sim --all-targets --features bound -- -D warnings
	cargo test -p spillway-sim --features bound --test bound
	cd controller/dashboard && npm run --silent check && npm test

.PHONY: check
check: setup ## The inner loop: format, lints, fast tests
	$(MAKE) --no-print-directory lint
	cargo test --quiet -p spillway-core -p spillway-wire -p spillway-sim
	cargo test --quiet -p spillway-worker --lib
	cargo test --quiet -p spillway --bins

.PHONY: lint
lint:
	cargo fmt --all --check
	cargo clippy --quiet --workspace --features spillway/ec2 --all-targets -- -D warnings
	tools=$$(tests/testbed/tools.sh); \
	  "$$tools/cargo-deny" --log-level error check bans licenses sources; \
	  "$$tools/typos"

.PHONY: build
build: setup ## Release binaries in target/release/
	CARGO_TARGET_DIR=target cargo build --release -p spillway -p spillway-worker -p spillway-gateway -p spillway-emulators
	@echo "Ready in $(RELEASE): spillway, spillway-worker, spillway-gateway and spillway-emulators"
	@echo "The worker loads libtorch from $(LIBTORCH)/lib; elsewhere, set LD_LIBRARY_PATH to a libtorch 2.11.0."
	@echo "A model set to begin with: SPILLWAY_MODEL_SET=$(CURDIR)/$(MODEL_SET)"

.PHONY: images
images: build ## Build the container images; GPU=1 LIBTORCH=... the worker's with CUDA
	tests/testbed/packages.sh images
	charts/images.sh $(if $(GPU),--gpu) $(RELEASE)

.PHONY: bench
bench: setup kafka-jars ## Run benchmarks; NAME=worker, compare, controller, clouds, gateway, kafka, kube, dashboard or backtest runs one
	tests/bench/run.sh $(NAME)

.PHONY: docs
docs: ## Build the book of docs/ into target/book; builds mdBook first, once
	"$$(tests/testbed/mdbook.sh)" build docs
	@echo "Ready: target/book/index.html"

.PHONY: soak
soak: setup kafka-jars ## Run a long trial: NAME=delivery, memory, worlds, crash or storm; `make test` runs a slice of each
	tests/soak/run.sh $(NAME)

.PHONY: models-test
models-test: ## Test the model exporters; needs PyTorch (3 GB), so it is no part of `make test`
	python3 -m venv $(SPILLWAY_CACHE)/models-venv
	$(SPILLWAY_CACHE)/models-venv/bin/pip install --quiet --requirement worker/models/requirements.txt
	cd worker/models && $(SPILLWAY_CACHE)/models-venv/bin/python -m pytest

.PHONY: setup
setup:
	@tests/testbed/packages.sh
	@[ -f "$(LIBTORCH)/build-version" ] || worker/libtorch/fetch.sh >/dev/null

.PHONY: kafka-jars
kafka-jars:
	@tests/testbed/kafka.sh >/dev/null

.PHONY: kube-programs
kube-programs:
	@tests/testbed/kube.sh >/dev/null

.PHONY: env
env: ## Print what a shell needs to call cargo itself: eval "$(make env)"
	@echo 'export LIBTORCH="$(LIBTORCH)" CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)"'

.PHONY: clean
clean: ## Remove build results, keep what was fetched
	rm -rf target "$(CARGO_TARGET_DIR)"
