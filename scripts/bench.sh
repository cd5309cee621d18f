#!/usr/bin/env bash
# Benchmarks in release mode, beside mosquitto in the same run. Results go to target/bench.md; docs/benchmarks.md keeps a run.
#   scripts/bench.sh [ingest] [forward] [puback] [pipeline] [latency] [alarms] [viewers] [phones] [orders] [browser] [parts]
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh test
scripts/setup.sh bench
scripts/web.sh
cargo build --release --quiet -p greenhub -p greenhub-tests --bins
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
export GREENHUB_TEST_BINARY=$PWD/target/release/greenhub
out=target/bench.md
: >"$out"
wanted=("$@")
wants() { [ ${#wanted[@]} = 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]]; }
for part in ingest forward puback pipeline latency alarms viewers phones; do
  if wants "$part"; then target/release/greenhub-bench "$part" | tee -a "$out"; fi
done
if wants browser; then
  node tests/browser/bench.mjs | tee -a "$out"
fi
if wants orders; then
  {
    echo "Dispatch, one JSON line each, then the batch plan:"
    echo
    echo '```'
    cargo run --release --quiet -p greenhub-dispatch --example orders_bench
    cargo run --release --quiet -p greenhub-dispatch --example plan
    echo '```'
    echo
  } | tee -a "$out"
fi
if wants parts; then
  {
    echo "Parts, one JSON line each:"
    echo
    echo '```json'
    cargo run --release --quiet -p greenhub-storage --example log_bench
    cargo run --release --quiet -p greenhub-storage --example history_bench
    cargo run --release --quiet -p greenhub-streams --example replay_bench
    cargo run --release --quiet -p greenhub-dashboards --example live_bench
    echo '```'
  } | tee -a "$out"
fi
