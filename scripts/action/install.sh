#!/usr/bin/env bash
# Installs banstorm into an environment of its own, so that the job's packages and mitmproxy's pins never meet.
#
# Reads  BANSTORM_PYTHON   the interpreter to make it with (python3)
#        BANSTORM_VERSION  a released version; empty: the checkout that this script lies in, with its pinned versions
#        RUNNER_TEMP       where the environment goes
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
environment="${RUNNER_TEMP:?}/banstorm-env"
"${BANSTORM_PYTHON:-python3}" -m venv "$environment"
if [ -n "${BANSTORM_VERSION:-}" ]; then
  wanted=("banstorm[lab,sdk]==$BANSTORM_VERSION")
else
  wanted=(--constraint "$here/constraints.txt" "$here[lab,sdk]")
fi
PIP_DISABLE_PIP_VERSION_CHECK=1 "$environment/bin/python" -m pip install --quiet "${wanted[@]}"
