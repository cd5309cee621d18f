# One command per wish. `make run` and `make test` do all their own set-up.
.PHONY: run test check field bench dev web fuzz
SHELL := /bin/bash

run:            ## install what is missing, build, start the hub with a simulated district
	@scripts/setup.sh run
	@scripts/web.sh
	@cargo build --quiet -p greenhub
	@exec target/debug/greenhub serve --demo $(ARGS)

test:           ## format, lints, unit, integration and browser tests
	@scripts/test.sh

check:          ## format, lints and the fast tests
	@scripts/setup.sh run
	@scripts/web.sh
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo test --workspace --exclude greenhub-tests --quiet
	cd dashboards/web && npm run --silent check && npm test --silent

field:          ## the real data sets of ../shared, where they are present
	@scripts/field.sh

bench:          ## benchmarks, side by side with peers; writes docs/benchmarks.md's figures to target/bench
	@scripts/bench.sh

SECONDS_EACH ?= 30
fuzz:           ## fuzz every decoder and parser for a while (SECONDS_EACH=30)
	@scripts/fuzz.sh all $(SECONDS_EACH)

web:            ## build the web side only
	@scripts/web.sh

dev:            ## hub and page, the page reloading as you type
	@scripts/setup.sh run
	@scripts/web.sh
	@scripts/dev.sh
