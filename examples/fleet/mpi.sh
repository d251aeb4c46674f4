#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mpirun ends all ranks at the first exit code that is not 0, and their reports are lost: --exit-zero. A rank is no name of
# a node, so that the node is the host's own name, or what NODE_NAME says.
#   mpi.sh [mpirun's options: --hostfile hosts -N 1]
set -u
: "${SEAL:?a seal}" "${REPORTS:?a directory that all nodes can write to}"
GOLDSEAL=${GOLDSEAL:-goldseal}
begin=$(date -u +%Y-%m-%dT%H:%M:%SZ)
mpirun "$@" "$GOLDSEAL" verify "$SEAL" --exit-zero --timeout "${LIMIT:-300}" --report-dir "$REPORTS" --quiet ${EXTRA:-}
echo "mpirun left with $?, which decides nothing" >&2
"$GOLDSEAL" merge "$REPORTS" ${EXPECT:+--expect "$EXPECT"} --since "$begin"
