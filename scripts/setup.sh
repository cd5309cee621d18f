#!/usr/bin/env bash
# Installs what building, running and testing need on a Debian machine that has Rust and Node.
#   scripts/setup.sh run     what `make run` needs
#   scripts/setup.sh test    what `make test` needs besides
#   scripts/setup.sh bench   what `make bench` needs besides
# Silent where everything is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

need() { # need COMMAND PACKAGE… : packages to install when the command is missing
  local command=$1; shift
  if ! command -v "$command" >/dev/null 2>&1 && ! [ -x "/usr/sbin/$command" ]; then packages+=("$@"); fi
}

packages=()
need cc build-essential
need curl curl
if [ "${1:-run}" = test ]; then
  need mosquitto mosquitto
  need mosquitto_pub mosquitto-clients
  need nats-server nats-server
  need chromium chromium
  need fc-list fontconfig
  [ -d /usr/share/fonts/opentype/noto ] || packages+=(fonts-noto-cjk)
  need python3 python3 python3-venv
  python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
  [ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || packages+=(postgresql)
fi
if [ "${1:-run}" = bench ]; then
  need prometheus-alertmanager prometheus-alertmanager
fi
if [ ${#packages[@]} -gt 0 ]; then
  echo "installing: ${packages[*]}"
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  log=$(mktemp)
  # The packages' own services stay off (they would take the hub's port): tests start their own on free ports.
  policy=/usr/sbin/policy-rc.d
  if ! [ -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod +x $policy
    trap '$sudo rm -f $policy' EXIT
  fi
  if ! { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
  fi
  rm -f "$log"
fi
command -v cargo >/dev/null || { echo "Rust is missing: install it with rustup, see README.md" >&2; exit 1; }
command -v npm >/dev/null || { echo "Node.js is missing: install Node 20 or later, see README.md" >&2; exit 1; }
