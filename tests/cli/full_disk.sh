#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A disk that fills up while sealing leaves the old seal as it was and nothing half-written.
source "$(dirname "$0")/lib.sh"
need_torch
seal_model
before=$(cat tiny.seal/* | sha256sum)
# A tiny tmpfs where it can be mounted, else a limit on the size of files.
full() {
  ( ulimit -f 8; trap '' XFSZ; exec "$GOLDSEAL" capture tiny.pth --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=8 --force --runtime "libtorch=$TORCH_DIR" )
}
code=0
full >out.txt 2>err.txt || code=$?
[[ $code == 2 || $code == 3 || $code == 1 ]] || fail "exit code $code on a full disk: $(cat out.txt err.txt)"
[[ $(cat tiny.seal/* | sha256sum) == "$before" ]] || fail "the old seal was touched"
[[ -z $(find . -name '*.partial') ]] || fail "a partial seal was left"
expect 0 "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR"
