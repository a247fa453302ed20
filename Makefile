# QuietPulse: one command per task. `make` alone prints the list.
CARGO ?= cargo
# What `make test` tests, as in `make test TESTS='-p quietpulse-server'`.
TESTS ?= --workspace
# More arguments for the server, as in `make run ARGS='--http 0.0.0.0:8080'`.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run build test bench lint fmt ci

help:
	@sed -nE 's/^([a-z-]+):.* ## (.*)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 8

run: ## build what one machine needs, start the server in ./quietpulse-data
	@exec $(CARGO) run --profile quick -p quietpulse-server --bin quietpulse -- serve $(ARGS)

build: ## release binaries: target/release/quietpulse and target/release/qp
	$(CARGO) build --release --bins

test: ## every suite that needs no Java; ends with `N passed, N failed`
	@.ci/sum-tests $(CARGO) test --no-fail-fast $(TESTS)

bench: ## the figures of docs/benchmarks.md, as ratios to a bare server in the same run
	$(CARGO) build --release -p quietpulse-server -p quietpulse-loadtest
	target/release/engine --monitors 1000000,10000000
	target/release/pings --server target/release/quietpulse

lint: ## format and clippy, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

fmt: ## format all Rust
	$(CARGO) fmt --all

ci: ## what .ci/run runs
	@.ci/run
