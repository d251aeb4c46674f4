#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# YOLOv3 from a DataParallel checkpoint, end to end: seals it, verifies it here and with another PyTorch, then damages it in
# four ways and shows that each damage is found and named. Sets up all it needs.
#   bash examples/yolov3/run.sh [--keep DIR]     works in DIR and leaves the damaged files there (else build/examples/yolov3)
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
work=
if [[ ${1:-} == --keep ]]; then
  work=${2:?--keep takes a directory}
elif (($# > 0)); then
  printf 'usage: bash examples/yolov3/run.sh [--keep DIR]\n' >&2
  exit 2
fi

# shellcheck source=../../scripts/setup.sh
source "$here/../../scripts/setup.sh"
keep=${work:+yes}
work=${work:-$GOLDSEAL_ROOT/build/examples/yolov3}
mkdir -p -- "$work"
work=$(cd -- "$work" && pwd -P)
goldseal_set_up release goldseal  # no LibTorch worker: the Python worker reads Darknet cfgs too
PATH="$GOLDSEAL_BUILD:$PATH"
cd -- "$work"

weight=module.module_list.84.conv_84.weight
runtime=python=$GOLDSEAL_PYTHON
other_machine=
if [[ -n $GOLDSEAL_OTHER_TORCH ]] && "$GOLDSEAL_OTHER_TORCH/bin/python3" -c 'import torch' 2>/dev/null; then
  other_machine=python=$GOLDSEAL_OTHER_TORCH/bin/python3
fi

chapter() { printf '\n== %s\n' "$*"; }

show() {
  local word line=
  for word in "$@"; do
    [[ $word != *[!A-Za-z0-9_./:=,+-]* ]] || word="'$word'"
    line+=" $word"
  done
  printf '\n$%s\n' "$line"
}

# run COMMAND...: shows it and runs it.
run() {
  show "$@"
  "$@"
}

# expect CODE PATTERN COMMAND...: runs it as a user would, and ends the example if the exit code or the named cause surprises.
expect() {
  local wanted=$1 pattern=$2 code=0
  shift 2
  show "$@"
  "$@" 2>&1 | tee output.txt || code=${PIPESTATUS[0]}
  printf '[exit code %s]\n' "$code"
  if [[ $code != "$wanted" ]]; then
    printf '\nSURPRISE: the exit code is %s, and %s was to be expected.\n' "$code" "$wanted" >&2
    exit 1
  fi
  if ! grep -qiE -- "$pattern" output.txt; then
    printf '\nSURPRISE: the output does not say what was to be expected (%s).\n' "$pattern" >&2
    exit 1
  fi
}

discard() { [[ -n $keep ]] || rm -rf -- "$@"; }

chapter "A YOLOv3, wrapped in DataParallel and saved with torch.save, and a picture"
cp -- "$here"/{yolov3.cfg,darknet.py,make_checkpoint.py,flip_bit.py} .
if [[ ! -e made || $(<made) != "$(cat -- ./*.py yolov3.cfg | cksum)" ]]; then
  expect 0 '61,949,149 parameters in 438 entries' "$GOLDSEAL_PYTHON" make_checkpoint.py
  cat -- ./*.py yolov3.cfg | cksum >made
fi

chapter "Where it was trained: seal it"
expect 0 'yolov3.seal' goldseal capture yolov3.pth --model darknet:yolov3.cfg --input image=scene.png \
  --runtime "$runtime" -o yolov3.seal --force

chapter "On the same machine: it verifies"
expect 0 . goldseal verify yolov3.seal --runtime "$runtime"

if [[ -n $other_machine ]]; then
  chapter "On another machine, with another PyTorch: it verifies too, and the differences are listed"
  expect 0 'torch\.version|torch.version' goldseal verify yolov3.seal --runtime "$other_machine"
else
  chapter "On another machine: left out, since this distribution has no second PyTorch"
fi

chapter "Damage 1: one bit of one weight flipped in the file"
expect 0 flipped "$GOLDSEAL_PYTHON" flip_bit.py yolov3.pth flipped.pth "$weight"
expect 4 'module_list.84.conv_84.weight|crc' goldseal verify yolov3.seal --checkpoint flipped.pth --runtime "$runtime"
chapter "and in a file that is sound again: only the weight's digest can tell"
expect 0 flipped "$GOLDSEAL_PYTHON" flip_bit.py --resave yolov3.pth flipped.pth "$weight"
expect 4 'module_list.84.conv_84.weight' goldseal verify yolov3.seal --checkpoint flipped.pth --runtime "$runtime"
discard flipped.pth

chapter "Damage 2: the cfg of a network for another number of classes (20 instead of 80)"
run cp yolov3.cfg classes20.cfg
run sed -i -e 's/^classes=80/classes=20/' -e 's/^filters=255/filters=75/' classes20.cfg
expect 1 'class' goldseal verify yolov3.seal --model darknet:classes20.cfg --runtime "$runtime"

chapter "Damage 3: a cfg with another eps in its BatchNorm, which no state dict holds"
run cp yolov3.cfg eps.cfg
run sed -i -e 's/^\[net\]/[net]\nbatch_normalize_eps=0.001/' eps.cfg
expect 1 'eps' goldseal verify yolov3.seal --model darknet:eps.cfg --runtime "$runtime"

chapter "Damage 4: a checkpoint that was cut short on its way"
run cp yolov3.pth truncated.pth
run truncate --size=-1M truncated.pth
expect 4 'truncat|cut short|incomplete' goldseal verify yolov3.seal --checkpoint truncated.pth --runtime "$runtime"
discard truncated.pth

printf '\nAll as it should be: the seal verified%s, and every damage was found and named.\n' "${other_machine:+ on both machines}"
