#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sbatch -N 4 job.sh: verifies SEAL on every node of the job, then decides. srun's exit code is not looked at: a node that
# dies in the middle can leave it at 0, a node that fails makes it say nothing about the others.
#
#   LIMIT   seconds that goldseal gives a model's run (an inner limit ends a node that hangs in seconds, Slurm's in minutes)
#   STEP    seconds for the whole step, after which srun itself is ended
set -u
: "${SEAL:?a seal}" "${REPORTS:?a directory that all nodes can write to}"
GOLDSEAL=${GOLDSEAL:-goldseal}
LIMIT=${LIMIT:-300}
STEP=${STEP:-900}
begin=$(date -u +%Y-%m-%dT%H:%M:%SZ)

# One task a node; a node that fails must not end the others (--kill-on-bad-exit=0), and none waits for a dead one (--wait).
# ${EXTRA:-} is for a site's own options: --runtime, --device all.
timeout -k 10 "$STEP" srun --ntasks-per-node=1 --wait="$LIMIT" --kill-on-bad-exit=0 \
  "$GOLDSEAL" verify "$SEAL" --exit-zero --timeout "$LIMIT" --report-dir "$REPORTS" --quiet ${EXTRA:-}
echo "srun left with $?, which decides nothing" >&2

"$GOLDSEAL" merge "$REPORTS" --expect-slurm --since "$begin" --report "html=$REPORTS/fleet.html"
