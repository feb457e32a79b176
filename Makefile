# Thin names; what they do stands in the scripts and commands that they call.

CARGO ?= cargo
BIN := target/debug/chandlery
PLUGINS := guardrails jupyter-gpu llama-cpp ocr-server prometheus ray-serve sglang slack text-embeddings-inference \
	torchrun-job vllm webhook
FIXTURES := confidant curious errand hostile meddler
# The end-to-end tests that need nothing but our own binary, and are quick.
QUICK := catalog contracts log:: policies replay rights selling subscriptions tampering
# The tests that a registry takes part in, for the second run on PostgreSQL and S3; and those that show nothing else of its stores.
SHARED := catalog crashes distribution kills log market money oci permissions selling tampering
SHARED_TOO := clients journey operation

# The tests wait for servers, and for other people's programs, more than they compute.
export RUST_TEST_THREADS ?= $(shell expr 2 \* $$(nproc))

.PHONY: help demo check test prepare test-kubernetes soak lint plugins fixtures bench bench-host bench-registry bench-money bench-web bench-sizing screenshots build release system

help: ## What there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: ## The whole journey, step by step
	@tests/system.sh demo
	@$(MAKE) --no-print-directory plugins
	@tests/demo.sh

check: lint fixtures ## The quick part of `test`: lint, and the tests that need no other server
	$(CARGO) test --quiet --lib --bins
	$(CARGO) test --quiet --test e2e -- $(QUICK)

test: prepare lint fixtures ## Everything that CI checks, the end-to-end tests on both kinds of stores
	$(CARGO) test
	tests/stores.sh $(CARGO) test --test e2e -- $(SHARED)

prepare: # What is downloaded and what is built do not wait for each other
	@$(MAKE) --no-print-directory --jobs=2 system build

test-kubernetes: system fixtures ## The path of every engine on the cluster that KUBECONFIG names
	$(CARGO) test --test e2e -- --ignored --exact kubernetes::a_real_cluster_rolls_out_and_back

soak: system fixtures ## The tests that kill processes, make mutants or simulate markets, for longer, on both kinds of stores
	@tests/system.sh soak
	$(CARGO) test --test e2e -- --ignored --exact clients::wkg_finds_the_registry_and_pushes_pulls_publishes_and_gets
	CHANDLERY_TEST_LOOKS=all $(CARGO) test --test e2e -- --exact pages::look::each_page_is_light_and_still_and_usable_by_everybody
	CHANDLERY_TEST_CASES=40 $(CARGO) test --quiet --package chandlery-money --lib
	CHANDLERY_FUZZ_SECONDS=600 $(CARGO) test --test e2e -- fuzz --nocapture
	CHANDLERY_FUZZ_SECONDS=600 $(CARGO) test --test corpus -- mutant --nocapture
	CHANDLERY_FLOOD=600/1000/200 $(CARGO) test --test e2e -- floods --nocapture
	CHANDLERY_TEST_ROUNDS=200 $(CARGO) test --test e2e -- crashes kills stripe::orders --nocapture
	CHANDLERY_RACES_SECONDS=600 CHANDLERY_TEST_ROUNDS=200 $(CARGO) test --test e2e -- races --nocapture
	tests/stores.sh $(CARGO) test --test e2e -- $(SHARED_TOO)
	CHANDLERY_TEST_ROUNDS=200 tests/stores.sh $(CARGO) test --test e2e -- kills --nocapture
	$(CARGO) build --profile soak
	CHANDLERY_TEST_SEEDS=100 CHANDLERY_TEST_MONTHS=24 $(CARGO) test --profile soak --test e2e -- market::markets --nocapture
	CHANDLERY_TEST_SEEDS=20 CHANDLERY_TEST_MONTHS=24 tests/stores.sh $(CARGO) test --profile soak --test e2e -- market::markets --nocapture

lint: ## Formatting, clippy, the rules of the house, and licences and sources of dependencies, all strict
	@tests/system.sh lint
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings
	$(CARGO) test --quiet --package chandlery-tidy
	@tests/deny.sh

bench: bench-host bench-registry bench-money bench-web bench-sizing ## Every bench

bench-host: system fixtures ## Plans beside bare wasmtime, helm and extism, in one run
	tests/benches/extism/build.sh
	$(CARGO) build --release
	$(CARGO) bench --bench host

bench-registry: system ## The registry beside docker-registry and nginx, in one run
	@tests/system.sh bench
	$(CARGO) build --release
	tests/stores.sh $(CARGO) bench --bench registry

bench-money: system ## Usage intake, the ledger and the close of a month beside bare inserts, in one run
	tests/stores.sh $(CARGO) bench --bench money

bench-web: system fixtures ## Pages of large accounts, shops and hosts beside a file of the same server, in one run
	$(CARGO) build --release
	tests/stores.sh $(CARGO) bench --bench web

bench-sizing: ## Sizes of models beside what servers said of theirs in public logs
	$(CARGO) test --quiet --package chandlery-sdk --test reports -- --nocapture

screenshots: system fixtures ## Every page at three widths, by day and by night, into target/screenshots
	$(CARGO) test --test e2e -- --ignored --exact pages::pictures::every_page_is_pictured --nocapture

build: ## The one binary, for development
	$(CARGO) build

release: KEY ?= $(HOME)/.chandlery/keys/release.pem
release: plugins ## What is published of a version, into target/out: archive, Debian package, installer and chart, signed by KEY (`chandlery keys new release`)
	$(CARGO) build --release
	packaging/release.sh target/release/chandlery $(KEY) target/out

plugins: build ## Every plugin, into target/plugins, by whichever compiler this machine has
	@tests/system.sh wasm
	@for plugin in $(PLUGINS); do $(BIN) build plugins/$$plugin --output target/plugins/$$plugin.wasm || exit; done

fixtures: plugins ## The plugins that tests need, too
	@for plugin in $(FIXTURES); do $(BIN) build tests/fixtures/$$plugin --output target/plugins/$$plugin.wasm || exit; done

system: ## What this machine lacks: installed where we may, named where we may not
	@tests/system.sh
