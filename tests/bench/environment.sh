#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How long goldseal takes to know a machine and to judge one, beside PyTorch's own torch.utils.collect_env.
#   environment.sh GOLDSEAL SEAL [PYTHON-WITH-TORCH]
set -euo pipefail
goldseal=${1:?the goldseal binary}
seal=${2:?a seal}
python=${3:-}

target=$(mktemp --suffix=.toml)
trap 'rm -f "$target"' EXIT
"$goldseal" probe -o "$target"

# Best and median of many runs, in milliseconds: a shared machine makes the mean of one run meaningless.
measure() {
  local name=$1 runs=$2
  shift 2
  local times=()
  for _ in $(seq "$runs"); do
    local begin end
    begin=$(date +%s%N)
    "$@" > /dev/null 2>&1 || true
    end=$(date +%s%N)
    times+=($(((end - begin) / 1000)))
  done
  printf '%s\n' "${times[@]}" | sort -n | awk -v name="$name" \
    '{t[NR] = $1} END {printf "| %s | %.1f | %.1f |\n", name, t[1] / 1000, t[int((NR + 1) / 2)] / 1000}'
}

echo '| command | best, ms | median, ms |'
echo '|---|---|---|'
measure 'an empty program, which all rows contain' 40 "$(type -P true)"
measure 'goldseal probe' 40 "$goldseal" probe
measure 'goldseal check --target' 40 "$goldseal" check "$seal" --target "$target"
if [[ -n $python ]]; then
  measure 'python -m torch.utils.collect_env' 3 "$python" -m torch.utils.collect_env
fi
