#!/usr/bin/env bash
# Runs the tests that kill what they test over and over, on one core and on two, niced and not, and counts the failures:
#   scripts/repeat-kill-tests.sh [RUNS OF EACH KIND [FILE...]]
# Output goes to $LOGS, by default a new directory, where each run that failed leaves its log.
set -u
cd "$(dirname "$0")/.."
runs=${1:-25}
shift
[ $# -gt 0 ] || set -- test/e2e/batch-killed.test.ts test/lock.test.ts
logs=${LOGS:-$(mktemp -d)}
total=0
for cores in 0 0-1; do
  for niceness in 0 19; do
    failed=0
    for run in $(seq "$runs"); do
      log=$logs/cores-$cores-nice-$niceness-$run.log
      if taskset -c "$cores" nice -n "$niceness" npx vitest run "$@" >"$log" 2>&1; then rm "$log"; else failed=$((failed + 1)); fi
      printf '%s cores %s nice %s: %d of %d failed\n' "$(date +%T)" "$cores" "$niceness" "$failed" "$run" >>"$logs/progress"
    done
    tail -n 1 "$logs/progress"
    total=$((total + failed))
  done
done
echo "$total of $((4 * runs)) runs failed; logs in $logs"
[ "$total" -eq 0 ]
