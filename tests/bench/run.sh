#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints how goldseal's speed and memory compare with what people use today, on the full YOLOv3.
#   bash tests/bench/run.sh [--rounds N] [--check]     --check: exit code 1 when a ratio is over its limit
set -euo pipefail

# shellcheck source=../../scripts/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/setup.sh"
goldseal_set_up release

example=$GOLDSEAL_ROOT/examples/yolov3
mkdir -p -- "$GOLDSEAL_ROOT/build/bench"
cd -- "$GOLDSEAL_ROOT/build/bench"
cp -- "$example/yolov3.cfg" .
[[ -e expected.pt && expected.pt -nt $example/make_checkpoint.py ]] ||
  "$GOLDSEAL_PYTHON" "$example/make_checkpoint.py" --expected expected.pt
"$GOLDSEAL_BUILD/goldseal" capture yolov3.pth --model darknet:yolov3.cfg --input image=scene.png \
  --runtime "libtorch=$GOLDSEAL_TORCH_DIR" -o yolov3.seal --force --quiet
exec "$GOLDSEAL_PYTHON" "$GOLDSEAL_ROOT/tests/bench/speed.py" --goldseal "$GOLDSEAL_BUILD/goldseal" \
  --bench-report "$GOLDSEAL_BUILD/tests/unit/report/bench_report" --example "$example" --torch "$GOLDSEAL_TORCH_DIR" "$@"
