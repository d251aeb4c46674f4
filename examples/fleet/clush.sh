#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clush leaves with 0 whatever the nodes said, with -S with the highest code: which node it was is in neither.
#   NODES='gpu[0-3]' clush.sh [clush's options]
set -u
: "${SEAL:?a seal}" "${REPORTS:?a directory that all nodes can write to}" "${NODES:?gpu[0-3]}"
GOLDSEAL=${GOLDSEAL:-goldseal}
begin=$(date -u +%Y-%m-%dT%H:%M:%SZ)
# %h is the node as clush names it, which is the name that NODES expects.
clush -w "$NODES" "$@" "$GOLDSEAL verify $SEAL --node %h --exit-zero --timeout ${LIMIT:-300} --report-dir $REPORTS --quiet ${EXTRA:-}"
echo "clush left with $?, which decides nothing" >&2
"$GOLDSEAL" merge "$REPORTS" --expect "$NODES" --since "$begin"
