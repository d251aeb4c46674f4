#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A seal that was edited, cut short or lacks a file is noticed before anything else.
source "$(dirname "$0")/lib.sh"
need_torch
seal_model
fresh() { rm -rf copy.seal; cp -r tiny.seal copy.seal; }
verify() { "$GOLDSEAL" verify copy.seal --runtime "libtorch=$TORCH_DIR"; }
fresh; sed -i 's/repeatable = true/repeatable = false/' copy.seal/manifest.toml
expect 4 verify
says "changed after it was sealed"
fresh; head -n 20 tiny.seal/manifest.toml >copy.seal/manifest.toml
expect 4 verify
fresh; rm copy.seal/golden.safetensors
expect 4 verify
says "golden.safetensors is missing"
fresh; printf 'x' | dd of=copy.seal/golden.safetensors bs=1 seek=5000 conv=notrunc status=none
expect 4 verify
says "error[seal.golden-file]"
fresh; rm copy.seal/manifest.toml
expect 2 verify
says "expected a seal"
# A seal of a stranger's never makes the command wait: pipes in the places of its files.
for name in manifest.toml golden.safetensors; do
  fresh; rm copy.seal/$name; mkfifo copy.seal/$name
  for verb in check verify; do
    expect 2 timeout 60 "$GOLDSEAL" $verb copy.seal
    says "found a pipe"
  done
done
rm tiny.pth
fresh
expect 2 verify
says "tiny.pth: the checkpoint is missing"
says "name it with --checkpoint FILE"
expect 2 "$GOLDSEAL" check copy.seal
says "tiny.pth: the checkpoint is missing"
expect 2 "$GOLDSEAL" capture tiny.pth --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 --runtime "libtorch=$TORCH_DIR" --force
says "tiny.pth: "
says "such file"
