#!/usr/bin/env bash
# Installs the MQTT client libraries that tests/clients drives: mqtt.js from npm, paho-mqtt from PyPI.
set -euo pipefail
cd "$(dirname "$0")/../tests/clients"

if ! [ -e node_modules/.installed ] || ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.installed
fi
venv=../../target/paho
if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import paho.mqtt' 2>/dev/null; then
  python3 -m venv "$venv" || python3 -m venv --without-pip "$venv"
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 || { echo "python3-venv is missing" >&2; exit 1; }
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements.txt
fi
