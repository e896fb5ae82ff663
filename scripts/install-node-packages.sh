#!/usr/bin/env bash
# Installs the official SDKs for Node that some tests call the fakes with, into build/node: exactly the versions of tests/node/package-lock.json. Needs node 20 or later, and npm.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in node npm; do
  command -v "$program" >/dev/null || { echo "error: $program is missing; scripts/install-debian.sh installs it" >&2; exit 1; }
done
mkdir -p build/node
cp tests/node/*.json tests/node/*.mjs build/node/
npm ci --prefix build/node --ignore-scripts --no-audit --no-fund --loglevel error
