#!/usr/bin/env bash
# Fuzzes the decoders and parsers with libFuzzer, on the stable toolchain.
#   scripts/fuzz.sh [target] [seconds]      target: mqtt_packet, topic, json_payload, log_record, or all (the default)
# Corpora grow in target/fuzz/corpus/<target> and are used again; an input that breaks an invariant is kept in
# target/fuzz/findings and its command line to repeat it is printed.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=${1:-all}
seconds=${2:-30}
targets=(mqtt_packet topic json_payload log_record)
[[ $wanted == all ]] || targets=("$wanted")

# Coverage by LLVM's own pass: every edge a counter, with a table of their addresses. An explicit --target keeps these
# flags away from build scripts and procedural macros, which have no libFuzzer to link with.
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR="$PWD/target/fuzz"
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Ccodegen-units=1"
builds=()
for target in "${targets[@]}"; do builds+=(--bin "$target"); done
cargo build --quiet -p greenhub-fuzz --target "$host" "${builds[@]}"

findings=$CARGO_TARGET_DIR/findings/
mkdir -p "$findings"
for target in "${targets[@]}"; do
  corpus=$CARGO_TARGET_DIR/corpus/$target
  mkdir -p "$corpus"
  log=$CARGO_TARGET_DIR/$target.log
  echo "fuzz: $target for $seconds s"
  if ! GREENHUB_FUZZ_SEEDS=$corpus "$CARGO_TARGET_DIR/$host/debug/$target" "$corpus" \
    -max_total_time="$seconds" -artifact_prefix="$findings$target-" -timeout=10 -rss_limit_mb=2048 \
    -max_len=4096 -print_final_stats=1 >"$log" 2>&1; then
    tail -n 40 "$log"
    echo "fuzz: $target broke an invariant; the input is in $findings"
    exit 1
  fi
  grep -E 'DONE|number_of_executed_units|average_exec_per_sec|peak_rss' "$log" | sed 's/^/fuzz:   /'
done
