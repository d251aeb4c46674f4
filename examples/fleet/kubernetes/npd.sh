#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A plugin of node-problem-detector: 0 is OK, 1 a problem, everything else unknown. goldseal's 4 (damaged) is a problem
# too. The first 80 bytes of the output become the condition's message.
set -u
: "${SEAL:=/models/model.seal}" "${GOLDSEAL:=goldseal}"
line=$("$GOLDSEAL" "${VERB:-check}" "$SEAL" ${EXTRA:-} --format oneline --color never 2>/dev/null)
code=$?
line=${line%%$'\n'*}
printf '%.80s\n' "${line:-goldseal gave no verdict ($code)}"
case $code in
  0) exit 0 ;;
  1 | 4) exit 1 ;;
  *) exit 2 ;;
esac
