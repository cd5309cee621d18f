#!/usr/bin/env bash
# Builds the web side into dashboards/web/dist when its sources are newer than the last build.
set -euo pipefail
cd "$(dirname "$0")/../dashboards/web"

stamp=node_modules/.installed
if ! [ -e "$stamp" ] || ! cmp -s package-lock.json "$stamp"; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
fi
if ! [ -e dist/index.html ] || [ -n "$(find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -newer dist/index.html -print -quit)" ]; then
  npm run --silent build
fi
