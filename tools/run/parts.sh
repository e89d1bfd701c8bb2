#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Install the packages, then run the command that builds the parts of a run (a make). When that
# fails, the last line is `run: failed: CAUSE` with the first error, as for any failure of a run.
#   parts.sh COMMAND...
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'echo "run: failed: interrupted"; exit 130' HUP INT TERM

{ "$(dirname "$0")/../deps.sh" && "$@"; } 2>&1 | tee "$log" && exit 0
cause=$(grep -m 1 -E 'failed: |[Ee]rror: |\*\*\* ' "$log" | sed 's/^.*failed: //')
echo "run: failed: ${cause:-$* failed}"
exit 1
