#!/usr/bin/env bash
# Installs the programs from Debian that some tests use: chromium, for the report's page, curl, for what `serve` prints,
# promtool, for the alert rules, and node with npm, for interception; with `bench` also wrk, which some benches use.
# Needs root, does nothing twice.
set -euo pipefail
missing=()
wanted=(chromium curl npm)
[ "${1:-}" = bench ] && wanted+=(wrk)
for program in "${wanted[@]}"; do
  command -v "$program" >/dev/null || missing+=("$program")
done
command -v promtool >/dev/null || missing+=(prometheus)
command -v node >/dev/null || missing+=(nodejs)
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
