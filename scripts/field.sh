#!/usr/bin/env bash
# Tests on real data beside the repository (../shared/data or GREENHUB_TEST_FIELD_DATA). Says so where it is absent.
set -uo pipefail
cd "$(dirname "$0")/.."
source scripts/tally.sh

scripts/setup.sh test || exit 1
scripts/web.sh || exit 1
cargo build --quiet -p greenhub || exit 1
suite "field: GPS fleets" cargo test -p greenhub-tests --features field --test field --quiet -- --nocapture
suite "field: alarms" cargo test -p greenhub-alarms --features field --test field --quiet -- --nocapture
suite "field: a city of requests" cargo test -p greenhub-dispatch --features field --test field --quiet -- --nocapture
closing
