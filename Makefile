# Thin names; what they do stands in the scripts and commands that they call.

CARGO ?= cargo
BIN := target/debug/chandlery
PLUGINS := ocr-server
FIXTURES := hostile

.PHONY: help demo test lint plugins fixtures bench build system clean

help: ## What there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## The one binary, for development
	$(CARGO) build --workspace --exclude chandlery-sdk $(PLUGINS:%=--exclude %) $(FIXTURES:%=--exclude %)

system: ## What this machine lacks: installed where we may, named where we may not
	@tests/system.sh

plugins: build ## Every plugin, into target/plugins, by whichever compiler this machine has
	@tests/system.sh wasm
	@for plugin in $(PLUGINS); do $(BIN) build plugins/$$plugin --output target/plugins/$$plugin.wasm || exit; done

fixtures: plugins
	@for plugin in $(FIXTURES); do $(BIN) build tests/fixtures/$$plugin --output target/plugins/$$plugin.wasm || exit; done

demo: system plugins ## The whole journey, step by step
	@tests/demo.sh

test: system lint fixtures ## Everything that CI checks
	$(CARGO) test --workspace --exclude chandlery-sdk $(PLUGINS:%=--exclude %) $(FIXTURES:%=--exclude %)

lint: ## Formatting and clippy, both strict
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --exclude chandlery-sdk $(PLUGINS:%=--exclude %) $(FIXTURES:%=--exclude %) --all-targets -- --deny warnings

bench: fixtures ## A warm plan beside bare wasmtime
	$(CARGO) bench --package chandlery-host --bench plan

clean:
	$(CARGO) clean
