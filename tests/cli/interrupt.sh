#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ctrl-C in the middle of sealing or converting ends quickly, by the signal, with no seal, no file, no worker and no
# temporary file left; an old seal stays.
source "$(dirname "$0")/lib.sh"
need_torch
seal_model
before=$(cat tiny.seal/* | sha256sum)
mkdir tmp
export TMPDIR=$work/tmp
for pause in 0.05 0.3 0.6; do
  code=0
  # In the foreground of a shell of its own, since a background job of a script ignores SIGINT.
  "$PYTHON" - "$pause" "$GOLDSEAL" capture tiny.pth --model darknet:tiny.cfg --input image=random:64x3x32x32 --force --runtime "libtorch=$TORCH_DIR" <<'PY' || code=$?
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
process = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(float(sys.argv[1]))
process.send_signal(signal.SIGINT)
began = time.monotonic()
code = process.wait(timeout=20)
sys.exit(0 if code in (0, -signal.SIGINT) else 7)
PY
  [[ $code == 0 ]] || fail "the command did not end by SIGINT"
  [[ -z $(ls tmp) ]] || fail "left in the temporary directory: $(ls tmp)"
  [[ -z $(find . -name '*.partial') ]] || fail "a partial seal was left"
done
[[ -e tiny.seal/manifest.toml ]] || fail "the seal is gone"

# 8 GiB of zeros that take no room on the disk: nothing writes them before the signal comes.
"$PYTHON" - "$GOLDSEAL" <<'PY' || fail "convert did not stop"
import json, os, pathlib, signal, struct, subprocess, sys, time
size = 8 << 30
header = json.dumps({"zeros": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
with open("zeros.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header)
    file.truncate(8 + len(header) + size)
signal.signal(signal.SIGINT, signal.default_int_handler)
process = subprocess.Popen([sys.argv[1], "convert", "zeros.safetensors", "-o", "copy.pth"], stderr=subprocess.DEVNULL)
while process.poll() is None and not list(pathlib.Path().glob(".copy.pth.*")):
    time.sleep(0.01)
process.send_signal(signal.SIGINT)
sys.exit(process.wait(timeout=60) != -signal.SIGINT)
PY
[[ ! -e copy.pth && -z $(find . -name '*.partial') ]] || fail "an interrupted convert left a file"
expect 0 "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR"
no_worker_left
