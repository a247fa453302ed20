# QuietPulse: one command per task. `make` alone prints the list.
CARGO ?= cargo
# What `make test` tests, as in `make test TESTS='-p quietpulse-server'`. Without default features nothing of a cluster is
# built, whose clients need the headers of OpenSSL and zlib.
TESTS ?= --workspace
# More arguments for the server, as in `make run ARGS='--http 0.0.0.0:8080'`.
ARGS ?=
# How many brokers and how many Cassandra nodes `make cluster-up` starts: 1 or 3. Empty: as many as before, at first 1.
NODES ?=

# How long `make chaos` breaks things, and the seed of what it does; without one it draws and prints one.
MINUTES ?= 60
SEED ?=

# How many runs `make sim` makes, and whether each is a day.
SEEDS ?=
DAY ?=

.DEFAULT_GOAL := help
.PHONY: help run build test test-cluster test-deploy cluster-up cluster-down cluster-demo chaos sim fuzz bench bench-cluster lint fmt ci

help:
	@sed -nE 's/^([a-z-]+):.* ## (.*)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 8

run: ## build what one machine needs, start the server in ./quietpulse-data
	@exec $(CARGO) run --profile quick --no-default-features -p quietpulse-server --bin quietpulse -- serve $(ARGS)

build: ## release binaries: target/release/quietpulse and target/release/qp
	$(CARGO) build --release --bins

test: ## every suite that needs no Java; ends with `N passed, N failed`
	@.ci/sum-tests $(CARGO) test --no-fail-fast --no-default-features $(TESTS)

test-cluster: ## every suite that needs a real Kafka and a real Cassandra (JDK 17 and Maven); ends with `N passed, N failed`
	@tests/cluster/run

test-deploy: ## charts, compose file, dashboards and alert rules, with the tools that read them; ends with `N passed, N failed`
	@python3 -m unittest discover deploy/local/tests && deploy/tests/run

cluster-up: ## a real Kafka and Cassandra on loopback in ./quietpulse-cluster; NODES=3 for three of each
	deploy/local/cluster up $(if $(NODES),--kafka $(NODES) --cassandra $(NODES))

cluster-down: ## stop what cluster-up started, its data stays
	deploy/local/cluster down

cluster-demo: ## two ingest, evaluator and notifier nodes and an API node on it, and the quick start
	@deploy/local/demo

chaos: ## faults under load on real servers for MINUTES, then the word of a checker: `make chaos MINUTES=60 SEED=1`
	QP_CHAOS_MINUTES=$(MINUTES) QP_LONG_CLUSTER=1 QP_SEED=$(SEED) \
	  $(CARGO) test -p quietpulse-suites --features cluster --test chaos

sim: ## the simulator with its planted bugs: a minute of seeds, or `make sim SEEDS=5000`; DAY=1 for days of 200 monitors
	@QP_SEEDS=$(SEEDS) QP_SIM_DAY=$(DAY) $(CARGO) test --profile quick -p quietpulse-suites --features planted --test sim

fuzz: ## every fuzz target on the nightly toolchain, for MINUTES in all: `make fuzz MINUTES=10`; ends with `N passed, N failed`
	@tests/fuzz/run $(MINUTES)

bench: ## the figures of docs/benchmarks.md, as ratios to a bare server in the same run
	$(CARGO) build --release -p quietpulse-server -p quietpulse-loadtest
	target/release/engine --monitors 1000000,10000000
	target/release/pings --server target/release/quietpulse

bench-cluster: ## the cluster's figures on a real Kafka and Cassandra (JDK 17 and Maven); ARGS=--quick to try it, ARGS=--help
	CARGO_PROFILE_RELEASE_LTO=off $(CARGO) build --release -p quietpulse-server -p quietpulse-loadtest --features quietpulse-loadtest/cluster --bin quietpulse --bin cluster
	target/release/cluster $(ARGS)

lint: ## format and clippy, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

fmt: ## format all Rust
	$(CARGO) fmt --all

ci: ## what .ci/run runs
	@.ci/run
