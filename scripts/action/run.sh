#!/usr/bin/env bash
# Runs banstorm as a step: the verdict is the step's exit code, its outputs and the job's summary.
#
# Reads  BANSTORM_SCENARIO or BANSTORM_TAG, BANSTORM_TARGET, BANSTORM_ARGS (one word a line), BANSTORM_OUT
#        RUNNER_TEMP          where install.sh has put the environment
#        GITHUB_OUTPUT        file that takes verdict, exit-code and report
#        GITHUB_STEP_SUMMARY  file that takes each run's summary.md
set -uo pipefail
banstorm="${RUNNER_TEMP:?}/banstorm-env/bin/banstorm"
out="${BANSTORM_OUT:-banstorm-runs}"

words=()
if [ -n "${BANSTORM_SCENARIO:-}" ] && [ -n "${BANSTORM_TAG:-}" ]; then
  echo "::error title=banstorm::scenario and tag are both given: take one of them away" && exit 2
elif [ -n "${BANSTORM_SCENARIO:-}" ]; then
  words+=("$BANSTORM_SCENARIO")
elif [ -n "${BANSTORM_TAG:-}" ]; then
  words+=(--tag "$BANSTORM_TAG")
else
  echo "::error title=banstorm::neither scenario nor tag is given: set one, such as scenario: sudden_ban" && exit 2
fi
[ -n "${BANSTORM_TARGET:-}" ] && words+=(--target "$BANSTORM_TARGET")
while IFS= read -r word; do
  word="${word%$'\r'}"
  [ -n "$word" ] && words+=("$word")
done <<<"${BANSTORM_ARGS:-}"

mkdir -p "$out"
began="$(mktemp "${RUNNER_TEMP}/banstorm-began.XXXXXX")"
"$banstorm" run "${words[@]}" --out "$out"
code=$?

# The folders of this step, oldest first: their names begin with the time. Earlier steps may have left others.
report=""
summary="${GITHUB_STEP_SUMMARY:-/dev/null}"
while IFS= read -r page; do
  report="$page"
  text="$(dirname "$page")/summary.md"
  [ -f "$text" ] && cat "$text" >>"$summary" && echo >>"$summary"
done < <(find "$out" -mindepth 2 -maxdepth 2 -name report.html -newer "$began" | sort)
rm -f "$began"

case "$code" in
  0) verdict=pass ;;
  1) verdict=fail ;;
  3) verdict=inconclusive ;;
  *) verdict=error ;;
esac
{
  echo "verdict=$verdict"
  echo "exit-code=$code"
  echo "report=$report"
} >>"${GITHUB_OUTPUT:-/dev/null}"
exit "$code"
