# Everything a person runs. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lakebed
# Clones share what cargo builds: the dependencies are most of the work.
export CARGO_TARGET_DIR ?= $(CACHE)/target

# rust-toolchain.toml pins a release. Where that very release is installed as the default but under another name, and
# can't be fetched by its number, use it as it is.
PINNED := $(shell sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
INSTALLED := $(shell rustup toolchain list 2>/dev/null)
ifeq ($(RUSTUP_TOOLCHAIN)$(filter $(PINNED)-%,$(INSTALLED)),)
ifneq ($(filter $(PINNED),$(shell cd / && rustc --version 2>/dev/null)),)
export RUSTUP_TOOLCHAIN := $(firstword $(shell cd / && rustup show active-toolchain 2>/dev/null))
endif
endif

# Our crates are compiled by clippy's own rustc, findings being errors, for lint, tests and demo alike: `cargo clippy`
# and `cargo doc` would compile every dependency a second time.
CLIPPY := $(wildcard $(dir $(shell rustup which rustc 2>/dev/null || command -v rustc))clippy-driver)
ifneq ($(CLIPPY),)
export RUSTC_WORKSPACE_WRAPPER := $(CLIPPY)
export CLIPPY_ARGS := -Dwarnings__CLIPPY_HACKERY__
endif

.PHONY: help demo test soak soak-it soak-units soak-fuzz bench setup lint conformance fuzz

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | while IFS=$$'\t' read -r name what; do \
	    printf '  make %-11s  %s\n' "$$name" "$$what"; done

demo: ## watch a medallion lake work on real flight records
	cargo run --quiet -p lakebed-cli -- demo

setup: ## install what the tests need (S3 server, nine engines) into the user's cache
	tests/setup.sh

test: setup ## run every test: units, docs, integration, S3, Spark, Trino and seven other engines
	cargo build -p lakebed-cli
	cargo test --workspace

conformance: ## read the tables that other engines wrote, and print what passes by feature
	cargo test -p lakebed-tests --test it -- conformance

fuzz: ## feed every parser hostile input, some seconds each; LAKEBED_SOAK=1: ten minutes each
	tests/setup.sh fuzz
	fuzz/run.sh

soak: ## run the long forms of the random, crash and contention tests, and of the fuzz targets; in parts: soak-it, soak-units, soak-fuzz
	$(MAKE) --keep-going --jobs=1 soak-it soak-units soak-fuzz

soak-it: setup
	cargo build -p lakebed-cli
	LAKEBED_SOAK=1 cargo test --workspace --no-fail-fast --test it

soak-units: setup
	LAKEBED_SOAK=1 cargo test --workspace --no-fail-fast --lib --bins
	LAKEBED_SOAK=1 cargo test --workspace --no-fail-fast --doc

soak-fuzz:
	LAKEBED_SOAK=1 $(MAKE) fuzz

lint: ## check format, clippy, docs, licences, bans and sources
	cargo fmt --all --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo fmt --check --manifest-path benches/side_by_side/Cargo.toml
	tests/setup.sh deny
	$(CACHE)/deny/bin/cargo-deny --log-level error check licenses bans sources
	cargo test --workspace --all-targets --no-run
	RUSTDOC=$(CURDIR)/tools/docs-of-build cargo test --workspace --doc --no-fail-fast

bench: ## measure side by side with delta-rs and kernel, then the steps of a commit; LAKEBED_BENCH=full goes to 4 million files
	tests/setup.sh s3
	env -u RUSTC_WORKSPACE_WRAPPER cargo run --release --locked --manifest-path benches/side_by_side/Cargo.toml -- \
	    all --size "$${LAKEBED_BENCH:-quick}" --data $(CACHE)/side-by-side
	cargo bench -p lakebed-txlog --bench commit_path -- --quick
