#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Metrics for node_exporter's textfile collector (--collector.textfile.directory), of one node or of a fleet. The file
# appears whole, by a rename. An alert should watch goldseal_last_run_timestamp_seconds too: a pass grows old.
#   textfile.sh DIRECTORY            this node, by `goldseal check`
#   textfile.sh DIRECTORY REPORTS    the fleet, by `goldseal merge`
set -u
: "${1:?the collector\'s directory}" "${GOLDSEAL:=goldseal}"
if (($# > 1)); then
  "$GOLDSEAL" merge "$2" ${EXPECT:+--expect "$EXPECT"} --quiet --report "prometheus=$1/goldseal_fleet.prom"
else
  "$GOLDSEAL" check "${SEAL:?a seal}" --quiet --report "prometheus=$1/goldseal.prom"
fi
code=$?
((code == 2)) && exit 2
exit 0
