# SPDX-License-Identifier: Apache-2.0
# What the scripts of this folder share. Each proves one behaviour of the command, works in a directory of its own, and leaves with 0 (proved),
# 125 (skipped: no PyTorch at hand) or anything else (not proved). They are given:
#   GOLDSEAL   the command          PYTHON     an interpreter with torch, or empty
#   TORCH_DIR  a LibTorch that has a worker, or empty
#   OTHER_TORCH_DIR  one of another version, or empty
set -euo pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  printf 'not proved: %s\n' "$*" >&2
  exit 1
}

need_torch() {
  [[ -n ${PYTHON:-} && -n ${TORCH_DIR:-} ]] || { echo "skipped: no PyTorch with a worker" >&2; exit 125; }
}

# expect CODE COMMAND...: runs it, keeps what it printed in $out and $err.
expect() {
  local wanted=$1 code=0
  shift
  "$@" >out.txt 2>err.txt || code=$?
  out=$(<out.txt)
  err=$(<err.txt)
  [[ $code == "$wanted" ]] || fail "exit code $code instead of $wanted: $*"$'\n'"$out"$'\n'"$err"
}

# says TEXT: the last command's output or errors contain it. Reports are wrapped, so line breaks count as blanks.
says() {
  local flat
  flat=$(printf '%s %s' "$out" "$err" | tr -s ' \n' ' ')
  [[ $flat == *"$1"* ]] || fail "expected to read «$1» in:"$'\n'"$out"$'\n'"$err"
}

# Other tests have workers of their own at the same time: ours carry this script's directory in their environment.
export GOLDSEAL_TEST_DIRECTORY=$work
# Workers that this test started and that live on.
left_behind() {
  local environment pid
  for environment in /proc/[0-9]*/environ; do
    pid=${environment//[!0-9]/}
    ! { tr '\0' '\n' <"$environment" | grep -qxF "GOLDSEAL_TEST_DIRECTORY=$work"; } 2>/dev/null || [[ $(<"/proc/$pid/comm") != goldseal-worker* ]] || echo "$pid"
  done
} 2>/dev/null

# A worker that was killed takes a moment to give its memory back.
no_worker_left() {
  local attempt
  for ((attempt = 0; attempt < 50; attempt++)); do
    [[ -n $(left_behind) ]] || return 0
    sleep 0.1
  done
  fail "a worker was left behind"
}

# A network of every part that YOLOv3 has, in miniature, and its checkpoint as DataParallel saves it.
make_model() { "$PYTHON" -B "$tests/detector.py" .; }

seal_model() {
  make_model
  expect 0 "$GOLDSEAL" capture tiny.pth --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 --runtime "libtorch=$TORCH_DIR"
}
