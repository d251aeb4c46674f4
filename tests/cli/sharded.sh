#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A checkpoint of several files is sealed and verified by its index, and every one of its files is held against the seal.
source "$(dirname "$0")/lib.sh"
need_torch
make_model
"$PYTHON" - <<'PY'
import json

import torch

state = torch.load("tiny.pth", weights_only=True)
names = list(state)
for i in range(2):
    torch.save({name: state[name] for name in names[i::2]}, f"model-{i}.bin")
json.dump({"weight_map": {name: f"model-{i % 2}.bin" for i, name in enumerate(names)}}, open("model.bin.index.json", "w"))
torch.save({"epoch": 1, "model": state}, "wrapped.pth")
PY
expect 0 "$GOLDSEAL" capture model.bin.index.json --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 --runtime "libtorch=$TORCH_DIR" -o tiny.seal
expect 0 "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR"
expect 0 "$GOLDSEAL" check tiny.seal --verbose
says "the checkpoint's 3 files are the sealed ones"

# The same tensors in a shard that was written anew.
cp model-1.bin kept.bin
"$PYTHON" -c 'import torch; torch.save(torch.load("model-1.bin", weights_only=True), "model-1.bin", _use_new_zipfile_serialization=False)'
expect 0 "$GOLDSEAL" check tiny.seal
says "other bytes in model-1.bin"

"$PYTHON" - <<'PY'
import torch

state = torch.load("kept.bin", weights_only=True)
next(iter(state.values())).view(-1)[0] += 1
torch.save(state, "model-1.bin")
PY
expect 4 "$GOLDSEAL" check tiny.seal
says "error[tensors.file]"
rm model-1.bin
expect 4 "$GOLDSEAL" check tiny.seal
says "model-1.bin"

# A file named instead may hold the same weights elsewhere: what was sealed at the top, and the other way round.
mv kept.bin model-1.bin
expect 0 "$GOLDSEAL" capture wrapped.pth --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 --runtime "libtorch=$TORCH_DIR"
expect 0 "$GOLDSEAL" check wrapped.seal
expect 0 "$GOLDSEAL" check wrapped.seal --checkpoint tiny.pth
says "written anew"
