#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# HealthCheckProgram=…/healthcheck.sh: Slurm runs it as root, with no environment but SLURMD_NODENAME, ends it after 60 s
# and ignores its exit code: it drains by itself. Only what this script drained is resumed by it.
set -u
PATH=/usr/local/bin:/usr/bin:/bin
export SLURM_CONF=${SLURM_CONF:-/etc/slurm/slurm.conf}
: "${SEAL:=/etc/goldseal/model.seal}" "${REPORTS:=/var/lib/goldseal/reports}" "${GOLDSEAL:=goldseal}"
node=${SLURMD_NODENAME:-$(hostname -s)}
line=$(timeout 50 "$GOLDSEAL" check "$SEAL" --report-dir "$REPORTS" --format oneline --color never 2>&1)
code=$?
reason=$(scontrol show node "$node" 2>/dev/null | sed -n 's/^ *Reason=\(.*\) \[.*/\1/p')
case $code in
  1 | 4) scontrol update nodename="$node" state=drain reason="goldseal: ${line:0:60}" ;;
  0) case $reason in goldseal:*) scontrol update nodename="$node" state=resume ;; esac ;;
esac
exit 0
