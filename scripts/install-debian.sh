#!/usr/bin/env bash
# Installs the programs from Debian that some tests use: chromium, for the report's page, and curl, for what `serve` prints. Needs root, does nothing twice.
set -euo pipefail
missing=()
for program in chromium curl; do
  command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
