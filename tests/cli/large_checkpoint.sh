#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A checkpoint of two shards and 4 GiB is inspected, compared by its digests and converted by a process that may hold 384 MiB of
# its own: what it maps can be reclaimed. The shards are sparse, and only what is written anew takes room on the disk.
source "$(dirname "$0")/lib.sh"
[[ -n $PYTHON ]] || { echo "skipped: no Python was configured"; exit 125; }
free=$(df --output=avail -k . | tail -1)
((free > 6 << 20)) || { echo "skipped: less than 6 GiB are free"; exit 125; }
"$PYTHON" - <<'PY'
import json
import struct

places = {}
for shard in range(2):
    name = f"model-{shard + 1:05}-of-00002.safetensors"
    header, end = {}, 0
    for layer in range(8 * shard, 8 * shard + 8):
        for part, shape in (("up", [16384, 4096]), ("down", [4096, 16384])):
            size = 2 * shape[0] * shape[1]
            header[f"layers.{layer}.{part}.weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
            places[f"layers.{layer}.{part}.weight"] = name
            end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(name, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
with open("model.safetensors.index.json", "w") as file:
    json.dump({"metadata": {}, "weight_map": places}, file)
with open("model-00002-of-00002.safetensors", "r+b") as file:
    file.seek(-2, 2)
    file.write(b"\x80\x3f")  # one element is 1
PY
ulimit -d $((384 << 10))
expect 0 "$GOLDSEAL" inspect model.safetensors.index.json
says "layers.15.down.weight"
expect 0 "$GOLDSEAL" convert model.safetensors.index.json -o whole.safetensors
expect 0 "$GOLDSEAL" diff model.safetensors.index.json whole.safetensors
says "32 tensors are equal, 0 differ"
printf '\x00\x00' | dd of=whole.safetensors bs=1 seek=$(($(stat -c %s whole.safetensors) - 2)) conv=notrunc status=none
expect 1 "$GOLDSEAL" diff model.safetensors.index.json whole.safetensors
says "31 tensors are equal, 1 differ"
