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
expect 1 "$GOLDSEAL" check tiny.seal
says "error[tensors.file]"
rm model-1.bin
# What was not copied is not damage.
expect 2 "$GOLDSEAL" check tiny.seal
says "1 of 2 shards are missing: model-1.bin"

# A file named instead may hold the same weights elsewhere: what was sealed at the top, and the other way round.
mv kept.bin model-1.bin
expect 0 "$GOLDSEAL" capture wrapped.pth --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 --runtime "libtorch=$TORCH_DIR"
expect 0 "$GOLDSEAL" check wrapped.seal
expect 0 "$GOLDSEAL" check wrapped.seal --checkpoint tiny.pth
says "was rewritten"

# What several ranks saved in pieces is put together for the worker, and for `convert`. Here two halves of each tensor that has rows to share.
"$PYTHON" -W ignore - <<'PY' || { [[ $? == 125 ]] && { echo "skipped: the pieces of several ranks" >&2; exit 125; }; exit 1; }
import pickle
import sys

import torch

try:
    import torch.distributed.checkpoint as checkpoint
    from torch.distributed.checkpoint.metadata import ChunkStorageMetadata, MetadataIndex
except ImportError:
    sys.exit(125)
state = torch.load("tiny.pth", weights_only=True)
cut = {name: tensor.dim() - 1 if tensor.dim() == 1 else 1 for name, tensor in state.items() if tensor.dim() and tensor.shape[min(1, tensor.dim() - 1)] > 1}
parts = {f"{name}.part{i}": part.clone() for name, dim in cut.items() for i, part in enumerate(state[name].tensor_split(2, dim))}
checkpoint.save({**{name: tensor for name, tensor in state.items() if name not in cut}, **parts}, checkpoint_id="pieces", no_dist=True)
with open("pieces/.metadata", "rb") as file:
    metadata = pickle.load(file)
for name, dim in cut.items():
    chunks, start = [], 0
    for i in range(2):
        described = metadata.state_dict_metadata.pop(f"{name}.part{i}")
        place = metadata.storage_data.pop(MetadataIndex(f"{name}.part{i}", torch.Size([0] * state[name].dim()), 0))
        at = torch.Size(start if d == dim else 0 for d in range(state[name].dim()))
        chunks.append(ChunkStorageMetadata(at, described.size))
        metadata.storage_data[MetadataIndex(name, at, i)] = place
        start += described.size[dim]
    described.size, described.chunks = state[name].shape, chunks
    metadata.state_dict_metadata[name] = described
metadata.planner_data = {name: (name,) for name in state}
with open("pieces/.metadata", "wb") as file:
    pickle.dump(metadata, file, protocol=4)
PY
expect 0 "$GOLDSEAL" inspect pieces
says "in pieces"
expect 0 "$GOLDSEAL" diff pieces tiny.pth
expect 0 "$GOLDSEAL" capture pieces --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 --runtime "libtorch=$TORCH_DIR" -o pieces.seal
expect 0 "$GOLDSEAL" verify pieces.seal --runtime "libtorch=$TORCH_DIR"
expect 0 "$GOLDSEAL" verify pieces.seal --runtime "libtorch=$TORCH_DIR" --checkpoint tiny.pth
expect 0 "$GOLDSEAL" convert pieces -o joined.safetensors
expect 0 "$GOLDSEAL" check pieces.seal --checkpoint joined.safetensors
