#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#SBATCH --no-kill
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

# One task a node; a node that fails must not end the others (--kill-on-bad-exit=0), and none waits for a dead one (--wait,
# counted from the first that ends: a node that hangs has its inner limit, and a minute to start and to report). Without
# --no-kill Slurm ends the whole job, and the verdict with it, as soon as it notices that a node died.
# ${EXTRA:-} is for a site's own options: --runtime, --device all.
timeout -k 10 "$STEP" srun --ntasks-per-node=1 --wait="$((LIMIT + 60))" --kill-on-bad-exit=0 --no-kill \
  "$GOLDSEAL" verify "$SEAL" --exit-zero --timeout "$LIMIT" --report-dir "$REPORTS" --quiet ${EXTRA:-}
echo "srun left with $?, which decides nothing" >&2

"$GOLDSEAL" merge "$REPORTS" --expect-slurm --since "$begin" --report "html=$REPORTS/fleet.html"
