# Sourced by the test scripts: runs steps, shows their output, adds up what their runners counted.
passed=0
failed=0
skipped=0
broken=()

# step NAME COMMAND… : a step that is right or wrong as a whole
step() {
  local name=$1 started=$SECONDS; shift
  echo "── $name"
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); broken+=("$name"); fi
  echo "   $((SECONDS - started)) s"
}

# suite NAME COMMAND… : a step whose test runner counts (cargo test, vitest, node --test)
suite() {
  local name=$1 started=$SECONDS out status=0 p f s; shift
  out=$(mktemp)
  echo "── $name"
  "$@" 2>&1 | tee "$out" || status=1
  sed -i 's/\x1b\[[0-9;]*m//g' "$out"
  p=$(awk '/^test result:/{for(i=1;i<NF;i++)if($(i+1)~/^passed/)n+=$i} /^[#ℹ] pass /{n+=$3} /^ *Tests .*passed/{for(i=1;i<NF;i++)if($(i+1)=="passed")n+=$i} END{print n+0}' "$out")
  f=$(awk '/^test result:/{for(i=1;i<NF;i++)if($(i+1)~/^failed/)n+=$i} /^[#ℹ] fail /{n+=$3} /^ *Tests .*failed/{for(i=1;i<NF;i++)if($(i+1)=="failed")n+=$i} END{print n+0}' "$out")
  s=$(grep -c '^skipped:' "$out" || true)
  if [ "$status" != 0 ] && [ "$f" = 0 ]; then f=1; fi
  if [ "$p" = 0 ] && [ "$f" = 0 ] && [ "$s" = 0 ]; then f=1; echo "no test was run by: $name"; fi
  [ "$f" = 0 ] || broken+=("$name")
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  rm -f "$out"
  echo "   $p passed, $f failed, $((SECONDS - started)) s"
}

# closing: the last line, and the exit status
closing() {
  local name
  for name in "${broken[@]}"; do echo "failed: $name"; done
  [ -z "${TALLY_FILE:-}" ] || echo "$passed $failed $skipped" >>"$TALLY_FILE"
  if [ "$skipped" = 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
  [ "$failed" = 0 ]
}
