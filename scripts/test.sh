#!/usr/bin/env bash
# All tests: format, lints, unit, integration, real services, browser. Last line: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/.."
source scripts/tally.sh

scripts/setup.sh test || exit 1
web() { (cd dashboards/web && "$@"); }

step "web build" scripts/web.sh
step "format" cargo fmt --all --check
step "lints" cargo clippy --workspace --all-targets --quiet -- -D warnings
step "web types" web npm run --silent check
suite "web units" web npm test --silent
step "build" cargo build --workspace --quiet
suite "units and integration" scripts/with-postgres.sh cargo test --workspace --exclude greenhub-tests --quiet --no-fail-fast
suite "whole hub" scripts/with-postgres.sh cargo test -p greenhub-tests --quiet --no-fail-fast -- --test-threads=2
step "test clients" scripts/clients.sh
suite "real clients" node --test --test-concurrency=1 --test-reporter=tap tests/clients/
suite "browser" node --test --test-concurrency=1 --test-reporter=tap tests/browser/
closing
