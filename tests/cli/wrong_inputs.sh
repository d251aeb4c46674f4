#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An input that the network cannot take is refused with what it takes, and no seal is written.
source "$(dirname "$0")/lib.sh"
need_torch
make_model
capture() { "$GOLDSEAL" capture tiny.pth --model darknet:tiny.cfg --runtime "libtorch=$TORCH_DIR" "$@"; }
expect 2 capture --input image=random:1x3x64x32
says "32"
"$PYTHON" -c "import numpy; numpy.save('ints.npy', numpy.zeros((1, 3, 32, 32), 'i4'))"
expect 2 capture --input image=ints.npy
says "int32"
expect 2 capture --input picture=random:1x3x32x32
says "image"
expect 2 capture --input image=none.npy
says "none.npy"
[[ ! -e tiny.seal ]] || fail "a seal was written"
no_worker_left
