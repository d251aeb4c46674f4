#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prolog=…/prolog.sh: judges the node by facts before each job, in well under a second and without PyTorch. A prolog that
# fails drains the node and refuses the user's job, so that only a finding about this node may do it: 1 (a check failed)
# and 4 (a file is damaged). A seal that cannot be read (2) would drain the whole fleet; what could not be judged (3) is
# left to the job.
set -u
: "${SEAL:=/etc/goldseal/model.seal}" "${REPORTS:=/var/lib/goldseal/reports}" "${GOLDSEAL:=goldseal}"
line=$("$GOLDSEAL" check "$SEAL" --policy "${POLICY:-deploy}" --report-dir "$REPORTS" --format oneline --color never 2>&1)
case $? in
  1 | 4)
    echo "print goldseal: $line"
    exit 1
    ;;
esac
exit 0
