#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Darknet's .weights are sealed, verified, shown and converted with the cfg that they belong to, and give PyTorch's answers.
source "$(dirname "$0")/lib.sh"
need_torch
make_model
"$PYTHON" - <<'PY'
import struct

import torch

state = {name.removeprefix("module."): tensor for name, tensor in torch.load("tiny.pth", weights_only=True).items()}
with open("tiny.weights", "wb") as file:
    file.write(struct.pack("<iiiq", 0, 2, 0, 64))
    for i in range(3):
        conv, norm = f"module_list.{i}.conv_{i}.", f"module_list.{i}.batch_norm_{i}."
        names = [norm + part for part in ("bias", "weight", "running_mean", "running_var")] if norm + "bias" in state else [conv + "bias"]
        for name in [*names, conv + "weight"]:
            file.write(state[name].numpy().tobytes())
PY
expect 2 "$GOLDSEAL" inspect tiny.weights
says "--model darknet:FILE.cfg"
expect 0 "$GOLDSEAL" inspect tiny.weights --model darknet:tiny.cfg
says "darknet-weights, 12 tensors"
expect 0 "$GOLDSEAL" convert tiny.weights --model darknet:tiny.cfg -o out.pth
"$PYTHON" - <<'PY'
import torch

found = torch.load("out.pth", weights_only=True)
expected = {name.removeprefix("module."): tensor for name, tensor in torch.load("tiny.pth", weights_only=True).items()}
assert set(expected) - set(found) == {name for name in expected if name.endswith("num_batches_tracked")}, set(expected) ^ set(found)
assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())
PY
expect 0 "$GOLDSEAL" capture tiny.weights --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 --runtime "libtorch=$TORCH_DIR"
expect 0 "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR"
expect 0 "$GOLDSEAL" check tiny.seal
"$PYTHON" - <<'PY'
data = bytearray(open("tiny.weights", "rb").read())
data[400] ^= 1
open("changed.weights", "wb").write(data)
PY
expect 4 "$GOLDSEAL" check tiny.seal --checkpoint changed.weights
says "module_list.0.conv_0.weight"
