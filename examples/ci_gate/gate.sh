#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Judges every seal below models/ against every machine below targets/. Needs goldseal on the PATH, and neither a GPU nor
# PyTorch. Leaves with goldseal's exit code, the gravest of all seals: 0 all conform, 1 one does not, 3 nothing to judge.
#   gate.sh [MODELS [TARGETS [REPORTS]]]
set -u
models=${1:-models}
targets=${2:-targets}
reports=${3:-gate-reports}

set --
for target in "$targets"/*.toml; do
  [ -e "$target" ] && set -- "$@" --target "$target"
done
if [ $# -eq 0 ]; then
  echo "gate: no machine below $targets/: capture one with 'goldseal probe -o $targets/NAME.toml'" >&2
  exit 3
fi

mkdir -p "$reports"
worst=0
judged=0
for seal in "$models"/*.seal; do
  [ -d "$seal" ] || continue
  name=$(basename "$seal" .seal)
  goldseal check "$seal" "$@" --policy "${GATE_POLICY:-deploy}" --report "junit=$reports/$name.xml" \
    --report "markdown=$reports/$name.md"
  code=$?
  judged=$((judged + 1))
  [ "$code" -gt "$worst" ] && worst=$code
done
if [ "$judged" -eq 0 ]; then
  echo "gate: no seal below $models/: make one with 'goldseal capture'" >&2
  exit 3
fi
exit "$worst"
