# The usual ways to work with EasyOrder. `make run` and `make test` need no more than Rust: PostgreSQL and RabbitMQ are
# found or started by deploy/local/services.sh.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Sets the servers' addresses for the commands after it in the same shell.
WITH_SERVICES = set -e; env="$$(deploy/local/services.sh)"; eval "$$env"

.PHONY: help run test check services sql sql-check docs docs-check lint-docs certs toolchain

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: toolchain ## Start everything on this machine, with a demonstration of an order's way
	@$(WITH_SERVICES); exec cargo run --release -- serve --demo

# A test may make the whole process fail at a point; so each runs in a process of its own, or else one at a time.
test: check ## Every check and every test
	@$(WITH_SERVICES); \
	if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace; \
	else \
		cargo test --workspace -- --test-threads=1; \
	fi

check: toolchain ## Format, lints, SQL metadata, generated documents
	cargo fmt --all --check
	@$(WITH_SERVICES); deploy/local/sql.sh --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo run --quiet -- docs docs --check
	@deploy/local/lint-docs.sh

services: ## Find or start PostgreSQL and RabbitMQ; print what to export, if anything
	@deploy/local/services.sh

sql: toolchain ## Refresh the metadata of the services' SQL (.sqlx) after changing a query or migration
	@$(WITH_SERVICES); deploy/local/sql.sh

sql-check: toolchain ## Fail if that metadata is out of date
	@$(WITH_SERVICES); deploy/local/sql.sh --check

docs: toolchain ## Write docs/openapi.json, docs/asyncapi.json and docs/permissions.md from the code
	@cargo run --quiet -- docs docs

docs-check: toolchain ## Fail if one of them is out of date
	@cargo run --quiet -- docs docs --check

lint-docs: ## Lint the public documents with Redocly CLI, if npx is there
	@deploy/local/lint-docs.sh

certs: toolchain ## Make certificates for mutual TLS between the services, or renew them (var/certs)
	@cargo run --quiet -- certs var/certs

toolchain:
	@if ! command -v cargo >/dev/null; then \
		if [ -x "$$HOME/.cargo/bin/cargo" ]; then \
			echo 'Rust is installed, but not on the PATH: run  . "$$HOME/.cargo/env"'; \
		else \
			echo 'Rust is missing. Install it as https://rustup.rs says:'; \
			echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"; \
		fi >&2; \
		exit 1; \
	fi
	@if ! command -v cc >/dev/null; then \
		echo 'A C compiler is missing. Install one:'; \
		echo '  Debian, Ubuntu: apt-get install -y build-essential'; \
		echo '  Fedora:         dnf install -y gcc'; \
		echo '  macOS:          xcode-select --install'; \
		exit 1; \
	fi >&2
